"""PostgreSQL as the bus: the contract of stores, and the role that may fill queues and nothing else."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from souk_chassis.storage.postgres import PostgresUnit
from souk_chassis.storage.postgres_queues import OUTBOX_NOTICES, PostgresDatabase
from souk_chassis.testing.clock import ManualClock
from souk_chassis.testing.contexts import TRACEPARENT
from souk_chassis.testing.queues import PROMPT_S, Noted
from souk_chassis.testing.stores import StoreContract
from souk_chassis.testing.waiting import until


class TestContract(StoreContract):
    @pytest.fixture
    async def store(
        self, clock: ManualClock, open_postgres: Callable[..., Awaitable[PostgresDatabase[PostgresUnit]]]
    ) -> PostgresDatabase[PostgresUnit]:
        return await open_postgres(clock)


async def test_a_relay_is_woken_by_what_another_process_publishes(
    clock: ManualClock, open_postgres: Callable[..., Awaitable[PostgresDatabase[PostgresUnit]]]
) -> None:
    """The other one only serves: it has no relay, and says that there is something to do for one."""
    works = await open_postgres(clock)
    serves = PostgresDatabase(works.pool, "tests", clock, PostgresUnit)
    announcing = asyncio.create_task(serves.announce_published())
    woken = asyncio.create_task(works.wait_published(6 * PROMPT_S))

    async def listens() -> bool:
        sessions = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND query LIKE $1"
        return bool(await works.pool.fetchval(sessions, f"LISTEN%{OUTBOX_NOTICES}%"))

    await until(listens)
    async with serves.unit() as unit:
        unit.publish(Noted(note="a"), TRACEPARENT)
    await asyncio.wait_for(woken, PROMPT_S)
    announcing.cancel()
