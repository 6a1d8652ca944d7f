"""Stores of both kinds for the worker's tests."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from souk_chassis.storage.memory import MemoryDatabase, MemoryUnit
from souk_chassis.storage.ports import Database
from souk_chassis.testing.clock import ManualClock


@pytest.fixture(params=["memory", "postgres"])
async def store(
    request: pytest.FixtureRequest, clock: ManualClock, open_postgres: Callable[..., Awaitable[Database[Any]]]
) -> Database[Any]:
    """A store of each kind. A test that parametrises `store` itself by `memory` runs on that alone."""
    return await open_postgres(clock) if request.param == "postgres" else MemoryDatabase("tests", clock, MemoryUnit)
