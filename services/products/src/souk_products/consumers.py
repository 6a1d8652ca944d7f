"""How the products service hears of orders. Every handler takes a batch and can be run twice."""

from collections.abc import Mapping, Sequence

from souk_chassis.context import Context
from souk_chassis.events.event import Delivery
from souk_contracts.orders import OrderCancelled, OrderCreated, OrderedItem, OrderOverdue, OrderReturned
from souk_contracts.products import StockRejected, StockReserved
from souk_products.domain import Reservation, ReservationState
from souk_products.operations import Products
from souk_products.ports import ProductsUnit
from souk_products.stock_movements import cancel, reserve, restock

Wanting = Delivery[OrderCreated] | Delivery[OrderOverdue]


async def on_order_created(
    ctx: Context[Products], unit: ProductsUnit, deliveries: Sequence[Delivery[OrderCreated]]
) -> None:
    """Reserve all items of each order or none, in the sequence of arrival, and say what came of it."""
    await _reserve(ctx, unit, {delivery.data.order_id: delivery for delivery in deliveries})


async def on_order_overdue(
    ctx: Context[Products], unit: ProductsUnit, deliveries: Sequence[Delivery[OrderOverdue]]
) -> None:
    """Say again what came of each order; reserve where nothing has been decided yet."""
    waiting = {delivery.data.order_id: delivery for delivery in deliveries}
    decided = await unit.lock_reservations(waiting)
    for order_id, reservation in decided.items():
        _tell(unit, waiting.pop(order_id), reservation)
    await _reserve(ctx, unit, waiting)


async def on_order_cancelled(
    ctx: Context[Products], unit: ProductsUnit, deliveries: Sequence[Delivery[OrderCancelled]]
) -> None:
    """Give back what each order holds. Where nothing was reserved yet, see to it that nothing will be."""
    traces = {delivery.data.order_id: delivery.traceparent for delivery in deliveries}
    for reservation in await cancel(unit, traces):
        ctx.log.info("stock released", traces[reservation.order_id], orderId=reservation.order_id)


async def on_order_returned(
    ctx: Context[Products], unit: ProductsUnit, deliveries: Sequence[Delivery[OrderReturned]]
) -> None:
    """Restock what came back, once a return."""
    by_id = {delivery.data.return_id: delivery for delivery in deliveries}
    returns = {return_id: (each.data.order_id, _units(each.data.items)) for return_id, each in by_id.items()}
    for return_id in await restock(unit, returns):
        each = by_id[return_id]
        ctx.log.info("stock returned", each.traceparent, orderId=each.data.order_id, returnId=return_id)


async def _reserve(ctx: Context[Products], unit: ProductsUnit, waiting: Mapping[str, Wanting]) -> None:
    if not waiting:
        return
    orders = {order_id: _units(delivery.data.items) for order_id, delivery in waiting.items()}
    for reservation in await reserve(unit, orders):
        delivery = waiting[reservation.order_id]
        _tell(unit, delivery, reservation)
        if reservation.state is ReservationState.HELD:
            ctx.log.info("stock reserved", delivery.traceparent, orderId=reservation.order_id)
        else:
            short = [item.product_id for item in reservation.short_items]
            ctx.log.info("stock rejected", delivery.traceparent, orderId=reservation.order_id, short=short)


def _tell(unit: ProductsUnit, delivery: Wanting, reservation: Reservation) -> None:
    """Publish the outcome. A reservation that was given back has none to tell: its order is over."""
    order = delivery.data
    if reservation.state is ReservationState.HELD:
        event = StockReserved(
            order_id=order.order_id,
            total_minor=order.total_minor,
            currency=order.currency,
            payment_method=order.payment_method,
        )
        unit.publish(event, delivery.traceparent)
    elif reservation.state is ReservationState.REJECTED:
        rejected = StockRejected(order_id=order.order_id, short_items=reservation.short_items)
        unit.publish(rejected, delivery.traceparent)


def _units(items: Sequence[OrderedItem]) -> dict[str, int]:
    units = {item.product_id: item.quantity for item in items}
    if len(units) < len(items):  # the same product twice: orders sums them, but nothing forces it to
        units = dict.fromkeys(units, 0)
        for item in items:
            units[item.product_id] += item.quantity
    return units
