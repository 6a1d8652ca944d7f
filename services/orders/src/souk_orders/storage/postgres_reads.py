"""Orders in PostgreSQL: the statements outside a unit of work, most of them reads."""

from collections.abc import Sequence
from datetime import datetime

from souk_chassis import wire
from souk_chassis.events.event import message_numbers, pack
from souk_chassis.money import Money
from souk_chassis.storage.postgres import translated
from souk_chassis.storage.postgres_queues import PostgresDatabase
from souk_contracts.order_books import OrderBook, OrderState
from souk_contracts.order_status import OrderStatus
from souk_contracts.orders import OrderCreated, OrderDetails, OrderLine, OrderSummary, ShortLine, StatusChange
from souk_contracts.products import ShortItem
from souk_orders.domain import Draft, Head, Placed, Step
from souk_orders.facts import created
from souk_orders.ports import Progress
from souk_orders.storage.placing import PLACE, as_placed, line_columns, order_columns, place_in_unit
from souk_orders.storage.postgres import PostgresOrdersUnit
from souk_orders.storage.rows import HEAD, LINE, PLACED, head, placed

_DETAILS = f"SELECT {HEAD}, history, short_items, prices_cached, created_at, updated_at FROM orders WHERE order_id = $1"
_PLACED_BY_ID = f"SELECT {PLACED} FROM orders WHERE order_id = $1"
_PLACED_BY_KEY = f"""
SELECT {PLACED} FROM orders
WHERE order_id = (SELECT order_id FROM order_keys WHERE scope = $1 AND key = $2)
"""
_BOOKS = """
SELECT order_id, status, (total_amount * 100)::bigint, (returned_amount * 100)::bigint, units, returned_units,
       extract(epoch FROM $3 - created_at)::float8, extract(epoch FROM $3 - updated_at)::float8
FROM orders WHERE order_id > $1 ORDER BY order_id LIMIT $2
"""
_FORGET_KEYS = """
DELETE FROM order_keys WHERE (scope, key) IN (SELECT scope, key FROM order_keys WHERE created_at < $1 LIMIT $2)
"""
_COUNT_OPEN = "SELECT count(*) FROM (SELECT 1 FROM open_orders LIMIT $1) AS open"


class PostgresOrderStore(PostgresDatabase[PostgresOrdersUnit]):
    """See `souk_orders.ports.OrderStore`."""

    async def place(self, drafts: Sequence[Draft]) -> Sequence[Placed]:
        """See the port. Without idempotency keys, which need more than one look, a batch is one statement."""
        if any(draft.key for draft in drafts):
            return await place_in_unit(self, drafts)
        new: dict[str, Draft] = {}
        for draft in drafts:
            new.setdefault(draft.order_id, draft)
        unique = list(new.values())
        if not unique:
            return []
        now = self.clock.now()
        events = [pack(created(d), source=self.service, time=now, traceparent=d.traceparent) for d in unique]
        outgoing = [[d.order_id for d in unique], [e.event_id for e in events], [e.json for e in events]]
        async with self.statement() as connection:
            rows = await connection.fetch(
                PLACE,
                *order_columns(unique),
                *line_columns(unique),
                *outgoing,
                OrderCreated.type_name(),
                message_numbers(len(event.json) for event in events),
            )
        stored = {row[0]: as_placed(new[row[0]]) for row in rows}
        repeated = sorted(set(new) - set(stored))
        if repeated:
            async with self.reading() as connection:
                rows = await connection.fetch(f"SELECT {PLACED} FROM orders WHERE order_id = ANY($1)", repeated)
            stored |= {row[0]: placed(row) for row in rows}
        answers = []
        for draft in drafts:
            answer = stored[draft.order_id]
            again = answer.fresh and new[draft.order_id] is not draft
            answers.append(answer._replace(fresh=False) if again else answer)
        return answers

    async def find_placed(self, order_id: str | None, key: tuple[str, str] | None) -> Placed | None:
        """See the port."""
        async with self.reading() as connection:
            row = await connection.fetchrow(_PLACED_BY_ID, order_id) if order_id is not None else None
            if row is None and key is not None:
                row = await connection.fetchrow(_PLACED_BY_KEY, *key)
        return placed(row) if row else None

    async def details(self, order_id: str) -> tuple[Head, OrderDetails] | None:
        """See the port."""
        async with self.reading() as connection:
            row = await connection.fetchrow(_DETAILS, order_id)
            if row is None:
                return None
            lines = await connection.fetch(
                f"SELECT {LINE}, item_id FROM order_items WHERE order_id = $1 ORDER BY item_id",
                order_id,
            )
        found = head(row)
        short = wire.decode(row[7], tuple[ShortItem, ...]) if row[7] else ()
        return found, OrderDetails(
            order_id=found.order_id,
            customer_id=found.customer_id,
            status=found.status,
            total=Money(found.total_minor),
            currency=found.currency,
            items=tuple(
                OrderLine(item_id=r[4], product_id=r[0], quantity=r[1], unit_price=Money(r[2]), returned=r[3])
                for r in lines
            ),
            history=wire.decode(row[6], tuple[StatusChange, ...]),
            short_items=tuple(
                ShortLine(product_id=s.product_id, requested=s.requested, available=s.available) for s in short
            ),
            prices_cached=row[8],
            created_at=row[9],
            updated_at=row[10],
        )

    async def progress(self, order_id: str) -> Progress | None:
        """See the port."""
        async with self.reading() as connection:
            row = await connection.fetchrow(f"SELECT {HEAD}, history FROM orders WHERE order_id = $1", order_id)
        if row is None:
            return None
        steps = wire.decode(row[6], tuple[StatusChange, ...])
        return Progress(head(row), tuple(Step(step.status, step.at, step.reason) for step in steps))

    async def page(
        self,
        customer_id: str | None,
        status: OrderStatus | None,
        before: tuple[datetime, str] | None,
        limit: int,
    ) -> Sequence[OrderSummary]:
        """See the port. Each combination of filters has its own statement, so that each has its index."""
        where, given = [], list[object]()
        if customer_id is not None:
            given.append(customer_id)
            where.append(f"customer_id = ${len(given)}")
        if status is not None:
            given.append(status.value)
            where.append(f"status = ${len(given)}")
        if before is not None:
            given += before
            where.append(f"(created_at, order_id) < (${len(given) - 1}, ${len(given)})")
        given.append(limit)
        columns = "order_id, customer_id, status, (total_amount * 100)::bigint, currency, created_at"
        newest = f" ORDER BY created_at DESC, order_id DESC LIMIT ${len(given)}"
        query = f"SELECT {columns} FROM orders WHERE {' AND '.join(where or ['true'])} {newest}"
        if customer_id is None and status is None:  # the newest of each state, merged: no index is by time alone
            each = f"SELECT * FROM orders WHERE {' AND '.join(['status = state', *where])} {newest}"
            query = (
                f"SELECT {columns} FROM unnest(${len(given) + 1}::text[]) AS s (state), LATERAL ({each}) AS o {newest}"
            )
            given.append(list(OrderStatus))
        async with self.reading() as connection:
            rows = await connection.fetch(query, *given)
        return [
            OrderSummary(
                order_id=row[0],
                customer_id=row[1],
                status=OrderStatus(row[2]),
                total=Money(row[3]),
                currency=row[4],
                created_at=row[5],
            )
            for row in rows
        ]

    async def states(self, order_ids: Sequence[str]) -> Sequence[OrderState]:
        """See the port."""
        async with self.reading() as connection:
            rows = await connection.fetch(
                "SELECT order_id, status FROM orders WHERE order_id = ANY($1)", list(order_ids)
            )
        return [OrderState(order_id=row[0], status=OrderStatus(row[1])) for row in rows]

    async def books(self, after: str, limit: int, now: datetime) -> Sequence[OrderBook]:
        """See the port."""
        async with self.reading() as connection:
            rows = await connection.fetch(_BOOKS, after, limit, now)
        return [
            OrderBook(
                order_id=row[0],
                status=OrderStatus(row[1]),
                total_minor=row[2],
                returned_minor=row[3],
                units=row[4],
                returned_units=row[5],
                age_s=row[6],
                idle_s=row[7],
            )
            for row in rows
        ]

    async def forget_keys(self, before: datetime, limit: int) -> int:
        """See the port."""
        with translated():
            status = await self.pool.execute(_FORGET_KEYS, before, limit)
        return int(status.rsplit(" ", 1)[1])

    async def count_open(self, at_most: int) -> int:
        """See the port."""
        async with self.reading() as connection:
            count: int = await connection.fetchval(_COUNT_OPEN, at_most)
        return count
