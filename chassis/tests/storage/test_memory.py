"""The memory store: the contract of stores, its rows, and the server that can be away."""

import asyncio
from typing import Any

import pytest

from souk_chassis.errors import ErrorKind, SoukError
from souk_chassis.storage.memory import MemoryDatabase, MemoryUnit
from souk_chassis.storage.ports import Subscriptions
from souk_chassis.testing.clock import ManualClock
from souk_chassis.testing.queues import QUEUE
from souk_chassis.testing.stores import StoreContract

Store = MemoryDatabase[MemoryUnit]


@pytest.fixture
def store(clock: ManualClock) -> Store:
    return MemoryDatabase("tests", clock, MemoryUnit)


class TestContract(StoreContract):
    @pytest.fixture
    def store(self, clock: ManualClock) -> Store:
        return MemoryDatabase("tests", clock, MemoryUnit)


async def test_rows_are_kept_at_the_end_of_a_unit(store: Store) -> None:
    async with store.unit() as unit:
        unit.put("t", 1, "one")
        unit.put("t", 2, "two")
        assert unit.delete("t", 2) == "two"
        assert unit.delete("t", 3) is None
    async with store.unit() as unit:
        assert [unit.get("t", key) for key in (1, 2)] == ["one", None]


async def test_a_failed_unit_leaves_rows_as_they_were(store: Store) -> None:
    async with store.unit() as unit:
        unit.put("t", 1, "one")
        unit.put("t", 2, "two")
    with pytest.raises(ZeroDivisionError):  # noqa: PT012 - a unit fails in its block
        async with store.unit() as unit:
            unit.put("t", 1, "uno")
            unit.put("t", 1, "eins")
            unit.delete("t", 2)
            unit.put("t", 2, "due")
            unit.put("t", 3, "tre")
            unit.delete("t", 4)
            raise ZeroDivisionError
    assert store.tables["t"] == {1: "one", 2: "two"}


async def test_units_run_one_after_another(store: Store) -> None:
    async def increment() -> None:
        async with store.unit() as unit:
            count = unit.get("t", "count") or 0
            await asyncio.sleep(0)
            unit.put("t", "count", count + 1)

    await asyncio.gather(*(increment() for _ in range(20)))
    assert store.tables["t"]["count"] == 20


@pytest.mark.parametrize(
    ("method", "arguments"),
    [
        ("ping", ()),
        ("lease", (QUEUE, 1, 1.0)),
        ("postpone", (QUEUE, "id", 1.0)),
        ("bury", (QUEUE, "id", "late")),
        ("redrive", (QUEUE,)),
        ("queue_states", ([QUEUE],)),
        ("dead_letters", (1,)),
        ("outbox_size", ()),
        ("relay", (Subscriptions({}, {}), 1)),
        ("receive", ([],)),
        ("forget_received", (ManualClock().now(),)),
    ],
)
async def test_a_server_that_is_away_does_nothing(store: Store, method: str, arguments: tuple[Any, ...]) -> None:
    store.reachable = False
    with pytest.raises(SoukError) as caught:
        await getattr(store, method)(*arguments)
    assert caught.value.kind is ErrorKind.UNAVAILABLE
    with pytest.raises(SoukError):
        async with store.unit():
            pytest.fail("no unit opens without a server")
    store.reachable = True
    await getattr(store, method)(*arguments)
