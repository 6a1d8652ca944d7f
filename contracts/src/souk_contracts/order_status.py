"""The states of an order, and the sets of them that several services ask for."""

from enum import StrEnum


class OrderStatus(StrEnum):
    """The states of an order. Which may follow which stands in the orders service's `domain.py`."""

    PENDING = "PENDING"
    RESERVED = "RESERVED"
    CONFIRMED = "CONFIRMED"
    SHIPPED = "SHIPPED"
    DELIVERED = "DELIVERED"
    REJECTED = "REJECTED"
    CANCELLED = "CANCELLED"
    RETURNED = "RETURNED"


OPEN = frozenset({OrderStatus.PENDING, OrderStatus.RESERVED})
"""The saga still has something to do."""
PAID = frozenset({OrderStatus.CONFIRMED, OrderStatus.SHIPPED, OrderStatus.DELIVERED, OrderStatus.RETURNED})
"""The shop has the money, less what was refunded for returns."""
UNDONE = frozenset({OrderStatus.REJECTED, OrderStatus.CANCELLED})
"""The order has ended and nothing was sold: stock and money go back."""
