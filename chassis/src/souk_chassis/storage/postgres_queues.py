"""PostgreSQL's outbox and queues: the relay out of the one, and, where PostgreSQL is the bus too, into the others.

The inbox is the queue. Taking an event, its effect, the next events and its acknowledgement are one transaction.
"""

import asyncio
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any, TypeVar

import asyncpg

from souk_chassis.clock import Clock
from souk_chassis.errors import SoukError
from souk_chassis.events.event import Stored, type_and_subject
from souk_chassis.storage.messages import parts_of
from souk_chassis.storage.ports import (
    MAX_REASON,
    Bus,
    DeadLetter,
    DeadLetters,
    PublishDeferredError,
    QueueState,
    UnpublishableError,
    Waiting,
    outbox_queue,
)
from souk_chassis.storage.postgres import (
    CHOSEN,
    PING_TIMEOUT_S,
    PostgresSession,
    PostgresUnit,
    close_pool,
    in_order,
    open_pool,
    publish,
    translated,
)
from souk_chassis.storage.signals import wait_and_clear

U = TypeVar("U", bound=PostgresUnit)

NOTICES = "souk_inbox"
"""The NOTIFY channel on which a database says which queue got something."""
OUTBOX_NOTICES = "souk_outbox"
"""The NOTIFY channel on which a process that has no relay says that it published something."""
ANNOUNCE_S = 0.02
"""The least time between two such notices: a relay's rounds are as far apart."""

RELAY_CONNECTIONS = 2
"""Connections of one service's relay to one subscriber."""
BURIED_WITHIN_S = 10.0
"""How long dead letters elsewhere may take to accept one: a transaction waits for them."""

_LEASE = f"""
{CHOSEN} UPDATE inbox SET attempts = attempts + 1, visible_at = $4 FROM chosen
WHERE queue = $1 AND inbox.event_id = chosen.event_id RETURNING inbox.event_id, event, attempts - 1, events
"""
_SPLIT = """
WITH gone AS (
    DELETE FROM inbox USING unnest($2::uuid[], $3::int[]) AS whole (id, attempts)
    WHERE queue = $1 AND event_id = whole.id AND inbox.attempts = whole.attempts AND events > 1
    RETURNING event_id, inbox.attempts, visible_at, received_at)
INSERT INTO inbox (queue, event_id, event, attempts, visible_at, received_at)
SELECT $1, part.id, part.event, gone.attempts, visible_at, received_at
FROM gone JOIN unnest($4::uuid[], $5::uuid[], $6::text[]) AS part (whole, id, event) ON whole = event_id
RETURNING event_id
"""
_PROLONG = """
UPDATE inbox SET visible_at = $4 FROM unnest($2::uuid[], $3::int[]) AS leased (id, attempts)
WHERE queue = $1 AND event_id = leased.id AND inbox.attempts = leased.attempts
"""
_POSTPONE = """
UPDATE inbox SET attempts = coalesce($4, attempts + 1), visible_at = $3
WHERE queue = $1 AND event_id = $2 AND attempts = coalesce($4, attempts)
"""
_BURY = """
WITH dead AS (
    DELETE FROM inbox WHERE queue = $1 AND event_id = $2 AND attempts = coalesce($5, attempts)
    RETURNING queue, event_id, event, coalesce($5, attempts + 1) AS attempts)
INSERT INTO dead_letters SELECT queue, event_id, event, $3, attempts, $4 FROM dead ON CONFLICT DO NOTHING
"""
_REMOVE = """
WITH dead AS (
    DELETE FROM inbox WHERE queue = $1 AND event_id = $2 AND attempts = coalesce($3, attempts)
    RETURNING queue, event_id, event, coalesce($3, attempts + 1) AS attempts),
forgotten AS (DELETE FROM inbox_received USING dead
    WHERE inbox_received.event_id = dead.event_id AND inbox_received.queue = dead.queue)
SELECT event, attempts FROM dead
"""
_REDRIVE = """
WITH alive AS (DELETE FROM dead_letters WHERE queue = $1 RETURNING queue, event_id, event)
INSERT INTO inbox (queue, event_id, event, visible_at, received_at) SELECT queue, event_id, event, $2, $2 FROM alive
ON CONFLICT DO NOTHING
"""
_STATES = """
SELECT q, (SELECT coalesce(sum(events), 0) FROM inbox WHERE queue = q),
       (SELECT min(received_at) FROM inbox WHERE queue = q), (SELECT count(*) FROM dead_letters WHERE queue = q)
FROM unnest($1::text[]) AS named (q)
"""
_RELAY = """
DELETE FROM outbox WHERE event_id IN (
    SELECT event_id FROM outbox WHERE type <> ALL ($2::text[]) ORDER BY event_id LIMIT $1 FOR UPDATE SKIP LOCKED)
RETURNING event_id, type, event, events
"""
_SET_ASIDE = """
INSERT INTO dead_letters (queue, event_id, event, reason, attempts, died_at)
SELECT $1, event_id, event, $4, 1, $5 FROM unnest($2::uuid[], $3::text[]) AS given (event_id, event)
ON CONFLICT DO NOTHING
"""
_RECEIVE = "SELECT souk_bus.receive($1::text[], $2::uuid[], $3::text[], $4::int[], $5)"


class PostgresTarget:
    """The way to one subscriber's queues, in its own database, as the role that may fill them and nothing else."""

    def __init__(self, pool: "asyncpg.Pool", clock: Clock) -> None:
        self._pool = pool
        self._clock = clock

    async def receive(self, queue_events: Sequence[tuple[str, Stored]]) -> None:
        """See `souk_chassis.storage.ports.Target`."""
        ordered = sorted(queue_events, key=lambda pair: pair[1].event_id)
        with translated():
            await self._pool.fetchval(
                _RECEIVE,
                [queue for queue, _ in ordered],
                [event.event_id for _, event in ordered],
                [event.json for _, event in ordered],
                [event.count for _, event in ordered],
                self._clock.now(),
            )

    async def ping(self) -> None:
        """Raise SoukError `unavailable` where these queues can't be reached."""
        with translated():
            await self._pool.fetchval("SELECT 1", timeout=PING_TIMEOUT_S)

    async def close(self) -> None:
        """Release connections."""
        await close_pool(self._pool)


async def open_target(dsn: str, clock: Clock, *, name: str) -> PostgresTarget:
    """A target that connects when first used."""
    return PostgresTarget(await open_pool(dsn, size=RELAY_CONNECTIONS, name=name), clock)


class PostgresDatabase(PostgresSession[U]):
    """A service's store on PostgreSQL. See `souk_chassis.storage.ports.Database`."""

    def __init__(self, pool: "asyncpg.Pool", service: str, clock: Clock, unit: type[U]) -> None:
        super().__init__(pool, service, clock, unit)
        self._own_target = PostgresTarget(pool, clock)
        self._received: dict[str, asyncio.Event] = {}
        self._listener: asyncio.Task[None] | None = None

    async def lease(self, queue: str, limit: int, lease_s: float) -> list[Waiting]:
        """See the port."""
        now = self.clock.now()
        with translated():
            rows = await self.pool.fetch(_LEASE, queue, now, limit, now + timedelta(seconds=lease_s))
        return in_order(rows)

    async def split(self, queue: str, messages: Sequence[Waiting], *, leased: bool) -> list[Waiting]:
        """See the port."""
        parts, whole = parts_of(messages)
        if not parts:
            return whole
        split = {part.event_id: part for _, part in parts}
        wholes = {message.event_id: message.attempts + leased for message, _ in parts}
        columns = [[message.event_id for message, _ in parts], list(split), [part.json for part in split.values()]]
        with translated():
            rows = await self.pool.fetch(_SPLIT, queue, list(wholes), list(wholes.values()), *columns)
        there = {str(row[0]) for row in rows}
        return whole + [part for event_id, part in split.items() if event_id in there]

    async def prolong(self, queue: str, leased: Mapping[str, int], lease_s: float) -> None:
        """See the port."""
        until = self.clock.now() + timedelta(seconds=lease_s)
        with translated():
            await self.pool.execute(_PROLONG, queue, list(leased), list(leased.values()), until)

    async def postpone(self, queue: str, event_id: str, delay_s: float, *, lease: int | None = None) -> None:
        """See the port."""
        due = self.clock.now() + timedelta(seconds=delay_s)
        with translated():
            await self.pool.execute(
                _POSTPONE,
                queue,
                event_id,
                due,
                lease,
            )

    async def bury(
        self, queue: str, event_id: str, reason: str, *, lease: int | None = None, letters: DeadLetters | None = None
    ) -> None:
        """See the port. Whoever dies after the letter went, and before the commit, leaves it to be buried twice."""
        if letters is None:
            with translated():
                await self.pool.execute(_BURY, queue, event_id, reason[:MAX_REASON], self.clock.now(), lease)
            return
        async with self.reading() as connection:
            with translated():
                async with connection.transaction():
                    row = await connection.fetchrow(_REMOVE, queue, event_id, lease)
                    if row is not None:
                        async with asyncio.timeout(BURIED_WITHIN_S):
                            await letters.bury(queue, row["event"], reason[:MAX_REASON], row["attempts"])

    async def redrive(self, queue: str) -> int:
        """See the port."""
        with translated():
            status = await self.pool.execute(_REDRIVE, queue, self.clock.now())
        self._event(queue).set()
        return int(status.rsplit(" ", 1)[1])

    async def queue_states(self, queues: Collection[str]) -> Sequence[QueueState]:
        """See the port."""
        with translated():
            rows = await self.pool.fetch(_STATES, list(queues))
        now = self.clock.now()
        return [
            QueueState(name, waiting, max(0.0, (now - oldest).total_seconds()) if oldest else 0.0, dead)
            for name, waiting, oldest, dead in rows
        ]

    async def dead_letters(self, limit: int) -> Sequence[DeadLetter]:
        """See the port."""
        with translated():
            rows = await self.pool.fetch("SELECT * FROM dead_letters ORDER BY died_at DESC LIMIT $1", limit)
        return [
            DeadLetter(queue, str(event_id), *type_and_subject(event), reason, attempts, died_at)
            for queue, event_id, event, reason, attempts, died_at in rows
        ]

    async def outbox_size(self) -> int:
        """See the port."""
        with translated():
            size: int = await self.pool.fetchval("SELECT coalesce(sum(events), 0) FROM outbox")
        return size

    async def relay(self, bus: Bus, limit: int, without: Collection[str] = ()) -> int:
        """See the port. The rows are gone from the outbox only after the bus has them."""
        left: UnpublishableError | PublishDeferredError | None = None
        async with self.reading() as connection:
            with translated():
                async with connection.transaction():
                    rows = await connection.fetch(_RELAY, limit, list(without))
                    try:
                        await bus.publish([Stored(str(row[0]), *row[1:]) for row in rows])
                    except UnpublishableError as error:
                        left = error
                        queue, events = outbox_queue(self.service), error.messages
                        columns = [event.event_id for event in events], [event.json for event in events]
                        await connection.execute(_SET_ASIDE, queue, *columns, str(error)[:MAX_REASON], self.clock.now())
                    except PublishDeferredError as error:
                        left = error
                        await publish(connection, error.messages)
        if left is not None:
            raise left
        return len(rows)

    async def receive(self, queue_events: Sequence[tuple[str, Stored]]) -> None:
        """See the port."""
        await self._own_target.receive(queue_events)

    async def forget_received(self, before: datetime) -> int:
        """See the port."""
        with translated():
            status = await self.pool.execute("DELETE FROM inbox_received WHERE received_at < $1", before)
        return int(status.rsplit(" ", 1)[1])

    async def wait_published(self, timeout_s: float) -> None:
        """See the port."""
        self._start_listening()
        await wait_and_clear(self.published, timeout_s)

    async def announce_published(self) -> None:
        """Wake the relays in other processes whenever this process has published something, until cancelled.

        NOTIFY makes the commits of all who notify wait for one another. A notice is therefore a transaction of its own,
        which has nothing to flush, and not a part of the one that published.
        """
        while True:
            await self.published.wait()
            self.published.clear()
            with suppress(SoukError), translated():
                await self.pool.execute("SELECT pg_notify($1, '')", OUTBOX_NOTICES)
            await asyncio.sleep(ANNOUNCE_S)

    async def wait_received(self, queue: str, timeout_s: float) -> None:
        """See the port. Notices come by LISTEN; the time-out makes up for one that was lost."""
        self._start_listening()
        await wait_and_clear(self._event(queue), timeout_s)

    async def close(self) -> None:
        """See the port."""
        if self._listener is not None:
            self._listener.cancel()
            with suppress(asyncio.CancelledError):
                await self._listener
        await close_pool(self.pool)

    def _event(self, queue: str) -> asyncio.Event:
        return self._received.setdefault(queue, asyncio.Event())

    def _start_listening(self) -> None:
        if self._listener is None:
            self._listener = asyncio.create_task(self._listen(), name=f"{self.service}-notices")

    async def _listen(self) -> None:
        def heard(_connection: Any, _pid: int, channel: str, queue: object) -> None:
            (self.published if channel == OUTBOX_NOTICES else self._event(str(queue))).set()

        while True:
            with suppress(
                OSError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError, TimeoutError
            ):
                async with self.pool.acquire() as connection:
                    ended = asyncio.Event()
                    connection.add_termination_listener(lambda _, ended=ended: ended.set())
                    for channel in (NOTICES, OUTBOX_NOTICES):
                        await connection.add_listener(channel, heard)
                    for event in self._received.values():
                        event.set()  # what came before the LISTEN was not heard
                    try:
                        await ended.wait()
                    finally:
                        for channel in (NOTICES, OUTBOX_NOTICES):
                            if not connection.is_closed():
                                await connection.remove_listener(channel, heard)
            await asyncio.sleep(0.5)
