"""Placing a batch of orders with their events in a unit of work, for stores that have no shorter way."""

from collections.abc import Sequence

from souk_chassis.storage.ports import Store
from souk_orders.domain import Draft, Placed
from souk_orders.facts import created
from souk_orders.ports import OrdersUnit


async def place_in_unit(store: Store[OrdersUnit], drafts: Sequence[Draft]) -> Sequence[Placed]:
    """See `souk_orders.ports.OrderStore.place`."""
    async with store.unit() as unit:
        answers = await unit.place(drafts)
        for draft, answer in zip(drafts, answers, strict=True):
            if answer.fresh:
                unit.publish(created(draft), draft.traceparent)
    return answers
