"""The order's saga, as orders see it.

| heard | moves to | says |
|---|---|---|
| StockReserved | RESERVED | |
| StockRejected | REJECTED | OrderRejected |
| PaymentCaptured | CONFIRMED, through RESERVED if need be | OrderConfirmed |
| PaymentDeclined | CANCELLED | OrderCancelled: products release the stock |

News moves open orders alone: where the table of states has no step for it, it is late or repeated, and changes nothing.
An order that was cancelled meanwhile stays so: OrderCancelled makes payments refund and products release, whichever
they heard first.
"""

from collections.abc import Sequence
from datetime import timedelta
from typing import TypeVar

from souk_chassis.context import Context
from souk_chassis.events.event import Delivery
from souk_chassis.money import Money
from souk_chassis.storage.collisions import retry_on_conflict
from souk_contracts.order_status import OPEN, OrderStatus
from souk_contracts.orders import OrderCancelled, OrderedItem, OrderOverdue, OrderRejected
from souk_contracts.payments import PaymentCaptured, PaymentDeclined, PaymentEvent
from souk_contracts.products import ShortItem, StockRejected, StockReserved
from souk_orders.domain import Head, Move, Step, move_to, steps_to, units_by_product
from souk_orders.facts import confirmed, head_facts
from souk_orders.placing import Orders
from souk_orders.ports import OrdersUnit, Overdue

OVERDUE_AFTER = timedelta(seconds=30)
"""An open order that has not moved for so long is asked after."""
OVERDUE_BATCH = 200
ASK_EVERY_S = 1.0
"""Seconds between two looks for such orders, and how many one look asks after."""

News = TypeVar("News", StockReserved, StockRejected, PaymentCaptured, PaymentDeclined)


async def on_stock_reserved(
    ctx: Context[Orders], unit: OrdersUnit, deliveries: Sequence[Delivery[StockReserved]]
) -> None:
    """PENDING to RESERVED."""
    await _advance(ctx, unit, deliveries, OrderStatus.RESERVED, "order reserved")


async def on_stock_rejected(
    ctx: Context[Orders], unit: OrdersUnit, deliveries: Sequence[Delivery[StockRejected]]
) -> None:
    """PENDING to REJECTED, with the short items named."""
    for head, news in await _advance(ctx, unit, deliveries, OrderStatus.REJECTED, "order rejected"):
        unit.publish(OrderRejected(**head_facts(head), short_items=news.data.short_items), news.traceparent)


async def on_payment_captured(
    ctx: Context[Orders], unit: OrdersUnit, deliveries: Sequence[Delivery[PaymentCaptured]]
) -> None:
    """Open to CONFIRMED."""
    moved = await _advance(ctx, unit, deliveries, OrderStatus.CONFIRMED, "order confirmed")
    lines = await unit.lines([head.order_id for head, _ in moved]) if moved else {}
    for head, news in moved:
        unit.publish(confirmed(head, lines[head.order_id]), news.traceparent)


async def on_payment_declined(
    ctx: Context[Orders], unit: OrdersUnit, deliveries: Sequence[Delivery[PaymentDeclined]]
) -> None:
    """Open to CANCELLED: the stock is released."""
    for head, news in await _advance(ctx, unit, deliveries, OrderStatus.CANCELLED, "order cancelled"):
        reason = _reason(news.data) or "payment declined"
        unit.publish(OrderCancelled(**head_facts(head), reason=reason), news.traceparent)


async def ask_after_overdue(ctx: Context[Orders]) -> None:
    """The reconciler: orders that no step moves are asked after, and whoever knows something of one says it again."""

    async def ask() -> Sequence[Overdue]:
        now = ctx.now
        async with ctx.deps.store.unit() as unit:
            overdue = await unit.overdue(now - OVERDUE_AFTER, now, OVERDUE_BATCH)
            for late in overdue:
                units = units_by_product(late.lines)
                items = tuple(OrderedItem(product_id=product_id, quantity=count) for product_id, count in units.items())
                event = OrderOverdue(**head_facts(late.head), payment_method=late.payment_method, items=items)
                unit.publish(event, ctx.traceparent)
        return overdue

    for late in await retry_on_conflict(ask):
        ctx.log.warning("order overdue", ctx.traceparent, orderId=late.head.order_id, status=late.head.status)


async def _advance(
    ctx: Context[Orders],
    unit: OrdersUnit,
    deliveries: Sequence[Delivery[News]],
    to: OrderStatus,
    message: str,
) -> Sequence[tuple[Head, Delivery[News]]]:
    """Move the orders on. Returns those that moved, as they were before, each with the news that moved it."""
    traces = {delivery.data.order_id: delivery.traceparent for delivery in deliveries}
    heads = await unit.lock(traces, OPEN)
    if len(heads) < len(traces):  # late or repeated news, mostly
        late = traces.keys() - heads.keys()
        for order_id in late - await unit.known(late):
            ctx.log.error("news of an unknown order", traces[order_id], orderId=order_id, news=message)
    moves: dict[str, Move] = {}
    moved: list[tuple[Head, Delivery[News]]] = []
    now = ctx.now
    for delivery in deliveries:
        news = delivery.data
        head = heads.get(news.order_id)
        if head is None or news.order_id in moves:
            continue
        steps = [Step(status, now, _reason(news)) for status in steps_to(head.status, to)]
        if not steps:
            continue
        moves[head.order_id] = move_to(head, *steps, short_items=_short_items(news))
        moved.append((head, delivery))
        ctx.log.info(
            message,
            delivery.traceparent,
            orderId=head.order_id,
            customerId=head.customer_id,
            total=str(Money(head.total_minor)),
        )
    await unit.move(list(moves.values()))
    return moved


def _reason(news: StockReserved | StockRejected | PaymentEvent) -> str | None:
    if isinstance(news, PaymentDeclined):
        return f"payment declined: {news.reason}"
    if isinstance(news, StockRejected):
        return "short of " + ", ".join(item.product_id for item in news.short_items[:10])
    return None


def _short_items(news: StockReserved | StockRejected | PaymentEvent) -> tuple[ShortItem, ...]:
    return news.short_items if isinstance(news, StockRejected) else ()
