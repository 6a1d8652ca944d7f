"""What every event of an order says of it."""

from typing import TypedDict

from souk_contracts.orders import OrderCreated, OrderedItem
from souk_orders.domain import Draft, Head, units_by_product


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
