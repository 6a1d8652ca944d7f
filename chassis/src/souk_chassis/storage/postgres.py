"""PostgreSQL: a pool, units of work with their outbox, and the translation of its failures into ours."""

import asyncio
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from typing import Any, Generic, TypeVar

import asyncpg
from asyncpg.pool import PoolConnectionProxy

from souk_chassis.clock import Clock
from souk_chassis.context import unit_is_open
from souk_chassis.errors import timeout_unknown, unavailable
from souk_chassis.events.event import Event, Stored, bundle, message_numbers, pack
from souk_chassis.storage.collisions import CollisionError
from souk_chassis.storage.ports import Waiting
from souk_chassis.storage.statements import Rows, Statement

Connection = PoolConnectionProxy

POOL_SIZE = 8
"""Connections a service holds at most."""
ACQUIRE_TIMEOUT_S = 5.0
"""How long a unit of work waits for a connection."""
PING_TIMEOUT_S = 2.0
"""How long a readiness check waits for the server."""
COMMAND_TIMEOUT_S = 30.0
"""How long one statement may take."""
CLOSE_TIMEOUT_S = 5.0
"""How long closing connections may take: what holds them then has lost its server."""

_GONE = (
    OSError,
    asyncpg.PostgresConnectionError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,  # what asyncpg's pool says of a connection that died in its hands
    asyncpg.OperatorInterventionError,
    asyncpg.InsufficientResourcesError,
)
_LOST = (
    OSError,
    asyncpg.PostgresConnectionError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    TimeoutError,
)
"""Nothing came back: unlike an error that the server told, this does not say whether a statement was kept."""
_COLLIDED = (asyncpg.DeadlockDetectedError, asyncpg.SerializationError)


@contextmanager
def translated() -> Iterator[None]:
    """Turn the failures of a lost, stopping or crowded server into SoukError `unavailable`."""
    try:
        yield
    except _GONE as error:
        raise unavailable("database_unavailable", "The database can't be reached just now.") from error
    except _COLLIDED as error:
        raise CollisionError from error
    except TimeoutError as error:
        raise unavailable("database_busy", "The database did not answer in time.") from error


class PostgresUnit:
    """One transaction. A service's unit derives from it and adds its statements on `connection`."""

    def __init__(self, connection: Connection, service: str, clock: Clock) -> None:
        self.connection = connection
        self.service = service
        self.clock = clock
        self._outgoing: list[Stored] = []

    def publish(self, event: Event, traceparent: str) -> None:
        """See `souk_chassis.storage.ports.Unit`."""
        self._outgoing.append(pack(event, source=self.service, time=self.clock.now(), traceparent=traceparent))

    async def take(self, queue: str, limit: int) -> list[Waiting]:
        """See `souk_chassis.storage.ports.Unit`."""
        return in_order(await self.connection.fetch(_TAKE, queue, self.clock.now(), limit))

    async def acknowledge(self, queue: str, leased: Mapping[str, int]) -> set[str]:
        """See `souk_chassis.storage.ports.Unit`."""
        rows = await self.connection.fetch(_ACKNOWLEDGE, queue, list(leased), list(leased.values()))
        return {str(row[0]) for row in rows}

    async def flush(self) -> bool:
        """Write what was published into the outbox. Returns whether there was anything."""
        if not self._outgoing:
            return False
        await publish(self.connection, bundle(self._outgoing))
        return True


async def publish(connection: Connection, messages: Sequence[Stored]) -> None:
    """Write messages into the outbox."""
    await _PUBLISH.execute(connection, **_MESSAGES.arrays(messages))


def published_for(rows: str) -> str:
    """The part of a WITH that publishes events for those rows of the same statement that are new: `rows` is a query for
    their keys. Its parameters are `events_for`'s."""
    return f"""published AS (
        INSERT INTO outbox (event_id, type, event, events)
        SELECT (array_agg(event_id ORDER BY event_id))[1], :type, CASE count(*)
                   WHEN 1 THEN string_agg(json, ',' ORDER BY event_id)
                   ELSE '[' || string_agg(json, ',' ORDER BY event_id) || ']' END, count(*)
        FROM {_EVENTS} WHERE key IN ({rows}) GROUP BY message)"""


def events_for(events: Mapping[str, Stored]) -> dict[str, Any]:
    """The parameters of `published_for`: single events of one type, by the key of their row, in their order."""
    stored = list(events.values())
    numbers = message_numbers(len(event.json) for event in stored)
    return {"type": stored[0].type, **_EVENTS.arrays(stored, key=list(events), message=numbers)}


def in_order(rows: Iterable[Any]) -> list[Waiting]:
    """Rows of an inbox (id, message, attempts, events) as messages, oldest first."""
    return sorted((Waiting(str(row[0]), *row[1:]) for row in rows), key=lambda waiting: waiting.event_id)


CHOSEN = """
WITH due AS MATERIALIZED (
    SELECT event_id, events FROM inbox WHERE queue = $1 AND visible_at <= $2
    ORDER BY event_id LIMIT $3 FOR UPDATE SKIP LOCKED),
summed AS (SELECT event_id, events, sum(events) OVER (ORDER BY event_id) AS up_to FROM due),
chosen AS (SELECT event_id FROM summed WHERE up_to <= $3 OR up_to = events)
"""
"""The oldest messages of queue $1 that are due at $2: $3 events, or one message."""
_TAKE = f"""
{CHOSEN} DELETE FROM inbox USING chosen WHERE queue = $1 AND inbox.event_id = chosen.event_id
RETURNING inbox.event_id, event, attempts, events
"""
_ACKNOWLEDGE = """
DELETE FROM inbox USING unnest($2::uuid[], $3::int[]) AS leased (id, attempts)
WHERE queue = $1 AND event_id = leased.id AND inbox.attempts = leased.attempts
RETURNING event_id
"""
_MESSAGES = Rows("messages", event_id="uuid", type="text", json="text", count="int4")
_PUBLISH = Statement(
    f"INSERT INTO outbox (event_id, type, event, events) SELECT event_id, type, json, count FROM {_MESSAGES}"
)
_EVENTS = Rows("events", key="text", event_id="uuid", json="text", message="int4")

U = TypeVar("U", bound=PostgresUnit)


async def _keep_session(_: asyncpg.Connection) -> None:
    """No reset on release: Souk sets nothing on a session, and a reset is a round trip."""


async def open_pool(dsn: str, *, size: int, name: str) -> asyncpg.Pool:
    """A pool that connects when first used."""
    return await asyncpg.create_pool(
        dsn,
        min_size=0,
        max_size=size,
        command_timeout=COMMAND_TIMEOUT_S,
        timeout=ACQUIRE_TIMEOUT_S,
        reset=_keep_session,
        server_settings={"application_name": name, "timezone": "UTC"},
    )


async def close_pool(pool: asyncpg.Pool) -> None:
    """Close a pool, for `CLOSE_TIMEOUT_S` at most."""
    try:
        await asyncio.wait_for(pool.close(), CLOSE_TIMEOUT_S)
    except TimeoutError:
        pool.terminate()


async def give_back(pool: asyncpg.Pool, connection: Connection) -> None:
    """Release a connection. One that broke may have left the pool already; what was committed on it stays so."""
    with suppress(*_GONE, TimeoutError):
        await asyncio.shield(pool.release(connection))


class PostgresSession(Generic[U]):
    """A service's database: its pool and its units of work. `PostgresDatabase` adds the queues."""

    def __init__(self, pool: "asyncpg.Pool", service: str, clock: Clock, unit: type[U]) -> None:
        self.pool = pool
        self.service = service
        self.clock = clock
        self.published = asyncio.Event()
        self._unit = unit

    @asynccontextmanager
    async def unit(self) -> AsyncIterator[U]:
        """Open a unit of work: commit at the end of the block, roll back on an exception.

        Raises SoukError `unavailable` where nothing was kept, `timeout_unknown` where the connection was lost during
        the commit, so that nobody can say.
        """
        with translated():
            connection = await self.pool.acquire(timeout=ACQUIRE_TIMEOUT_S)
        mark = unit_is_open.set(True)
        try:
            unit = self._unit(connection, self.service, self.clock)
            with translated():
                transaction = connection.transaction()
                await transaction.start()
            try:
                with translated():
                    yield unit
                    published = await unit.flush()
            except BaseException:
                # What can't be rolled back any more has been: the server undoes what a lost connection left open.
                with suppress(*_GONE, TimeoutError):
                    await transaction.rollback()
                raise
            try:
                await transaction.commit()
            except (*_GONE, TimeoutError) as error:
                raise timeout_unknown("commit_unknown", "The connection was lost while committing.") from error
            if published:
                self.published.set()
        finally:
            unit_is_open.reset(mark)
            await give_back(self.pool, connection)

    @asynccontextmanager
    async def statement(self) -> AsyncIterator[Connection]:
        """A connection for one statement that is a whole unit of work, without the round trips of BEGIN and COMMIT.

        It may write to the outbox. Raises SoukError `unavailable` where nothing was kept, `timeout_unknown` where the
        connection was lost, so that nobody can say.
        """
        with translated():
            connection = await self.pool.acquire(timeout=ACQUIRE_TIMEOUT_S)
        mark = unit_is_open.set(True)
        try:
            with translated():
                try:
                    yield connection
                except _LOST as error:
                    raise timeout_unknown("commit_unknown", "The connection was lost while committing.") from error
            self.published.set()
        finally:
            unit_is_open.reset(mark)
            await give_back(self.pool, connection)

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[Connection]:
        """A connection for reads outside a unit of work. Raises SoukError `unavailable`."""
        with translated():
            connection = await self.pool.acquire(timeout=ACQUIRE_TIMEOUT_S)
            try:
                yield connection
            finally:
                await give_back(self.pool, connection)

    async def ping(self) -> None:
        """See `souk_chassis.storage.ports.Database`."""
        async with self.reading() as connection:
            await connection.fetchval("SELECT 1", timeout=PING_TIMEOUT_S)
