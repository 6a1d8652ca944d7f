"""The check of idempotence passes a handler that is, and fails one that is not, in whichever way."""

from collections.abc import Callable, Sequence
from typing import Any

import pytest

from souk_chassis.context import Context
from souk_chassis.events.event import Delivery
from souk_chassis.storage.memory import MemoryDatabase, MemoryUnit
from souk_chassis.testing.clock import ManualClock
from souk_chassis.testing.consumers import assert_idempotent
from souk_chassis.testing.contexts import TRACEPARENT, context_for
from souk_chassis.testing.queues import Noted

DELIVERIES = [Delivery(f"e{number}", Noted(note=f"n{number}"), TRACEPARENT) for number in range(2)]


async def record(_ctx: Context[Any], unit: Any, deliveries: Sequence[Delivery[Noted]], *_: Any) -> None:
    for delivery in deliveries:
        if unit.get("seen", delivery.event_id) is None:
            unit.put("seen", delivery.event_id, delivery.data.note)
            unit.publish(delivery.data, delivery.traceparent)


async def count(_ctx: Context[Any], unit: Any, deliveries: Sequence[Delivery[Noted]], *_: Any) -> None:
    unit.put("seen", "count", (unit.get("seen", "count") or 0) + len(deliveries))


async def publish_again(_ctx: Context[Any], unit: Any, deliveries: Sequence[Delivery[Noted]], *_: Any) -> None:
    for delivery in deliveries:
        unit.publish(delivery.data, delivery.traceparent)


async def check(apply: Callable[..., Any], *answers: Any) -> MemoryDatabase[MemoryUnit]:
    store = MemoryDatabase("readers", ManualClock(), MemoryUnit)

    async def snapshot() -> dict[Any, Any]:
        return dict(store.tables["seen"])

    await assert_idempotent(apply, context_for("deps"), store, DELIVERIES, snapshot, *answers)
    return store


@pytest.mark.parametrize("answers", [(), (["yes", "no"],)])
async def test_what_is_idempotent_passes(answers: tuple[Any, ...]) -> None:
    store = await check(record, *answers)
    assert (store.tables["seen"], await store.outbox_size()) == ({"e0": "n0", "e1": "n1"}, 2)


@pytest.mark.parametrize("apply", [count, publish_again])
async def test_what_is_not_fails(apply: Callable[..., Any]) -> None:
    with pytest.raises(AssertionError, match="not idempotent"):
        await check(apply)
