"""Placing a batch of orders in PostgreSQL by one statement: the shop's hottest write.

It is one transaction and one round trip: the orders, their lines and their events, of those orders alone that are new.
"""

from collections.abc import Sequence
from typing import Any

from souk_chassis.events.event import pack
from souk_chassis.storage.postgres import PostgresSession, events_for, published_for
from souk_chassis.storage.statements import Statement
from souk_orders.domain import Draft, Placed
from souk_orders.facts import created
from souk_orders.storage.postgres_rows import (
    NEW_LINES,
    NEW_ORDERS,
    PLACED,
    lines_to_insert,
    orders_to_insert,
    placed_of,
)

_PLACE = Statement(f"""
WITH {NEW_ORDERS},
items AS ({NEW_LINES} WHERE order_id IN (SELECT order_id FROM fresh)),
{published_for("SELECT order_id FROM fresh")}
SELECT order_id FROM fresh
""")
PLACED_BY_ID = Statement(f"SELECT {PLACED} FROM orders WHERE order_id = ANY(:order_ids)")


async def place_at_once(database: PostgresSession[Any], drafts: Sequence[Draft]) -> Sequence[Placed]:
    """See `souk_orders.ports.OrderStore.place`. The drafts have no idempotency keys."""
    new: dict[str, Draft] = {}
    for draft in drafts:
        new.setdefault(draft.order_id, draft)
    if not new:
        return []
    unique, now = list(new.values()), database.clock.now()
    events = {
        order_id: pack(created(draft), source=database.service, time=now, traceparent=draft.traceparent)
        for order_id, draft in new.items()
    }
    async with database.statement() as connection:
        values = {**orders_to_insert(unique), **lines_to_insert(unique), **events_for(events)}
        fresh = {row["order_id"] for row in await _PLACE.fetch(connection, **values)}
    stored = {order_id: new[order_id].placed() for order_id in fresh}
    repeated = sorted(new.keys() - fresh)
    if repeated:
        async with database.reading() as connection:
            rows = await PLACED_BY_ID.fetch(connection, order_ids=repeated)
        stored |= {row["order_id"]: placed_of(row) for row in rows}
    answers = [(draft, stored[draft.order_id]) for draft in drafts]
    return [answer if new[draft.order_id] is draft else answer._replace(fresh=False) for draft, answer in answers]
