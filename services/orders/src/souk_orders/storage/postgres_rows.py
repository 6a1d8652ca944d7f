"""Orders as rows of PostgreSQL: how new ones are written, and how each is read as a value of the domain.

Amounts are decimals in the tables and minor units in the program.
"""

from collections.abc import Sequence
from typing import Any

from asyncpg import Record

from souk_chassis import wire
from souk_chassis.storage.statements import Rows
from souk_contracts.order_status import OrderStatus
from souk_contracts.products import ShortItem
from souk_orders.domain import Draft, Head, Line, Order, Placed, Step
from souk_orders.storage.history import history_json, read_history

_DRAFTS = Rows(
    "drafts",
    order_id="text",
    customer_id="text",
    email="text",
    total_minor="int8",
    currency="text",
    payment_method="text",
    prices_cached="bool",
    fingerprint="bytea",
    created_at="timestamptz",
    units="int8",
    history="text",
)
NEW_ORDERS = f"""
fresh AS (
    INSERT INTO orders (order_id, customer_id, email, total_amount, currency, payment_method, prices_cached,
                        fingerprint, created_at, updated_at, units, status, history)
    SELECT order_id, customer_id, email, (total_minor * 0.01)::numeric(10, 2), currency, payment_method, prices_cached,
           fingerprint, created_at, created_at, units, '{OrderStatus.PENDING}', history::jsonb
    FROM {_DRAFTS} ORDER BY order_id ON CONFLICT DO NOTHING RETURNING order_id, created_at),
opened AS (INSERT INTO open_orders (order_id, since) SELECT order_id, created_at FROM fresh)
"""
"""The parts of a WITH that insert orders, and open those that are new: `fresh`."""
_LINES = Rows("lines", order_id="text", item_id="int4", product_id="text", quantity="int4", unit_price_minor="int8")
NEW_LINES = f"""
INSERT INTO order_items (order_id, item_id, product_id, quantity, unit_price)
SELECT order_id, item_id, product_id, quantity, (unit_price_minor * 0.01)::numeric(10, 2) FROM {_LINES}
"""

HEAD = "order_id, customer_id, email, status, (total_amount * 100)::bigint AS total_minor, currency"
ORDER = f"{HEAD}, history, short_items, prices_cached, created_at, updated_at"
LINE = "order_id, product_id, quantity, (unit_price * 100)::bigint AS unit_price_minor, returned"
PLACED = "order_id, (total_amount * 100)::bigint AS total_minor, currency, prices_cached, fingerprint, created_at"


def orders_to_insert(drafts: Sequence[Draft]) -> dict[str, Any]:
    """The parameters of `NEW_ORDERS`."""
    return _DRAFTS.arrays(
        drafts,
        units=[sum(line.quantity for line in draft.lines) for draft in drafts],
        history=[history_json([Step(OrderStatus.PENDING, draft.created_at)]) for draft in drafts],
    )


def lines_to_insert(drafts: Sequence[Draft]) -> dict[str, Any]:
    """The parameters of `NEW_LINES`."""
    return _LINES.arrays(
        [line for draft in drafts for line in draft.lines],
        order_id=[draft.order_id for draft in drafts for _ in draft.lines],
        item_id=[number for draft in drafts for number in range(1, len(draft.lines) + 1)],
    )


def head_of(row: Record) -> Head:
    """A row of `HEAD`."""
    return Head(
        order_id=row["order_id"],
        customer_id=row["customer_id"],
        email=row["email"],
        status=OrderStatus(row["status"]),
        total_minor=row["total_minor"],
        currency=row["currency"],
    )


def order_of(row: Record, lines: Sequence[Line]) -> Order:
    """A row of `ORDER`, with its lines."""
    return Order(
        head=head_of(row),
        lines=tuple(lines),
        history=read_history(row["history"]),
        short_items=wire.decode(row["short_items"], tuple[ShortItem, ...]) if row["short_items"] else (),
        prices_cached=row["prices_cached"],
        created_at=row["created_at"],
        updated_at=row["updated_at"],
    )


def lines_of(rows: Sequence[Record]) -> dict[str, list[Line]]:
    """Rows of `LINE`, by order."""
    lines: dict[str, list[Line]] = {}
    for row in rows:
        line = Line(row["product_id"], row["quantity"], row["unit_price_minor"], row["returned"])
        lines.setdefault(row["order_id"], []).append(line)
    return lines


def placed_of(row: Record) -> Placed:
    """A row of `PLACED`."""
    return Placed(
        order_id=row["order_id"],
        total_minor=row["total_minor"],
        currency=row["currency"],
        prices_cached=row["prices_cached"],
        fingerprint=row["fingerprint"],
        created_at=row["created_at"],
        fresh=False,
    )
