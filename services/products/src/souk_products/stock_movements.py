"""What moves stock for orders: reserving, releasing, restocking, each in batches within one unit of work.

| action | undone by |
|---|---|
| reserve: takes all items of an order, or none | cancel, or the reconciler's release: gives back what is still held |
| restock: takes returned items back, once a return | none: a return is final |
"""

from collections.abc import Collection, Mapping

from souk_products.domain import Reservation, ReservationState, Units, add_units, allocate, movements, sum_held
from souk_products.ports import StockUnit

HELD, CANCELLED = ReservationState.HELD, ReservationState.CANCELLED


async def reserve(unit: StockUnit, orders: Mapping[str, Units]) -> list[Reservation]:
    """Reserve for those orders that have no reservation yet, in their sequence. Returns what was decided for them."""
    known = await unit.known_orders(orders)
    fresh = {order_id: wanted for order_id, wanted in orders.items() if order_id not in known} if known else orders
    if not fresh:
        return []
    on_hand = await unit.lock_stock({product_id for wanted in fresh.values() for product_id in wanted})
    reservations, taken = allocate(fresh, on_hand)
    kept = await unit.keep(reservations, taken)
    if len(kept) == len(reservations):
        return reservations
    # Another unit was faster with some orders, such as with their cancellation. It is as if they had been reserved
    # and released: what was taken for them goes back.
    lost = [reservation for reservation in reservations if reservation.order_id not in kept]
    await unit.move_stock(movements(sum_held(lost), sold=-1))
    return [reservation for reservation in reservations if reservation.order_id in kept]


async def release(unit: StockUnit, order_ids: Collection[str]) -> list[Reservation]:
    """Give back what these orders hold. Returns the reservations that were HELD."""
    return await _release(unit, await unit.lock_reservations(order_ids))


async def cancel(unit: StockUnit, order_ids: Collection[str]) -> list[Reservation]:
    """Release these orders, and leave a tombstone for those that have no reservation. Returns what was HELD."""
    released: list[Reservation] = []
    waiting = set(order_ids)
    while waiting:
        found = await unit.lock_reservations(waiting)
        released += await _release(unit, found)
        missing = waiting - found.keys()
        # An order that was reserved between the two statements is not kept here: the next turn releases it.
        kept = await unit.keep([Reservation(order_id, CANCELLED) for order_id in missing], {}) if missing else set()
        waiting = missing - kept
    return released


async def restock(unit: StockUnit, returns: Mapping[str, tuple[str, Units]]) -> set[str]:
    """Take back returned items: order id and units by return id. Returns the ids of the returns that were restocked.

    What an order does not hold is not restocked: a cancellation may have come first and given everything back.
    """
    reservations = await unit.lock_reservations({order_id for order_id, _ in returns.values()})
    fresh = await unit.note_returns({return_id: order_id for return_id, (order_id, _) in returns.items()})
    restocked: dict[str, Units] = {}
    changed: dict[str, Reservation] = {}
    for return_id, (order_id, items) in returns.items():
        reservation = changed.get(order_id) or reservations.get(order_id)
        if return_id in fresh and reservation is not None:
            changed[order_id], restocked[return_id] = reservation.take_back(items)
    await unit.move_stock(movements(add_units(*restocked.values()), returned=1))
    await unit.change_reservations(list(changed.values()))
    return set(restocked)


async def _release(unit: StockUnit, found: Mapping[str, Reservation]) -> list[Reservation]:
    held = [reservation for reservation in found.values() if reservation.state is HELD]
    if held:
        await unit.move_stock(movements(sum_held(held), sold=-1))
        await unit.change_reservations([reservation.release() for reservation in held])
    return held
