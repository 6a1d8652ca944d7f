"""The use cases of orders after placing: one function each, one unit of work each."""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Callable, Mapping
from datetime import UTC, datetime

from souk_chassis import wire
from souk_chassis.context import Context
from souk_chassis.errors import invalid
from souk_chassis.ids import uuid7
from souk_chassis.money import Money
from souk_chassis.storage.collisions import retry_on_conflict
from souk_contracts.order_books import OrderBooks, OrderStates, OrderStatesQuery
from souk_contracts.order_status import OPEN, OrderStatus
from souk_contracts.orders import (
    NewReturn,
    NotForOthers,
    NotNow,
    OrderCancelled,
    OrderDelivered,
    OrderDetails,
    OrderedItem,
    OrderEvent,
    OrderNotFound,
    OrderPage,
    OrderQuery,
    OrderRef,
    OrderReturned,
    OrderShipped,
    OrderUpdate,
    ReturnDiffers,
    ReturnReceipt,
    TooLate,
)
from souk_contracts.shop import BookRequest
from souk_orders.domain import Head, ReturnNote, Step, may_become, move_to, settle_return
from souk_orders.facts import head_facts
from souk_orders.placing import Orders, place_order
from souk_orders.ports import OrdersUnit

SAGA_LIMIT_S = 60.0
"""An order that is open for longer has stuck; the audit says so."""
FOLLOW_EVERY_S = 0.3
"""How often a followed order is looked at."""


async def get_order(ctx: Context[Orders], request: OrderRef) -> OrderDetails:
    """The order, to its owner and to administrators."""
    found = await ctx.deps.store.details(request.order_id)
    if found is None:
        raise OrderNotFound()
    head, details = found
    ctx.must_own(ctx.identity.owns_order(head.order_id, head.customer_id))
    return details


async def list_orders(ctx: Context[Orders], request: OrderQuery) -> OrderPage:
    """A customer's own orders; for administrators anyone's, or all."""
    customer_id = request.customer_id
    if not ctx.identity.is_admin:
        if customer_id not in {None, ctx.identity.user_id}:
            raise NotForOthers("You see your own orders.", customerId="Not yours")
        customer_id = ctx.identity.user_id
    before = _read_cursor(request.cursor) if request.cursor else None
    items = tuple(await ctx.deps.store.page(customer_id, request.status, before, request.limit))
    full = len(items) == request.limit
    return OrderPage(items=items, next=_cursor(items[-1].created_at, items[-1].order_id) if full else None)


async def cancel_order(ctx: Context[Orders], request: OrderRef) -> OrderDetails:
    """Cancel what is not shipped yet: stock and money go back. Cancelling again changes nothing."""

    async def cancel() -> Head | None:
        async with ctx.deps.store.unit() as unit:
            head = await _owned(ctx, unit, request.order_id)
            if head.status is OrderStatus.CANCELLED:
                return None
            if not may_become(head.status, OrderStatus.CANCELLED):
                raise TooLate(f"The order is {head.status}.")
            reason = "cancelled by the shop" if ctx.identity.is_admin else "cancelled by the customer"
            await unit.move([move_to(head, Step(OrderStatus.CANCELLED, ctx.now, reason))])
            unit.publish(OrderCancelled(**head_facts(head), reason=reason), ctx.traceparent)
        return head

    cancelled = await retry_on_conflict(cancel)
    if cancelled is not None:
        _log(ctx, "order cancelled", cancelled)
    return await get_order(ctx, request)


async def ship_order(ctx: Context[Orders], request: OrderRef) -> OrderDetails:
    """CONFIRMED to SHIPPED. Saying it again changes nothing."""
    return await _step_to(ctx, request, OrderStatus.SHIPPED, lambda head: OrderShipped(**head_facts(head)))


async def deliver_order(ctx: Context[Orders], request: OrderRef) -> OrderDetails:
    """SHIPPED to DELIVERED. Saying it again changes nothing."""
    return await _step_to(ctx, request, OrderStatus.DELIVERED, lambda head: OrderDelivered(**head_facts(head)))


async def return_items(ctx: Context[Orders], request: NewReturn) -> ReturnReceipt:
    """Take items back: they are restocked and refunded at the price of their lines, first lines first.

    A repeat with the same Idempotency-Key gets the first answer again; with different items, ReturnDiffers.
    """
    wanted: dict[str, int] = {}
    for item in request.items:
        wanted[item.product_id] = wanted.get(item.product_id, 0) + item.quantity
    fingerprint = hashlib.blake2b(wire.encode(request), digest_size=16).digest()
    head, note, is_new = await retry_on_conflict(lambda: _take_back(ctx, request, wanted, fingerprint))
    if is_new:
        _log(ctx, "items returned", head)
    return _return_receipt(note, head.currency)


async def _take_back(
    ctx: Context[Orders], request: NewReturn, wanted: Mapping[str, int], fingerprint: bytes
) -> tuple[Head, ReturnNote, bool]:
    """The order, the return, and whether it is a new one."""
    async with ctx.deps.store.unit() as unit:
        head = await _owned(ctx, unit, request.order_id)
        if request.idempotency_key is not None:
            earlier = await unit.find_return(head.order_id, request.idempotency_key)
            if earlier is not None:
                if earlier.fingerprint != fingerprint:
                    raise ReturnDiffers()
                return head, earlier, False
        if not may_become(head.status, OrderStatus.RETURNED):
            raise NotNow(f"Nothing can be returned of an order that is {head.status}.")
        lines = await unit.lines([head.order_id])
        settled = settle_return(lines[head.order_id], wanted)
        status = OrderStatus.RETURNED if settled.all_returned else head.status
        note = ReturnNote(
            uuid7(), head.order_id, settled.refund_minor, status, ctx.now, request.idempotency_key, fingerprint
        )
        await unit.record_return(head.order_id, settled.by_line, settled.refund_minor, note.created_at)
        await unit.note_return(note)
        if settled.all_returned:
            await unit.move([move_to(head, Step(status, note.created_at, "all items returned"))])
        items = tuple(OrderedItem(product_id=product_id, quantity=units) for product_id, units in wanted.items())
        returned = OrderReturned(
            **head_facts(head), return_id=note.return_id, amount_minor=settled.refund_minor, items=items
        )
        unit.publish(returned, ctx.traceparent)
    return head, note, True


def _return_receipt(note: ReturnNote, currency: str) -> ReturnReceipt:
    return ReturnReceipt(
        order_id=note.order_id,
        return_id=note.return_id,
        status=note.status,
        refund=Money(note.refund_minor),
        currency=currency,
    )


async def follow_order(ctx: Context[Orders], request: OrderRef) -> AsyncIterator[OrderUpdate]:
    """The order's history, step by step as it happens, until it ends or the call's deadline."""
    told = 0
    while True:
        progress = await ctx.deps.store.progress(request.order_id)
        if progress is None:
            raise OrderNotFound()
        head = progress.head
        ctx.must_own(ctx.identity.owns_order(head.order_id, head.customer_id))
        for step in progress.history[told:]:
            yield OrderUpdate(order_id=head.order_id, status=step.status, at=step.at, reason=step.reason)
        told = len(progress.history)
        if head.status not in OPEN or ctx.call_info.deadline.expired:
            return
        await asyncio.sleep(FOLLOW_EVERY_S)


async def find_order_states(ctx: Context[Orders], request: OrderStatesQuery) -> OrderStates:
    """The states of orders, for the reconcilers of other services."""
    return OrderStates(items=tuple(await ctx.deps.store.states(request.order_ids)))


async def get_order_books(ctx: Context[Orders], request: BookRequest) -> OrderBooks:
    """The orders' books, by id."""
    items = tuple(await ctx.deps.store.books(request.cursor or "", request.limit, ctx.now))
    full = len(items) == request.limit
    return OrderBooks(items=items, next=items[-1].order_id if full else None, saga_limit_s=SAGA_LIMIT_S)


async def _owned(ctx: Context[Orders], unit: OrdersUnit, order_id: str) -> Head:
    head = (await unit.lock([order_id])).get(order_id)
    if head is None:
        raise OrderNotFound()
    ctx.must_own(ctx.identity.owns_order(head.order_id, head.customer_id))
    return head


async def _step_to(
    ctx: Context[Orders], request: OrderRef, to: OrderStatus, event: Callable[[Head], OrderEvent]
) -> OrderDetails:
    """Move the order on, and say so; an order that is there already stays as it is."""

    async def step() -> Head | None:
        async with ctx.deps.store.unit() as unit:
            head = await _owned(ctx, unit, request.order_id)
            if head.status is to:
                return None
            if not may_become(head.status, to):
                raise NotNow(f"An order that is {head.status} can't become {to}.")
            await unit.move([move_to(head, Step(to, ctx.now))])
            unit.publish(event(head), ctx.traceparent)
        return head

    moved = await retry_on_conflict(step)
    if moved is not None:
        _log(ctx, f"order {to.lower()}", moved)
    return await get_order(ctx, request)


def _log(ctx: Context[Orders], message: str, head: Head) -> None:
    ctx.log.info(
        message,
        ctx.traceparent,
        orderId=head.order_id,
        customerId=head.customer_id,
        total=str(Money(head.total_minor)),
    )


def _cursor(created_at: datetime, order_id: str) -> str:
    micros = round(created_at.timestamp() * 1_000_000)
    return f"{micros}~{order_id}"


def _read_cursor(cursor: str) -> tuple[datetime, str]:
    micros, tilde, order_id = cursor.partition("~")
    try:
        seconds, fraction = divmod(int(micros), 1_000_000)
        at = datetime.fromtimestamp(seconds, UTC).replace(microsecond=fraction)
    except (ValueError, OverflowError, OSError):
        tilde = ""
    if not tilde:
        raise invalid("invalid_cursor", "The cursor is none that a list gave.", cursor="Not a cursor")
    return at, order_id


__all__ = [
    "SAGA_LIMIT_S",
    "cancel_order",
    "deliver_order",
    "find_order_states",
    "follow_order",
    "get_order",
    "get_order_books",
    "list_orders",
    "place_order",
    "return_items",
    "ship_order",
]
