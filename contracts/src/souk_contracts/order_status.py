"""The states of an order."""

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
