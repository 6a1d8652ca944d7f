"""Stores of the chassis itself, with no tables but those of events."""

from collections.abc import AsyncIterator, Awaitable, Callable
from importlib.resources import files
from typing import Any

import asyncpg
import pytest
from souk_chassis.clock import Clock
from souk_chassis.storage.migrations import migrate, read_migrations
from souk_chassis.storage.postgres import PostgresUnit, open_pool
from souk_chassis.storage.postgres_queues import PostgresDatabase

OpenPostgres = Callable[..., Awaitable[PostgresDatabase[PostgresUnit]]]


@pytest.fixture
async def open_postgres(new_database: Callable[[], Awaitable[str]]) -> AsyncIterator[OpenPostgres]:
    """Opens stores, each in a new database. They are closed after the test."""
    opened: list[PostgresDatabase[PostgresUnit]] = []

    async def make(clock: Clock, *, size: int = 4, unit: type[Any] = PostgresUnit) -> PostgresDatabase[PostgresUnit]:
        url = await new_database()
        await migrate(url, read_migrations("chassis", files("souk_chassis.storage").joinpath("schema")))
        pool: asyncpg.Pool = await open_pool(url, size=size, name="souk-test")
        opened.append(PostgresDatabase(pool, "tests", clock, unit))
        return opened[-1]

    yield make
    for store in opened:
        await store.close()
