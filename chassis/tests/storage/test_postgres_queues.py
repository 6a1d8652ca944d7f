"""PostgreSQL as the bus: the contract of stores, and the role that may fill queues and nothing else."""

from collections.abc import Awaitable, Callable

import pytest

from souk_chassis.storage.postgres import PostgresUnit
from souk_chassis.storage.postgres_queues import PostgresDatabase
from souk_chassis.testing.clock import ManualClock
from souk_chassis.testing.stores import StoreContract


class TestContract(StoreContract):
    @pytest.fixture
    async def store(
        self, clock: ManualClock, open_postgres: Callable[..., Awaitable[PostgresDatabase[PostgresUnit]]]
    ) -> PostgresDatabase[PostgresUnit]:
        return await open_postgres(clock)
