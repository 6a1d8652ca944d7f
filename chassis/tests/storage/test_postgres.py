"""PostgreSQL units of work: what a lost server, a cancelled caller and a collision leave behind."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import asyncpg
import pytest

from souk_chassis.errors import ErrorKind, SoukError
from souk_chassis.storage.postgres import PostgresUnit, open_pool
from souk_chassis.storage.postgres_queues import PostgresDatabase, open_target
from souk_chassis.testing.clock import ManualClock
from souk_chassis.testing.queues import QUEUE, noted
from souk_chassis.testing.waiting import until

Store = PostgresDatabase[PostgresUnit]

TABLE = "CREATE TABLE rows (id int PRIMARY KEY, value int NOT NULL DEFAULT 0)"
AT_COMMIT = """
CREATE FUNCTION at_commit() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM {}; RETURN NULL; END $$;
CREATE CONSTRAINT TRIGGER t AFTER INSERT ON rows DEFERRABLE INITIALLY DEFERRED
FOR EACH ROW WHEN (NEW.id = 1) EXECUTE FUNCTION at_commit();
"""


@pytest.fixture
async def store(clock: ManualClock, open_postgres: Callable[..., Awaitable[Store]]) -> Store:
    """A store that has a single connection, and a table `rows`."""
    store = await open_postgres(clock, size=1)
    await store.pool.execute(TABLE)
    return store


async def insert(store: Store, row: int) -> None:
    async with store.unit() as unit:
        await unit.connection.execute("INSERT INTO rows (id) VALUES ($1)", row)


async def rows(store: Store) -> list[int]:
    async with store.reading() as connection:
        return [row[0] for row in await connection.fetch("SELECT id FROM rows ORDER BY id")]


async def failure_of(work: Awaitable[Any]) -> SoukError:
    with pytest.raises(SoukError) as caught:
        await work
    return caught.value


async def test_a_unit_is_kept_whole_or_not_at_all(store: Store) -> None:
    await insert(store, 1)
    with pytest.raises(asyncpg.UniqueViolationError):
        async with store.unit() as unit:
            await unit.connection.execute("INSERT INTO rows VALUES (2), (1)")
    with pytest.raises(ZeroDivisionError):  # noqa: PT012 - a unit fails in its block
        async with store.unit() as unit:
            await unit.connection.execute("INSERT INTO rows VALUES (3)")
            raise ZeroDivisionError
    assert await rows(store) == [1]


async def test_a_connection_lost_inside_a_unit_means_that_nothing_was_kept(store: Store) -> None:
    async def lose() -> None:
        async with store.unit() as unit:
            await unit.connection.execute("INSERT INTO rows VALUES (1)")
            await unit.connection.execute("SELECT pg_terminate_backend(pg_backend_pid())")

    assert (await failure_of(lose())).kind is ErrorKind.UNAVAILABLE
    assert await rows(store) == []


async def test_a_connection_lost_while_committing_means_that_nobody_knows(store: Store) -> None:
    await store.pool.execute(AT_COMMIT.format("pg_terminate_backend(pg_backend_pid())"))
    assert (await failure_of(insert(store, 1))).kind is ErrorKind.TIMEOUT_UNKNOWN
    await insert(store, 2)
    assert 2 in await rows(store)


@pytest.mark.parametrize("moment", ["statement", "commit"])
async def test_a_caller_cancelled_at_work_leaves_a_clean_connection(store: Store, moment: str) -> None:
    """A connection that went back with its transaction open would swallow the commit of the next unit."""
    await store.pool.execute(AT_COMMIT.format("pg_sleep(30)"))

    async def work() -> None:
        async with store.unit() as unit:
            await unit.connection.execute("INSERT INTO rows VALUES (1)")
            if moment == "statement":
                await unit.connection.execute("SELECT pg_sleep(30)")

    pid = await store.pool.fetchval("SELECT pg_backend_pid()")
    watcher = await asyncpg.connect(_dsn(store))
    task = asyncio.create_task(work())
    asleep = "SELECT count(*) FROM pg_stat_activity WHERE pid = $1 AND wait_event = 'PgSleep'"
    await until(lambda: watcher.fetchval(asleep, pid))
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await insert(store, 2)
    assert [row[0] for row in await watcher.fetch("SELECT id FROM rows")] == [2]
    await watcher.close()


async def test_units_in_each_others_way_may_be_repeated(
    clock: ManualClock, open_postgres: Callable[..., Awaitable[Store]]
) -> None:
    store = await open_postgres(clock)
    await store.pool.execute(TABLE)
    await store.pool.execute("INSERT INTO rows VALUES (1), (2)")
    both_hold_one = asyncio.Barrier(2)

    async def touch(first: int, second: int) -> None:
        async with store.unit() as unit:
            await unit.connection.execute("UPDATE rows SET value = value + 1 WHERE id = $1", first)
            await both_hold_one.wait()
            await unit.connection.execute("UPDATE rows SET value = value + 1 WHERE id = $1", second)

    outcomes = await asyncio.gather(touch(1, 2), touch(2, 1), return_exceptions=True)
    [error] = [outcome for outcome in outcomes if outcome is not None]
    assert isinstance(error, SoukError)
    assert (error.kind, error.code) == (ErrorKind.UNAVAILABLE, "database_collision")
    assert [row[0] for row in await store.pool.fetch("SELECT value FROM rows")] == [1, 1]


async def test_a_server_that_is_away_is_unavailable(clock: ManualClock) -> None:
    pool = await open_pool("postgresql://nobody@127.0.0.1:1/none", size=1, name="souk-test")
    away: Store = PostgresDatabase(pool, "tests", clock, PostgresUnit)
    work = [away.ping(), away.outbox_size(), away.receive([(QUEUE, noted("a"))]), insert(away, 1)]
    assert [(await failure_of(each)).kind for each in work] == [ErrorKind.UNAVAILABLE] * len(work)
    await away.close()


async def test_a_target_fills_queues_from_outside(clock: ManualClock, store: Store) -> None:
    target = await open_target(_dsn(store), clock, name="souk-test-bus")
    await target.receive([(QUEUE, noted("a"))])
    await target.close()
    [state] = await store.queue_states([QUEUE])
    assert state.waiting == 1


def _dsn(store: Store) -> str:
    pool: Any = store.pool
    return str(pool._connect_args[0])
