"""What the chassis' tests share: a clock, a log, stores without a service's tables, and services made on the spot."""

from collections.abc import AsyncIterator, Awaitable, Callable
from importlib.resources import files
from typing import Any

import asyncpg
import pytest

from souk_chassis.clock import Clock
from souk_chassis.manifest import Service
from souk_chassis.runtimes.instance import Instance
from souk_chassis.storage.memory import MemoryDatabase, MemoryUnit
from souk_chassis.storage.migrations import migrate, read_migrations
from souk_chassis.storage.ports import Database
from souk_chassis.storage.postgres import PostgresUnit, open_pool
from souk_chassis.storage.postgres_queues import PostgresDatabase
from souk_chassis.testing.clock import ManualClock
from souk_chassis.testing.logs import RecordedLines

# The suites live outside the test folders: without this their assertions would not say what differed.
pytest.register_assert_rewrite("souk_chassis.testing.queues", "souk_chassis.testing.stores")

OpenPostgres = Callable[..., Awaitable[PostgresDatabase[PostgresUnit]]]


@pytest.fixture
def clock() -> ManualClock:
    """A clock that the test moves."""
    return ManualClock()


@pytest.fixture
def lines() -> RecordedLines:
    """What was logged."""
    return RecordedLines()


@pytest.fixture
async def open_postgres(new_database: Callable[[], Awaitable[str]]) -> AsyncIterator[OpenPostgres]:
    """Opens stores, each in a new database. They are closed after the test."""
    opened: list[PostgresDatabase[PostgresUnit]] = []

    async def make(clock: Clock, *, size: int = 4) -> PostgresDatabase[PostgresUnit]:
        url = await new_database()
        await migrate(url, read_migrations("chassis", files("souk_chassis.storage").joinpath("schema")))
        pool: asyncpg.Pool = await open_pool(url, size=size, name="souk-test")
        opened.append(PostgresDatabase(pool, "tests", clock, PostgresUnit))
        return opened[-1]

    yield make
    for store in opened:
        await store.close()


@pytest.fixture
def make_instance(clock: ManualClock, lines: RecordedLines) -> Callable[..., Instance]:
    """Makes a running service out of what its manifest would say."""

    def make(store: Database[Any] | None = None, *, name: str = "readers", **declared: Any) -> Instance:
        rounds = declared.pop("rounds", ())
        manifest = Service(name, f"{name}-service", owns=(), **{"implements": {}, **declared})
        store = store or MemoryDatabase(name, clock, MemoryUnit)
        return Instance(manifest, f"deps of {name}", store, clock, lines.log(f"{name}-service"), rounds)

    return make
