"""What the events and the answers say of an order."""

from collections.abc import Sequence
from typing import TypedDict

from souk_chassis.money import Money
from souk_contracts.orders import (
    OrderConfirmed,
    OrderCreated,
    OrderDetails,
    OrderedItem,
    OrderLine,
    ShortLine,
    SoldItem,
    StatusChange,
)
from souk_orders.domain import Draft, Head, Line, Order, units_by_product


class HeadFacts(TypedDict):
    """The fields that `souk_contracts.orders.OrderEvent` gives to all of them."""

    order_id: str
    customer_id: str | None
    email: str | None
    total_minor: int
    currency: str


def head_facts(head: Head) -> HeadFacts:
    """Whose order it is, and what it comes to."""
    return HeadFacts(
        order_id=head.order_id,
        customer_id=head.customer_id,
        email=head.email,
        total_minor=head.total_minor,
        currency=head.currency,
    )


def created(draft: Draft) -> OrderCreated:
    """What is said of an order that was placed."""
    units = units_by_product(draft.lines)
    return OrderCreated(
        order_id=draft.order_id,
        customer_id=draft.customer_id,
        email=draft.email,
        total_minor=draft.total_minor,
        currency=draft.currency,
        payment_method=draft.payment_method,
        items=tuple(OrderedItem(product_id=product_id, quantity=count) for product_id, count in units.items()),
    )


def confirmed(head: Head, lines: Sequence[Line]) -> OrderConfirmed:
    """What is said of an order that was reserved and paid: all that a hearer needs to know of it."""
    units: dict[tuple[str, int], int] = {}
    for line in lines:
        sold = line.product_id, line.unit_price_minor
        units[sold] = units.get(sold, 0) + line.quantity
    items = tuple(
        SoldItem(product_id=product_id, quantity=count, unit_price_minor=unit_price_minor)
        for (product_id, unit_price_minor), count in units.items()
    )
    return OrderConfirmed(**head_facts(head), items=items)


def details_of(order: Order) -> OrderDetails:
    """The order as it is answered, whole."""
    head = order.head
    return OrderDetails(
        order_id=head.order_id,
        customer_id=head.customer_id,
        status=head.status,
        total=Money(head.total_minor),
        currency=head.currency,
        items=tuple(
            OrderLine(
                item_id=number,
                product_id=line.product_id,
                quantity=line.quantity,
                unit_price=Money(line.unit_price_minor),
                returned=line.returned,
            )
            for number, line in enumerate(order.lines, 1)
        ),
        history=tuple(StatusChange(status=step.status, at=step.at, reason=step.reason) for step in order.history),
        short_items=tuple(
            ShortLine(product_id=item.product_id, requested=item.requested, available=item.available)
            for item in order.short_items
        ),
        prices_cached=order.prices_cached,
        created_at=order.created_at,
        updated_at=order.updated_at,
    )
