"""The orders store on PostgreSQL: reads outside a unit of work. Placing is in `postgres_placing.py`."""

from collections.abc import Sequence
from datetime import datetime

import asyncpg

from souk_chassis.clock import Clock
from souk_chassis.money import Money
from souk_chassis.storage.postgres_queues import PostgresDatabase
from souk_chassis.storage.statements import Statement
from souk_contracts.order_books import OrderBook, OrderState
from souk_contracts.order_status import OrderStatus
from souk_contracts.orders import OrderDetails, OrderSummary
from souk_orders.domain import Draft, Head, Placed
from souk_orders.facts import details_of
from souk_orders.ports import Progress
from souk_orders.storage.history import read_history
from souk_orders.storage.placing import place_in_unit
from souk_orders.storage.postgres_placing import place_at_once
from souk_orders.storage.postgres_rows import HEAD, LINE, ORDER, PLACED, head_of, lines_of, order_of, placed_of
from souk_orders.storage.postgres_unit import PostgresOrdersUnit

_ORDER = Statement(f"SELECT {ORDER} FROM orders WHERE order_id = :order_id")
_LINES = Statement(f"SELECT {LINE} FROM order_items WHERE order_id = :order_id ORDER BY item_id")
_PROGRESS = Statement(f"SELECT {HEAD}, history FROM orders WHERE order_id = :order_id")
_PLACED_BY_ID = Statement(f"SELECT {PLACED} FROM orders WHERE order_id = :order_id")
_PLACED_BY_KEY = Statement(f"""
SELECT {PLACED} FROM orders WHERE order_id = (SELECT order_id FROM order_keys WHERE scope = :scope AND key = :key)
""")
_STATES = Statement("SELECT order_id, status FROM orders WHERE order_id = ANY(:order_ids)")
_BOOKS = Statement("""
SELECT order_id, status, (total_amount * 100)::bigint AS total_minor,
       (returned_amount * 100)::bigint AS returned_minor, units, returned_units,
       extract(epoch FROM :now - created_at)::float8 AS age_s, extract(epoch FROM :now - updated_at)::float8 AS idle_s
FROM orders WHERE order_id > :after ORDER BY order_id LIMIT :at_most
""")
_FORGET_KEYS = Statement("""
DELETE FROM order_keys
WHERE (scope, key) IN (SELECT scope, key FROM order_keys WHERE created_at < :before LIMIT :at_most)
""")
_COUNT_OPEN = Statement("SELECT count(*) FROM (SELECT 1 FROM open_orders LIMIT :at_most) AS open")
_SUMMARY = "order_id, customer_id, status, (total_amount * 100)::bigint AS total_minor, currency, created_at"
_NEWEST = "ORDER BY created_at DESC, order_id DESC LIMIT :at_most"


class PostgresOrderStore(PostgresDatabase[PostgresOrdersUnit]):
    """See `souk_orders.ports.OrderStore`."""

    def __init__(self, pool: "asyncpg.Pool", clock: Clock) -> None:
        super().__init__(pool, "orders", clock, PostgresOrdersUnit)

    async def place(self, drafts: Sequence[Draft]) -> Sequence[Placed]:
        """See the port. Without idempotency keys, which need more than one look, a batch is one statement."""
        return await (place_in_unit if any(draft.key for draft in drafts) else place_at_once)(self, drafts)

    async def find_placed(self, order_id: str | None, key: tuple[str, str] | None) -> Placed | None:
        """See the port."""
        async with self.reading() as connection:
            row = await _PLACED_BY_ID.fetchrow(connection, order_id=order_id) if order_id is not None else None
            if row is None and key is not None:
                row = await _PLACED_BY_KEY.fetchrow(connection, scope=key[0], key=key[1])
        return placed_of(row) if row else None

    async def details(self, order_id: str) -> tuple[Head, OrderDetails] | None:
        """See the port."""
        async with self.reading() as connection:
            row = await _ORDER.fetchrow(connection, order_id=order_id)
            if row is None:
                return None
            lines = lines_of(await _LINES.fetch(connection, order_id=order_id))
        order = order_of(row, lines[order_id])
        return order.head, details_of(order)

    async def progress(self, order_id: str) -> Progress | None:
        """See the port."""
        async with self.reading() as connection:
            row = await _PROGRESS.fetchrow(connection, order_id=order_id)
        return Progress(head_of(row), read_history(row["history"])) if row else None

    async def page(
        self,
        customer_id: str | None,
        status: OrderStatus | None,
        before: tuple[datetime, str] | None,
        limit: int,
    ) -> Sequence[OrderSummary]:
        """See the port. Each combination of filters has its own statement, so that each has its index."""
        values: dict[str, object] = {"at_most": limit}
        where = []
        if customer_id is not None:
            values["customer_id"] = customer_id
            where.append("customer_id = :customer_id")
        if status is not None:
            values["status"] = status
            where.append("status = :status")
        if before is not None:
            values["before"], values["before_id"] = before
            where.append("(created_at, order_id) < (:before, :before_id)")
        if customer_id is None and status is None:  # the newest of each state, merged: no index is by time alone
            values["states"] = list(OrderStatus)
            each = f"SELECT * FROM orders WHERE {' AND '.join(['status = state', *where])} {_NEWEST}"
            source = f"unnest(:states::text[]) AS states (state), LATERAL ({each}) AS newest"
        else:
            source = f"orders WHERE {' AND '.join(where)}"
        async with self.reading() as connection:
            rows = await Statement(f"SELECT {_SUMMARY} FROM {source} {_NEWEST}").fetch(connection, **values)
        return [
            OrderSummary(
                order_id=row["order_id"],
                customer_id=row["customer_id"],
                status=OrderStatus(row["status"]),
                total=Money(row["total_minor"]),
                currency=row["currency"],
                created_at=row["created_at"],
            )
            for row in rows
        ]

    async def states(self, order_ids: Sequence[str]) -> Sequence[OrderState]:
        """See the port."""
        async with self.reading() as connection:
            rows = await _STATES.fetch(connection, order_ids=list(order_ids))
        return [OrderState(order_id=row["order_id"], status=OrderStatus(row["status"])) for row in rows]

    async def books(self, after: str, limit: int, now: datetime) -> Sequence[OrderBook]:
        """See the port."""
        async with self.reading() as connection:
            rows = await _BOOKS.fetch(connection, after=after, at_most=limit, now=now)
        return [OrderBook(**{**row, "status": OrderStatus(row["status"])}) for row in rows]

    async def forget_keys(self, before: datetime, limit: int) -> int:
        """See the port."""
        async with self.reading() as connection:
            return await _FORGET_KEYS.execute(connection, before=before, at_most=limit)

    async def count_open(self, at_most: int) -> int:
        """See the port."""
        async with self.reading() as connection:
            count: int = await _COUNT_OPEN.fetchval(connection, at_most=at_most)
        return count
