"""The reconciler: finds stock that is held for an order that has ended or never was, and gives it back.

Each reservation is looked at once, in the order of their making, when it is old enough for its order to have ended.
Those whose order has not ended are watched, and looked at again each round.
"""

from collections.abc import Sequence
from datetime import timedelta
from functools import partial

import msgspec

from souk_chassis.context import Context, internal_call
from souk_chassis.storage.collisions import retry_on_conflict
from souk_contracts.order_books import OrderStatesQuery
from souk_contracts.order_status import OPEN, UNDONE
from souk_contracts.orders import FindOrderStates
from souk_products.domain import Checkpoint
from souk_products.operations import Products
from souk_products.stock_movements import release

OLD_ENOUGH = timedelta(minutes=10)
"""An order is stored before its stock is held, and ends within minutes; so nothing younger is stuck."""
BATCH = 500
ROUND_S = 30.0
"""Seconds between two rounds."""
CALL_TIMEOUT_S = 10.0


async def reconcile(ctx: Context[Products]) -> int:
    """One round. Returns how many reservations were released. Where orders or the database is away it raises SoukError,
    and the next round makes up for it."""
    store = ctx.deps.store
    released, after = 0, ""
    while watched := await store.watched(after, BATCH):
        released += await _check(ctx, watched, None)
        after = watched[-1]
    before = ctx.now - OLD_ENOUGH
    while held := await store.held_since(await store.checkpoint(), before, BATCH):
        released += await _check(ctx, [each.order_id for each in held], held[-1])
    return released


async def _check(ctx: Context[Products], order_ids: Sequence[str], upto: Checkpoint | None) -> int:
    """Ask for the orders' states; release what each holds that is gone, then watch and advance in one unit of work."""
    fresh = msgspec.structs.replace(ctx, call_info=internal_call(ctx.clock, CALL_TIMEOUT_S, ctx.service))
    found = await fresh.call(FindOrderStates, OrderStatesQuery(order_ids=tuple(order_ids)))
    states = {each.order_id: each.status for each in found.items}
    still_open = [order_id for order_id in order_ids if states.get(order_id) in OPEN]
    gone = [order_id for order_id in order_ids if states.get(order_id) is None or states[order_id] in UNDONE]

    async def advance() -> None:
        async with ctx.deps.store.unit() as unit:
            await unit.unwatch(set(order_ids).difference(still_open))
            await unit.watch(still_open)
            if upto is not None:
                await unit.advance_checkpoint(upto)

    released = 0
    for order_id in gone:
        if await retry_on_conflict(partial(_release, ctx, order_id)):
            released += 1
            ctx.log.warning("stuck stock released", orderId=order_id, status=states.get(order_id) or "unknown")
    await retry_on_conflict(advance)
    return released


async def _release(ctx: Context[Products], order_id: str) -> bool:
    """Give back what an order holds, in a unit of its own: together they might be more than one has room for."""
    async with ctx.deps.store.unit() as unit:
        return bool(await release(unit, [order_id]))
