"""What every event of an order says of it."""

from typing import TypedDict

from souk_orders.domain import Head


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
