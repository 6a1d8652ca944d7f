"""The products store on DynamoDB: units of work that commit by conditional transactions, and reads beside them.

Lists by name and by id, and the reconciler's way, are read from indexes, which are a moment behind their tables.
"""

import asyncio
import random
from collections.abc import Collection, Sequence
from datetime import datetime

from souk_chassis.clock import Clock
from souk_chassis.money import Money
from souk_chassis.storage.collisions import CollisionError
from souk_chassis.storage.dynamodb.client import DynamoClient
from souk_chassis.storage.dynamodb.database import DynamoDatabase
from souk_chassis.storage.dynamodb.errors import TransactionCancelledError
from souk_chassis.storage.dynamodb.tables import Tables
from souk_chassis.storage.dynamodb.values import Row
from souk_chassis.storage.dynamodb.writes import Condition
from souk_contracts.products import ReservationBook, StockBook
from souk_products.domain import Checkpoint, fold
from souk_products.ports import Listed
from souk_products.storage.dynamodb_rows import (
    BUCKETS,
    CHECKPOINT_KEY,
    LISTING,
    WATCHED,
    age_before,
    age_key,
    bucket,
    checkpoint_of,
    product_of,
    state_of,
)
from souk_products.storage.dynamodb_stock import Stock, book
from souk_products.storage.dynamodb_unit import DynamoProductsUnit
from souk_products.tables import EVENTS, PRODUCTS, RESERVATIONS

SEARCH_PAGE = 200
"""Products that a search reads at a time, until its page is full."""


class DynamoProductsStore(DynamoDatabase[DynamoProductsUnit]):
    """See `souk_products.ports.ProductsStore`, of which it has all but the queues. `dice` chooses shards and slots."""

    def __init__(self, client: DynamoClient, clock: Clock, dice: random.Random | None = None) -> None:
        self._dice = dice or random.Random()  # noqa: S311 - spreads load, and no secret
        tables = Tables(client)
        self._stock = Stock(tables, self._dice)
        super().__init__(
            tables, EVENTS, clock, lambda: DynamoProductsUnit(tables, clock, self._dice, self._stock.known)
        )

    async def spread_stock(self, product_id: str, shards: int) -> None:
        """See the port. It is for the time before a product becomes hot."""
        try:
            await self._stock.spread(product_id, shards)
        except TransactionCancelledError as error:
            raise CollisionError from error

    async def find_product(self, product_id: str) -> Listed | None:
        """See the port."""
        row = await self.tables.get(PRODUCTS, product_id)
        return None if row is None else (await self._listed([row]))[0]

    async def list_products(self, words: Sequence[str], after: str | None, limit: int) -> list[Listed] | None:
        """See the port. A search reads the catalogue in its order until the page is full."""
        where: list[Condition] = []
        if after is not None:
            last = await self.tables.get(PRODUCTS, after)
            if last is None or "nameKey" not in last:
                return None
            where = [("nameKey", ">", last["nameKey"])]
        found: list[Row] = []
        while len(found) < limit:
            page = await self.tables.query(PRODUCTS, LISTING, *where, index="byName", limit=SEARCH_PAGE)
            found += [row for row in page if all(word in _searched(row) for word in words)]
            if len(page) < SEARCH_PAGE:
                break
            where = [("nameKey", ">", page[-1]["nameKey"])]
        return await self._listed(found[:limit])

    async def prices(self, product_ids: Collection[str]) -> dict[str, Money]:
        """See the port."""
        rows = await self.tables.get_many(PRODUCTS, [(product_id,) for product_id in product_ids])
        return {row["productId"]: Money(row["priceMinor"]) for row in rows.values()}

    async def stock_books(self, after: str, limit: int) -> list[StockBook]:
        """See the port."""
        where: list[Condition] = [("productId", ">", after)] if after else []
        page = await self.tables.query(PRODUCTS, LISTING, *where, index="byId", limit=limit)
        ids = [str(row["productId"]) for row in page]
        shards = await self._stock.rows(ids)
        return [book(product_id, shards[product_id]) for product_id in ids]

    async def reservation_books(self, after: str, limit: int) -> list[ReservationBook]:
        """See the port. It reads from every bucket."""
        where: list[Condition] = [("id", ">", after)] if after else []
        names = [bucket(number) for number in range(BUCKETS)]
        pages = await asyncio.gather(*(self.tables.query(RESERVATIONS, name, *where, limit=limit) for name in names))
        rows = sorted((row for page in pages for row in page), key=lambda row: str(row["id"]))[:limit]
        return [ReservationBook(order_id=row["id"], state=state_of(row), units=row["units"]) for row in rows]

    async def checkpoint(self) -> Checkpoint | None:
        """See the port."""
        row = await self.tables.get(RESERVATIONS, *CHECKPOINT_KEY)
        return None if row is None else checkpoint_of(row["place"])

    async def held_since(self, after: Checkpoint | None, before: datetime, limit: int) -> list[Checkpoint]:
        """See the port. It reads from every bucket."""
        end = age_before(before)
        where: Condition = ("heldSince", "<", end) if after is None else ("heldSince", ">", age_key(after))
        names = [bucket(number) for number in range(BUCKETS)]
        pages = await asyncio.gather(
            *(self.tables.query(RESERVATIONS, name, where, index="byAge", limit=limit) for name in names)
        )
        places = sorted(str(row["heldSince"]) for page in pages for row in page)
        return [checkpoint_of(place) for place in places if place < end][:limit]

    async def watched(self, after: str, limit: int) -> list[str]:
        """See the port."""
        where: list[Condition] = [("id", ">", after)] if after else []
        rows = await self.tables.query(RESERVATIONS, WATCHED, *where, limit=limit)
        return [row["id"] for row in rows]

    async def _listed(self, rows: Sequence[Row]) -> list[Listed]:
        shards = await self._stock.read([row["productId"] for row in rows])
        return [Listed(product_of(row), sum(shards[row["productId"]])) for row in rows]


def _searched(row: Row) -> str:
    return f"{fold(row['name'])} {row['productId'].lower()}"
