"""Placing a batch of orders with their events: in a unit of work, or in one statement of PostgreSQL.

The statements are given one array a column for the whole batch.
"""

from collections.abc import Sequence
from typing import Any

from souk_chassis import wire
from souk_chassis.storage.ports import Store
from souk_contracts.order_status import OrderStatus
from souk_contracts.orders import StatusChange
from souk_orders.domain import Draft, Placed, Step
from souk_orders.facts import created
from souk_orders.ports import OrdersUnit


async def place_in_unit(store: Store[OrdersUnit], drafts: Sequence[Draft]) -> Sequence[Placed]:
    """See `souk_orders.ports.OrderStore.place`."""
    async with store.unit() as unit:
        answers = await unit.place(drafts)
        for draft, answer in zip(drafts, answers, strict=True):
            if answer.fresh:
                unit.publish(created(draft), draft.traceparent)
    return answers


_INSERT_ORDERS = """
INSERT INTO orders (order_id, customer_id, email, total_amount, currency, payment_method, prices_cached, fingerprint,
                    created_at, updated_at, units, status, history)
SELECT id, customer, mail, (minor * 0.01)::numeric(10, 2), cur, method, cached, print, at, at, units,
       'PENDING', history::jsonb
FROM unnest($1::text[], $2::text[], $3::text[], $4::bigint[], $5::text[], $6::text[], $7::bool[], $8::bytea[],
            $9::timestamptz[], $10::bigint[], $11::text[])
     AS given (id, customer, mail, minor, cur, method, cached, print, at, units, history)
ORDER BY id ON CONFLICT DO NOTHING RETURNING order_id, created_at
"""
NEW_ORDERS = f"""
fresh AS ({_INSERT_ORDERS}),
opened AS (INSERT INTO open_orders SELECT order_id, created_at FROM fresh)
"""
"""The parts of a WITH that insert orders, and open those that are new: `fresh`."""
_PRICE = "(minor * 0.01)::numeric(10, 2)"
INSERT_LINES = f"""
INSERT INTO order_items (order_id, item_id, product_id, quantity, unit_price)
SELECT id, number, product, quantity, {_PRICE}
"""
LINES_GIVEN = """
FROM unnest(${}::text[], ${}::int[], ${}::text[], ${}::int[], ${}::bigint[])
     AS given (id, number, product, quantity, minor)
"""
PLACE = f"""
WITH {NEW_ORDERS},
lines AS ({INSERT_LINES} {LINES_GIVEN.format(12, 13, 14, 15, 16)} JOIN fresh ON fresh.order_id = id),
events AS (
    INSERT INTO outbox (event_id, type, event, events)
    SELECT (array_agg(event_id ORDER BY nr))[1], $20, CASE count(*) WHEN 1 THEN min(event)
           ELSE '[' || string_agg(event, ',' ORDER BY nr) || ']' END, count(*)
    FROM unnest($17::text[], $18::uuid[], $19::text[], $21::int[]) WITH ORDINALITY
        AS given (id, event_id, event, message, nr)
    JOIN fresh ON fresh.order_id = id GROUP BY message)
SELECT order_id FROM fresh
"""
"""Orders, their lines and their events in one statement, which is one transaction and one round trip. The events leave
as messages (`souk_chassis.events.event.message_numbers`), of those orders alone that are new."""


def order_columns(drafts: Sequence[Draft]) -> list[list[Any]]:
    """The parameters of `NEW_ORDERS`."""
    return [
        [d.order_id for d in drafts],
        [d.customer_id for d in drafts],
        [d.email for d in drafts],
        [d.total_minor for d in drafts],
        [d.currency for d in drafts],
        [d.payment_method for d in drafts],
        [d.prices_cached for d in drafts],
        [d.fingerprint for d in drafts],
        [d.created_at for d in drafts],
        [sum(line.quantity for line in d.lines) for d in drafts],
        [history_json([Step(OrderStatus.PENDING, d.created_at)]) for d in drafts],
    ]


def line_columns(drafts: Sequence[Draft]) -> list[list[Any]]:
    """The parameters of `LINES_GIVEN`. Every order has a line."""
    lines = [
        (d.order_id, number, line.product_id, line.quantity, line.unit_price_minor)
        for d in drafts
        for number, line in enumerate(d.lines, 1)
    ]
    return [list(column) for column in zip(*lines, strict=True)]


def history_json(steps: Sequence[Step]) -> str:
    """Steps as entries of the column `history`."""
    return wire.encode([StatusChange(status=step.status, at=step.at, reason=step.reason) for step in steps]).decode()


def as_placed(draft: Draft) -> Placed:
    """What is answered for an order that is new."""
    return Placed(
        draft.order_id,
        draft.total_minor,
        draft.currency,
        draft.prices_cached,
        draft.fingerprint,
        draft.created_at,
        fresh=True,
    )
