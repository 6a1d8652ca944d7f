"""The products store on PostgreSQL: plain SQL over arrays, a statement a step, whatever the size of the batch."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime

import asyncpg

from souk_chassis import wire
from souk_chassis.clock import Clock
from souk_chassis.money import Money
from souk_chassis.storage.postgres import PostgresUnit, translated
from souk_chassis.storage.postgres_queues import PostgresDatabase
from souk_chassis.storage.statements import Rows, Statement
from souk_contracts.products import ReservationBook, ShortItem, StockBook
from souk_products.domain import Checkpoint, Movement, Reservation, ReservationState, fold
from souk_products.ports import Listed, ProductRecord

_PRODUCTS = Rows(
    "given", product_id="text", name="text", name_key="text", description="text", price="int8", updated_at="timestamptz"
)
_PUT_PRODUCTS = Statement(f"""
INSERT INTO products (product_id, name, name_key, description, price_minor, created_at, updated_at)
SELECT product_id, name, name_key, description, price, updated_at, updated_at FROM {_PRODUCTS}
ON CONFLICT (product_id) DO UPDATE SET name = excluded.name, name_key = excluded.name_key,
    description = excluded.description, price_minor = excluded.price_minor, updated_at = excluded.updated_at
""")
_UNITS = Rows("given", product_id="text", units="int8")
_PUT_STOCK = Statement(f"""
INSERT INTO stock (product_id, on_hand, start) SELECT product_id, units, units FROM {_UNITS}
ON CONFLICT DO NOTHING RETURNING product_id
""")
# Locks are taken in the order of ids, so that two units never wait for each other in a circle.
_LOCK_STOCK = Statement("""
SELECT product_id, on_hand FROM stock WHERE product_id = ANY(:product_ids::text[])
ORDER BY product_id FOR NO KEY UPDATE
""")
_MOVEMENTS = Rows("moved", product_id="text", corrected="int8", sold="int8", returned="int8")
_MOVE_STOCK = Statement(f"""
UPDATE stock SET on_hand = on_hand + moved.corrected - moved.sold + moved.returned,
    corrected = stock.corrected + moved.corrected, sold = stock.sold + moved.sold,
    returned = stock.returned + moved.returned
FROM {_MOVEMENTS}
WHERE stock.product_id = moved.product_id AND on_hand + moved.corrected - moved.sold + moved.returned >= 0
""")
_RESERVATIONS = Rows("made", order_id="text", state="text", held_units="int8", wanted="text", short_items="text")
_KEEP = Statement(f"""
WITH kept AS (
    INSERT INTO reservations (order_id, state, held_units, wanted, short_items, created_at, updated_at)
    SELECT order_id, state, held_units, wanted::json, short_items::json, :now, :now FROM {_RESERVATIONS}
    ON CONFLICT DO NOTHING RETURNING order_id
), taken AS (
    UPDATE stock SET on_hand = on_hand - units, sold = sold + units FROM {_UNITS}
    WHERE stock.product_id = given.product_id AND on_hand >= units RETURNING 1
)
SELECT ARRAY(SELECT order_id FROM kept) AS kept, (SELECT count(*) FROM taken) AS taken
""")
_KNOWN_ORDERS = Statement("SELECT order_id FROM reservations WHERE order_id = ANY(:order_ids::text[])")
_LOCK_RESERVATIONS = Statement("""
SELECT order_id, state, wanted, returned, short_items FROM reservations WHERE order_id = ANY(:order_ids::text[])
ORDER BY order_id FOR NO KEY UPDATE
""")
_CHANGES = Rows("given", order_id="text", state="text", held_units="int8", returned="text")
_CHANGE_RESERVATIONS = Statement(f"""
UPDATE reservations SET state = given.state, held_units = given.held_units, returned = given.returned::json,
    updated_at = :now
FROM {_CHANGES} WHERE reservations.order_id = given.order_id
""")
_RETURNS = Rows("given", return_id="text", order_id="text")
_NOTE_RETURNS = Statement(f"""
INSERT INTO returns (return_id, order_id, created_at) SELECT return_id, order_id, :now FROM {_RETURNS}
ON CONFLICT DO NOTHING RETURNING return_id
""")
_ADVANCE = Statement("""
INSERT INTO reconciler_checkpoint (created_at, order_id) VALUES (:created_at, :order_id)
ON CONFLICT (single) DO UPDATE SET created_at = excluded.created_at, order_id = excluded.order_id
WHERE (reconciler_checkpoint.created_at, reconciler_checkpoint.order_id) < (excluded.created_at, excluded.order_id)
""")
_WATCH = Statement("INSERT INTO reconciler_watched SELECT unnest(:order_ids::text[]) ON CONFLICT DO NOTHING")
_UNWATCH = Statement("DELETE FROM reconciler_watched WHERE order_id = ANY(:order_ids::text[])")


class PostgresProductsUnit(PostgresUnit):
    """See `souk_products.ports.ProductsUnit`."""

    async def put_products(self, products: Sequence[ProductRecord], start: Mapping[str, int]) -> set[str]:
        """See the port."""
        rows = sorted(products, key=lambda product: product.product_id)
        given = _PRODUCTS.arrays(rows, name_key=[fold(row.name) for row in rows])
        await _PUT_PRODUCTS.execute(self.connection, **given)
        made = await _PUT_STOCK.fetch(
            self.connection, **_UNITS.arrays(rows, units=[start[row.product_id] for row in rows])
        )
        return {row["product_id"] for row in made}

    async def lock_stock(self, product_ids: Collection[str]) -> dict[str, int]:
        """See the port."""
        rows = await _LOCK_STOCK.fetch(self.connection, product_ids=list(product_ids))
        return {row["product_id"]: row["on_hand"] for row in rows}

    async def move_stock(self, movements: Sequence[Movement]) -> None:
        """See the port."""
        if not movements:
            return
        await self.lock_stock([movement.product_id for movement in movements])
        moved = await _MOVE_STOCK.execute(self.connection, **_MOVEMENTS.arrays(movements))
        _check_moved(moved, len(movements))

    async def known_orders(self, order_ids: Collection[str]) -> set[str]:
        """See the port."""
        rows = await _KNOWN_ORDERS.fetch(self.connection, order_ids=list(order_ids))
        return {row["order_id"] for row in rows}

    async def keep(self, reservations: Sequence[Reservation], taken: Mapping[str, int]) -> set[str]:
        """See the port."""
        rows = sorted(reservations, key=lambda reservation: reservation.order_id)
        made = _RESERVATIONS.arrays(
            rows,
            wanted=[wire.encode(row.wanted).decode() for row in rows],
            short_items=[wire.encode(row.short_items).decode() if row.short_items else None for row in rows],
        )
        units = _UNITS.arrays(product_id=list(taken), units=list(taken.values()))
        [row] = await _KEEP.fetch(self.connection, now=self.clock.now(), **made, **units)
        _check_moved(row["taken"], len(taken))
        return set(row["kept"])

    async def lock_reservations(self, order_ids: Collection[str]) -> dict[str, Reservation]:
        """See the port."""
        rows = await _LOCK_RESERVATIONS.fetch(self.connection, order_ids=list(order_ids))
        return {row["order_id"]: _reservation(row) for row in rows}

    async def change_reservations(self, reservations: Sequence[Reservation]) -> None:
        """See the port."""
        if reservations:
            given = _CHANGES.arrays(reservations, returned=[wire.encode(row.returned).decode() for row in reservations])
            await _CHANGE_RESERVATIONS.execute(self.connection, now=self.clock.now(), **given)

    async def note_returns(self, returns: Mapping[str, str]) -> set[str]:
        """See the port."""
        ids = sorted(returns)
        given = _RETURNS.arrays(return_id=ids, order_id=[returns[return_id] for return_id in ids])
        rows = await _NOTE_RETURNS.fetch(self.connection, now=self.clock.now(), **given)
        return {row["return_id"] for row in rows}

    async def advance_checkpoint(self, checkpoint: Checkpoint) -> None:
        """See the port."""
        await _ADVANCE.execute(self.connection, created_at=checkpoint.created_at, order_id=checkpoint.order_id)

    async def watch(self, order_ids: Collection[str]) -> None:
        """See the port."""
        if order_ids:
            await _WATCH.execute(self.connection, order_ids=sorted(order_ids))

    async def unwatch(self, order_ids: Collection[str]) -> None:
        """See the port."""
        if order_ids:
            await _UNWATCH.execute(self.connection, order_ids=list(order_ids))


_LISTED = """
SELECT p.product_id, p.name, p.description, p.price_minor, p.updated_at, s.on_hand
FROM products p JOIN stock s USING (product_id)
"""
_FIND = Statement(f"{_LISTED} WHERE p.product_id = :product_id")
# A search reads the catalogue in its order until the page is full. At 10,000 products that is 10 ms at worst.
_MATCHES = f"{_LISTED} WHERE p.search_key LIKE ALL (:patterns::text[])"
_IN_ORDER = "ORDER BY p.name_key, p.product_id LIMIT :at_most"
_FIRST_PAGE = Statement(f"{_MATCHES} {_IN_ORDER}")
_NEXT_PAGE = Statement(f"{_MATCHES} AND (p.name_key, p.product_id) > (:name_key, :after) {_IN_ORDER}")
_NAME_KEY = Statement("SELECT name_key FROM products WHERE product_id = :product_id")
_PRICES = Statement("SELECT product_id, price_minor FROM products WHERE product_id = ANY(:product_ids::text[])")
_STOCK_BOOKS = Statement("""
SELECT product_id, start, corrected, sold, returned, on_hand AS now FROM stock WHERE product_id > :after
ORDER BY product_id LIMIT :at_most
""")
_RESERVATION_BOOKS = Statement("""
SELECT order_id, state, held_units AS units FROM reservations WHERE order_id > :after ORDER BY order_id LIMIT :at_most
""")
_CHECKPOINT = Statement("SELECT created_at, order_id FROM reconciler_checkpoint")
_HELD_SINCE = Statement(f"""
SELECT created_at, order_id FROM reservations
WHERE (created_at, order_id) > (:created_at, :order_id) AND created_at < :before AND state = '{ReservationState.HELD}'
ORDER BY created_at, order_id LIMIT :at_most
""")
_WATCHED = Statement("SELECT order_id FROM reconciler_watched WHERE order_id > :after ORDER BY order_id LIMIT :at_most")
_BEGINNING = Checkpoint(datetime.fromisoformat("1970-01-01T00:00:00+00:00"), "")


class PostgresProductsStore(PostgresDatabase[PostgresProductsUnit]):
    """See `souk_products.ports.ProductsStore`."""

    def __init__(self, pool: "asyncpg.Pool", clock: Clock) -> None:
        super().__init__(pool, "products", clock, PostgresProductsUnit)

    async def find_product(self, product_id: str) -> Listed | None:
        """See the port."""
        with translated():
            row = await _FIND.fetchrow(self.pool, product_id=product_id)
        return None if row is None else _listed(row)

    async def list_products(self, words: Sequence[str], after: str | None, limit: int) -> list[Listed] | None:
        """See the port."""
        given = {"patterns": [f"%{_escaped(word)}%" for word in words], "at_most": limit}
        with translated():
            if after is None:
                rows = await _FIRST_PAGE.fetch(self.pool, **given)
            else:
                name_key = await _NAME_KEY.fetchval(self.pool, product_id=after)
                if name_key is None:
                    return None
                rows = await _NEXT_PAGE.fetch(self.pool, name_key=name_key, after=after, **given)
        return [_listed(row) for row in rows]

    async def spread_stock(self, product_id: str, shards: int) -> None:
        """See the port. A product's stock is one row: batches share its lock."""

    async def prices(self, product_ids: Collection[str]) -> dict[str, Money]:
        """See the port."""
        with translated():
            rows = await _PRICES.fetch(self.pool, product_ids=list(product_ids))
        return {row["product_id"]: Money(row["price_minor"]) for row in rows}

    async def stock_books(self, after: str, limit: int) -> list[StockBook]:
        """See the port."""
        with translated():
            rows = await _STOCK_BOOKS.fetch(self.pool, after=after, at_most=limit)
        return [StockBook(**row) for row in rows]

    async def reservation_books(self, after: str, limit: int) -> list[ReservationBook]:
        """See the port."""
        with translated():
            rows = await _RESERVATION_BOOKS.fetch(self.pool, after=after, at_most=limit)
        return [ReservationBook(**row) for row in rows]

    async def checkpoint(self) -> Checkpoint | None:
        """See the port."""
        with translated():
            row = await _CHECKPOINT.fetchrow(self.pool)
        return None if row is None else Checkpoint(**row)

    async def held_since(self, after: Checkpoint | None, before: datetime, limit: int) -> list[Checkpoint]:
        """See the port."""
        start = after or _BEGINNING
        with translated():
            rows = await _HELD_SINCE.fetch(
                self.pool, created_at=start.created_at, order_id=start.order_id, before=before, at_most=limit
            )
        return [Checkpoint(**row) for row in rows]

    async def watched(self, after: str, limit: int) -> list[str]:
        """See the port."""
        with translated():
            rows = await _WATCHED.fetch(self.pool, after=after, at_most=limit)
        return [row["order_id"] for row in rows]


def _check_moved(moved: int, wanted: int) -> None:
    if moved != wanted:
        raise RuntimeError(f"{wanted - moved} of {wanted} stock movements were impossible")


def _reservation(row: "asyncpg.Record") -> Reservation:
    return Reservation(
        order_id=row["order_id"],
        state=ReservationState(row["state"]),
        wanted=wire.decode(row["wanted"], dict[str, int]),
        returned=wire.decode(row["returned"], dict[str, int]),
        short_items=wire.decode(row["short_items"], tuple[ShortItem, ...]) if row["short_items"] else (),
    )


def _listed(row: "asyncpg.Record") -> Listed:
    product = ProductRecord(
        row["product_id"], row["name"], row["description"], Money(row["price_minor"]), row["updated_at"]
    )
    return Listed(product, row["on_hand"])


def _escaped(word: str) -> str:
    return word.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
