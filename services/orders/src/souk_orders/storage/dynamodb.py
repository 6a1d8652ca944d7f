"""The orders store on DynamoDB: units of work that commit by conditional transactions, and reads beside them.

What one order is asked for is read from the table, as of now. Lists, books and counts find their orders by indexes,
which are a moment behind: an order that was placed or moved just now may be missing there. What is then told of each is
read from the table.
"""

import asyncio
import random
from collections.abc import Sequence
from datetime import datetime

from souk_chassis.clock import Clock
from souk_chassis.storage.collisions import retry_on_conflict
from souk_chassis.storage.dynamodb.client import DynamoClient
from souk_chassis.storage.dynamodb.database import DynamoDatabase
from souk_chassis.storage.dynamodb.errors import ConditionFailedError
from souk_chassis.storage.dynamodb.shards import Shards
from souk_chassis.storage.dynamodb.tables import Tables, chunks
from souk_chassis.storage.dynamodb.values import Row
from souk_chassis.storage.dynamodb.writes import Condition, delete
from souk_contracts.order_books import OrderBook, OrderState
from souk_contracts.order_status import OrderStatus
from souk_contracts.orders import OrderDetails, OrderSummary
from souk_orders.domain import Draft, Head, Placed
from souk_orders.facts import created, details_of
from souk_orders.ports import Progress
from souk_orders.storage.dynamodb_rows import (
    SHARD_NAMES,
    book_of,
    head_of,
    history_of,
    moment,
    order_of,
    parts_of,
    place_in_time,
    placed_of,
    scoped_key,
    status_shard,
    summary_of,
)
from souk_orders.storage.dynamodb_unit import DynamoOrdersUnit
from souk_orders.tables import EVENTS, KEYS, ORDERS, PARTS

LIST_PAGE = 100
"""A customer's orders that are read at a time where those in one state are wanted, until the page is full."""
FORGET_AT_ONCE = 64
"""Idempotency keys that are removed at once."""


class DynamoOrderStore(DynamoDatabase[DynamoOrdersUnit]):
    """See `souk_orders.ports.OrderStore`. `dice` chooses slots of the outbox."""

    def __init__(self, client: DynamoClient, clock: Clock, dice: random.Random | None = None) -> None:
        chance = dice or random.Random()  # noqa: S311 - spreads load, and no secret
        tables = Tables(client)
        super().__init__(tables, EVENTS, clock, lambda: DynamoOrdersUnit(tables, clock, chance))

    async def place(self, drafts: Sequence[Draft]) -> Sequence[Placed]:
        """See the port. Each order is a transaction of its own."""
        return [await self._place(draft) for draft in drafts]

    async def _place(self, draft: Draft) -> Placed:
        """Most orders are new, so that nothing is read before: who comes again, or second, fails on that, looks, and
        gets the first answer."""
        looks = False

        async def once() -> Placed:
            nonlocal looks
            async with self.unit() as unit:
                if not looks:
                    unit.presume_new(draft)
                    looks = True
                [placed] = await unit.place([draft])
                if placed.fresh:
                    unit.publish(created(draft), draft.traceparent)
            return placed

        return await retry_on_conflict(once)

    async def find_placed(self, order_id: str | None, key: tuple[str, str] | None) -> Placed | None:
        """See the port."""
        row = await self.tables.get(ORDERS, order_id) if order_id is not None else None
        if row is None and key is not None:
            claim = await self.tables.get(KEYS, scoped_key(key))
            row = await self.tables.get(ORDERS, claim["orderId"]) if claim is not None else None
        return None if row is None else placed_of(row)

    async def details(self, order_id: str) -> tuple[Head, OrderDetails] | None:
        """See the port."""
        row = await self.tables.get(ORDERS, order_id)
        if row is None:
            return None
        parts = await self.tables.get_many(PARTS, parts_of(row, "lines", "short"))
        order = order_of(row, parts)  # type: ignore[arg-type] # pairs they are
        return order.head, details_of(order)

    async def progress(self, order_id: str) -> Progress | None:
        """See the port."""
        row = await self.tables.get(ORDERS, order_id)
        return None if row is None else Progress(head_of(row), history_of(row))

    async def page(
        self,
        customer_id: str | None,
        status: OrderStatus | None,
        before: tuple[datetime, str] | None,
        limit: int,
    ) -> Sequence[OrderSummary]:
        """See the port. A customer's orders in one state are looked for among all of his, newest first."""
        found: list[Row] = []
        last = None if before is None else place_in_time(*before)
        while len(found) < limit:
            want = limit - len(found)
            if customer_id is None:
                keys = await self._newest(status, last, want)
            else:
                want = want if status is None else max(want, LIST_PAGE)
                where: list[Condition] = [] if last is None else [("placedAt", "<", last)]
                keys = await self.tables.query(
                    ORDERS, customer_id, *where, index="byCustomer", limit=want, descending=True
                )
            # An index is a moment behind: an order that has left the state meanwhile is passed over.
            found += [row for row in await self._orders(keys) if status is None or row["status"] == status]
            if len(keys) < want:
                break
            last = keys[-1]["placedAt"]
        return [summary_of(row) for row in found[:limit]]

    async def states(self, order_ids: Sequence[str]) -> Sequence[OrderState]:
        """See the port."""
        rows = await self.tables.get_many(ORDERS, [(order_id,) for order_id in order_ids])
        known = [rows[order_id,] for order_id in order_ids if (order_id,) in rows]
        return [OrderState(order_id=row["orderId"], status=OrderStatus(row["status"])) for row in known]

    async def books(self, after: str, limit: int, now: datetime) -> Sequence[OrderBook]:
        """See the port. It reads from every shard."""
        index = Shards(self.tables, ORDERS, "byId", "orderId", SHARD_NAMES)
        return [book_of(row, now) for row in await self._orders(await index.first(limit, after=after or None))]

    async def forget_keys(self, before: datetime, limit: int) -> int:
        """See the port. DynamoDB forgets them, too, at no cost, but days later."""
        index = Shards(self.tables, KEYS, "byAge", "usedAt", SHARD_NAMES)
        old = await index.first(limit, until=moment(before))
        forgotten = 0
        for part in chunks(old, FORGET_AT_ONCE):
            forgotten += sum(await asyncio.gather(*(self._forget(row["scopedKey"], before) for row in part)))
        return forgotten

    async def count_open(self, at_most: int) -> int:
        """See the port. It reads from every shard, of each its share of `at_most` while that suffices."""
        return await Shards(self.tables, ORDERS, "open", "openSince", SHARD_NAMES).count(at_most)

    async def _newest(self, status: OrderStatus | None, last: str | None, limit: int) -> list[Row]:
        index, names = "byTime", list(SHARD_NAMES)
        if status is not None:
            index, names = "byStatus", [status_shard(status, name) for name in SHARD_NAMES]
        shards = Shards(self.tables, ORDERS, index, "placedAt", names)
        return await shards.first(limit, after=last, descending=True)

    async def _orders(self, found: Sequence[Row]) -> list[Row]:
        """The orders that an index has found, as they are now, in its order."""
        keys = [(row["orderId"],) for row in found]
        rows = await self.tables.get_many(ORDERS, keys)
        return [rows[key] for key in keys if key in rows]

    async def _forget(self, key: str, before: datetime) -> bool:
        """Remove a key, unless it was used anew since it was found."""
        try:
            await self.tables.write(delete(KEYS, {"scopedKey": key}, [("createdAt", "<", moment(before))]))
        except ConditionFailedError:
            return False
        return True
