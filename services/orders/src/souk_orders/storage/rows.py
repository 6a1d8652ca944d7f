"""Rows of the orders' tables as values of the domain."""

from typing import Any

from souk_contracts.order_status import OrderStatus
from souk_orders.domain import Head, Line, Placed

HEAD = "order_id, customer_id, email, status, (total_amount * 100)::bigint, currency"
LINE = "product_id, quantity, (unit_price * 100)::bigint, returned"
PLACED = "order_id, (total_amount * 100)::bigint, currency, prices_cached, fingerprint, created_at"


def head(row: Any) -> Head:
    """A row of `HEAD`."""
    return Head(row[0], row[1], row[2], OrderStatus(row[3]), row[4], row[5])


def line(row: Any) -> Line:
    """A row of `LINE`."""
    return Line(row[0], row[1], row[2], row[3])


def placed(row: Any) -> Placed:
    """A row of `PLACED`."""
    return Placed(row[0], row[1], row[2], row[3], row[4], row[5], fresh=False)
