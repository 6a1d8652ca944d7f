"""Stock that is held for nobody is found and given back."""

import asyncio
from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest

from souk_chassis.errors import SoukError
from souk_chassis.money import Money
from souk_chassis.testing.clock import ManualClock
from souk_contracts.order_status import OrderStatus
from souk_products import reconciler
from souk_products.ports import ProductRecord, ProductsStore
from souk_products.reconciler import OLD_ENOUGH, reconcile
from souk_products.stock_movements import reserve

TEN_MINUTES_S = OLD_ENOUGH.total_seconds() + 1


async def hold(service: Any, *order_ids: str) -> None:
    """Reserve one of `a` for each of these orders."""
    now: datetime = service.ctx.now
    async with service.store.unit() as unit:
        await unit.put_products([ProductRecord("a", "a", "", Money(1), now)], {"a": 100})
        await reserve(unit, {order_id: {"a": 1} for order_id in order_ids})


async def test_what_no_order_needs_is_given_back(
    store: ProductsStore, on: Callable[[Any], Any], clock: ManualClock
) -> None:
    service = on(store)
    states = {status.value.lower(): status for status in OrderStatus}
    service.orders.states.update(states)
    await hold(service, "unknown", *states)
    clock.advance(TEN_MINUTES_S)
    assert await reconcile(service.ctx) == 3
    kept = await service.reservations()
    assert {order_id for order_id, (state, _) in kept.items() if state == "RELEASED"} == {
        "unknown",
        "cancelled",
        "rejected",
    }
    assert await service.now() == {"a": 100 - len(states) + 2}
    assert sorted((line["orderId"], line["status"]) for line in service.lines) == [
        ("cancelled", "CANCELLED"),
        ("rejected", "REJECTED"),
        ("unknown", "unknown"),
    ]


async def test_two_processes_at_once_give_back_once(
    store: ProductsStore, on: Callable[[Any], Any], clock: ManualClock
) -> None:
    """Each process of the service has a reconciler: stock comes back once, and what is open is watched."""
    service = on(store)
    service.orders.states["open"] = OrderStatus.RESERVED
    await hold(service, "open", *(f"gone{n}" for n in range(8)))
    clock.advance(TEN_MINUTES_S)
    released = await asyncio.gather(*(reconcile(service.ctx) for _ in range(4)))
    assert sum(released) == 8
    assert await service.now() == {"a": 99}
    assert await store.watched("", 10) == ["open"]
    service.orders.states["open"] = OrderStatus.CANCELLED
    assert sum(await asyncio.gather(*(reconcile(service.ctx) for _ in range(4)))) == 1
    assert await service.now() == {"a": 100}


async def test_young_reservations_are_left_alone(service: Any, clock: ManualClock) -> None:
    await hold(service, "o1")
    clock.advance(TEN_MINUTES_S - 2)
    assert await reconcile(service.ctx) == 0
    assert service.orders.asked == []


async def test_each_is_asked_for_once_unless_its_order_is_open(
    store: ProductsStore, on: Callable[[Any], Any], clock: ManualClock
) -> None:
    service = on(store)
    service.orders.states.update(o1=OrderStatus.CONFIRMED, o2=OrderStatus.RESERVED, o3=OrderStatus.PENDING)
    await hold(service, "o1", "o2", "o3")
    clock.advance(TEN_MINUTES_S)
    assert await reconcile(service.ctx) == 0
    service.orders.states.update(o2=OrderStatus.CANCELLED, o3=OrderStatus.CONFIRMED)
    assert await reconcile(service.ctx) == 1
    assert await reconcile(service.ctx) == 0
    assert [sorted(ids) for ids in service.orders.asked] == [["o1", "o2", "o3"], ["o2", "o3"]]
    assert (await service.reservations())["o2"] == ("RELEASED", 0)


async def test_many_are_walked_in_batches(service: Any, clock: ManualClock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reconciler, "BATCH", 2)
    service.orders.states.update({f"o{n}": OrderStatus.PENDING for n in range(5)})
    await hold(service, *(f"o{n}" for n in range(5)))
    clock.advance(TEN_MINUTES_S)
    for _ in range(2):
        await reconcile(service.ctx)
    assert service.orders.asked == [("o0", "o1"), ("o2", "o3"), ("o4",)] * 2


async def test_nothing_is_released_while_orders_is_away(service: Any, clock: ManualClock) -> None:
    await hold(service, "o1")
    clock.advance(TEN_MINUTES_S)
    service.orders.failures = 1
    with pytest.raises(SoukError):
        await reconcile(service.ctx)
    service.orders.states["o1"] = OrderStatus.CONFIRMED
    assert await reconcile(service.ctx) == 0
    assert await service.reservations() == {"o1": ("HELD", 1)}


async def test_the_round_after_a_failure_makes_up_for_it(service: Any, clock: ManualClock) -> None:
    await hold(service, "gone")
    clock.advance(TEN_MINUTES_S)
    service.orders.failures = 1
    with pytest.raises(SoukError):
        await reconcile(service.ctx)
    assert await reconcile(service.ctx) == 1
    assert [line["message"] for line in service.lines] == ["stuck stock released"]
