"""Every service's own stores, as its bootstrap builds them, keep the chassis' contract of stores."""

import os
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest

from souk_chassis.auth.keys import new_key
from souk_chassis.runtimes.instance import Foundation
from souk_chassis.storage.ports import Database
from souk_chassis.testing.clock import ManualClock
from souk_chassis.testing.stores import StoreContract
from souk_topologies.shop import SERVICES, build_of


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


class TestInMemory(StoreContract):
    @pytest.fixture(params=SERVICES)
    async def store(self, request: pytest.FixtureRequest, clock: ManualClock) -> AsyncIterator[Database[Any]]:
        """A service's store without a database."""
        instance = await build_of(request.param)(Foundation(clock, new_key(request.param), os.environ))
        yield instance.database
        await instance.close()


class TestOnPostgres(StoreContract):
    @pytest.fixture
    async def store(
        self, clock: ManualClock, new_database: Callable[[], Awaitable[str]]
    ) -> AsyncIterator[Database[Any]]:
        """The orders' store: its migrations and the chassis' in one database."""
        foundation = Foundation(clock, new_key("orders"), os.environ, await new_database())
        instance = await build_of("orders")(foundation)
        yield instance.database
        await instance.close()
