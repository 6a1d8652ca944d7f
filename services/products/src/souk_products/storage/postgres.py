"""The products store on PostgreSQL: plain SQL over arrays, a statement a step, whatever the size of the batch."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime

import asyncpg

from souk_chassis import wire
from souk_chassis.clock import Clock
from souk_chassis.money import Money
from souk_chassis.storage.postgres import PostgresUnit, translated
from souk_chassis.storage.postgres_queues import PostgresDatabase
from souk_contracts.products import ReservationBook, ShortItem, StockBook
from souk_products.domain import Checkpoint, Movement, Reservation, ReservationState, fold
from souk_products.ports import Listed, ProductRecord

_PUT_PRODUCTS = """
INSERT INTO products (product_id, name, name_key, description, price_minor, created_at, updated_at)
SELECT id, name, key, description, price, at, at
FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::bigint[], $6::timestamptz[])
    AS given (id, name, key, description, price, at)
ON CONFLICT (product_id) DO UPDATE SET name = excluded.name, name_key = excluded.name_key,
    description = excluded.description, price_minor = excluded.price_minor, updated_at = excluded.updated_at
"""
_PUT_STOCK = """
INSERT INTO stock (product_id, on_hand, start) SELECT id, units, units FROM unnest($1::text[], $2::bigint[])
    AS given (id, units)
ON CONFLICT DO NOTHING RETURNING product_id
"""
# Locks are taken in the order of ids, so that two units never wait for each other in a circle.
_LOCK_STOCK = """
SELECT product_id, on_hand FROM stock WHERE product_id = ANY($1::text[]) ORDER BY product_id FOR NO KEY UPDATE
"""
_MOVE_STOCK = """
UPDATE stock SET on_hand = on_hand + c - s + r, corrected = corrected + c, sold = sold + s,
    returned = stock.returned + r
FROM unnest($1::text[], $2::bigint[], $3::bigint[], $4::bigint[]) AS moved (id, c, s, r)
WHERE product_id = id AND on_hand + c - s + r >= 0
"""
_KEEP = """
WITH kept AS (
    INSERT INTO reservations (order_id, state, held_units, wanted, short_items, created_at, updated_at)
    SELECT id, state, units, wanted::json, short::json, $6, $6
    FROM unnest($1::text[], $2::text[], $3::bigint[], $4::text[], $5::text[]) AS given (id, state, units, wanted, short)
    ON CONFLICT DO NOTHING RETURNING order_id
), taken AS (
    UPDATE stock SET on_hand = on_hand - units, sold = sold + units
    FROM unnest($7::text[], $8::bigint[]) AS given (id, units)
    WHERE product_id = id AND on_hand >= units RETURNING 1
)
SELECT ARRAY(SELECT order_id FROM kept), (SELECT count(*) FROM taken)
"""
_LOCK_RESERVATIONS = """
SELECT order_id, state, wanted, returned, short_items FROM reservations
WHERE order_id = ANY($1::text[]) ORDER BY order_id FOR NO KEY UPDATE
"""
_CHANGE_RESERVATIONS = """
UPDATE reservations SET state = s, held_units = units, returned = r::json, updated_at = $5
FROM unnest($1::text[], $2::text[], $3::bigint[], $4::text[]) AS given (id, s, units, r)
WHERE order_id = id
"""
_NOTE_RETURNS = """
INSERT INTO returns (return_id, order_id, created_at)
SELECT id, order_id, $3 FROM unnest($1::text[], $2::text[]) AS given (id, order_id)
ON CONFLICT DO NOTHING RETURNING return_id
"""
_ADVANCE = """
INSERT INTO reconciler_checkpoint (created_at, order_id) VALUES ($1, $2)
ON CONFLICT (single) DO UPDATE SET created_at = excluded.created_at, order_id = excluded.order_id
WHERE (reconciler_checkpoint.created_at, reconciler_checkpoint.order_id) < (excluded.created_at, excluded.order_id)
"""
_WATCH = "INSERT INTO reconciler_watched SELECT unnest($1::text[]) ON CONFLICT DO NOTHING"


class PostgresProductsUnit(PostgresUnit):
    """See `souk_products.ports.ProductsUnit`."""

    async def put_products(self, products: Sequence[ProductRecord], start: Mapping[str, int]) -> set[str]:
        """See the port."""
        rows = sorted(products, key=lambda product: product.product_id)
        ids = [row.product_id for row in rows]
        await self.connection.execute(
            _PUT_PRODUCTS,
            ids,
            [row.name for row in rows],
            [fold(row.name) for row in rows],
            [row.description for row in rows],
            [row.price for row in rows],
            [row.updated_at for row in rows],
        )
        made = await self.connection.fetch(_PUT_STOCK, ids, [start[product_id] for product_id in ids])
        return {row[0] for row in made}

    async def lock_stock(self, product_ids: Collection[str]) -> dict[str, int]:
        """See the port."""
        rows = await self.connection.fetch(_LOCK_STOCK, list(product_ids))
        return {row[0]: row[1] for row in rows}

    async def move_stock(self, movements: Sequence[Movement]) -> None:
        """See the port."""
        if not movements:
            return
        ids = [movement.product_id for movement in movements]
        await self.lock_stock(ids)
        status = await self.connection.execute(
            _MOVE_STOCK,
            ids,
            [movement.corrected for movement in movements],
            [movement.sold for movement in movements],
            [movement.returned for movement in movements],
        )
        _check_moved(int(status.rsplit(" ", 1)[1]), len(movements))

    async def known_orders(self, order_ids: Collection[str]) -> set[str]:
        """See the port."""
        rows = await self.connection.fetch(
            "SELECT order_id FROM reservations WHERE order_id = ANY($1::text[])", list(order_ids)
        )
        return {row[0] for row in rows}

    async def keep(self, reservations: Sequence[Reservation], taken: Mapping[str, int]) -> set[str]:
        """See the port."""
        rows = sorted(reservations, key=lambda reservation: reservation.order_id)
        [(kept, moved)] = await self.connection.fetch(
            _KEEP,
            [row.order_id for row in rows],
            [row.state for row in rows],
            [row.held_units for row in rows],
            [wire.encode(row.wanted).decode() for row in rows],
            [wire.encode(row.short_items).decode() if row.short_items else None for row in rows],
            self.clock.now(),
            list(taken),
            list(taken.values()),
        )
        _check_moved(moved, len(taken))
        return set(kept)

    async def lock_reservations(self, order_ids: Collection[str]) -> dict[str, Reservation]:
        """See the port."""
        rows = await self.connection.fetch(_LOCK_RESERVATIONS, list(order_ids))
        return {row[0]: _reservation(row) for row in rows}

    async def change_reservations(self, reservations: Sequence[Reservation]) -> None:
        """See the port."""
        if not reservations:
            return
        await self.connection.execute(
            _CHANGE_RESERVATIONS,
            [row.order_id for row in reservations],
            [row.state for row in reservations],
            [row.held_units for row in reservations],
            [wire.encode(row.returned).decode() for row in reservations],
            self.clock.now(),
        )

    async def note_returns(self, returns: Mapping[str, str]) -> set[str]:
        """See the port."""
        ids = sorted(returns)
        rows = await self.connection.fetch(_NOTE_RETURNS, ids, [returns[key] for key in ids], self.clock.now())
        return {row[0] for row in rows}

    async def advance_checkpoint(self, checkpoint: Checkpoint) -> None:
        """See the port."""
        await self.connection.execute(_ADVANCE, checkpoint.created_at, checkpoint.order_id)

    async def watch(self, order_ids: Collection[str]) -> None:
        """See the port."""
        if order_ids:
            await self.connection.execute(_WATCH, sorted(order_ids))

    async def unwatch(self, order_ids: Collection[str]) -> None:
        """See the port."""
        if order_ids:
            await self.connection.execute(
                "DELETE FROM reconciler_watched WHERE order_id = ANY($1::text[])", list(order_ids)
            )


_LISTED = """
SELECT p.product_id, p.name, p.description, p.price_minor, p.updated_at, s.on_hand
FROM products p JOIN stock s USING (product_id)
"""
_FIND = _LISTED + "WHERE p.product_id = $1"
# A search reads the catalogue in its order until the page is full. At 10,000 products that is 10 ms at worst.
_FIRST_PAGE = _LISTED + "WHERE p.search_key LIKE ALL ($1::text[]) ORDER BY p.name_key, p.product_id LIMIT $2"
_NEXT_PAGE = (
    _LISTED
    + """WHERE p.search_key LIKE ALL ($1::text[]) AND (p.name_key, p.product_id) > ($3, $4)
ORDER BY p.name_key, p.product_id LIMIT $2"""
)
_STOCK_BOOKS = """
SELECT product_id, start, corrected, sold, returned, on_hand FROM stock WHERE product_id > $1
ORDER BY product_id LIMIT $2
"""
_RESERVATION_BOOKS = """
SELECT order_id, state, held_units FROM reservations WHERE order_id > $1 ORDER BY order_id LIMIT $2
"""
_HELD_SINCE = """
SELECT created_at, order_id FROM reservations
WHERE (created_at, order_id) > ($1, $2) AND created_at < $3 AND state = 'HELD'
ORDER BY created_at, order_id LIMIT $4
"""
_BEGINNING = Checkpoint(datetime.fromisoformat("1970-01-01T00:00:00+00:00"), "")


class PostgresProductsStore(PostgresDatabase[PostgresProductsUnit]):
    """See `souk_products.ports.ProductsStore`."""

    def __init__(self, pool: "asyncpg.Pool", clock: Clock) -> None:
        super().__init__(pool, "products", clock, PostgresProductsUnit)

    async def find_product(self, product_id: str) -> Listed | None:
        """See the port."""
        with translated():
            row = await self.pool.fetchrow(_FIND, product_id)
        return None if row is None else _listed(row)

    async def list_products(self, words: Sequence[str], after: str | None, limit: int) -> list[Listed] | None:
        """See the port."""
        patterns = [f"%{_escaped(word)}%" for word in words]
        with translated():
            if after is None:
                rows = await self.pool.fetch(_FIRST_PAGE, patterns, limit)
                return [_listed(row) for row in rows]
            name_key = await self.pool.fetchval("SELECT name_key FROM products WHERE product_id = $1", after)
            if name_key is None:
                return None
            rows = await self.pool.fetch(_NEXT_PAGE, patterns, limit, name_key, after)
        return [_listed(row) for row in rows]

    async def prices(self, product_ids: Collection[str]) -> dict[str, Money]:
        """See the port."""
        with translated():
            rows = await self.pool.fetch(
                "SELECT product_id, price_minor FROM products WHERE product_id = ANY($1::text[])", list(product_ids)
            )
        return {product_id: Money(price) for product_id, price in rows}

    async def stock_books(self, after: str, limit: int) -> list[StockBook]:
        """See the port."""
        with translated():
            rows = await self.pool.fetch(_STOCK_BOOKS, after, limit)
        return [
            StockBook(product_id=id_, start=start, corrected=corrected, sold=sold, returned=returned, now=now)
            for id_, start, corrected, sold, returned, now in rows
        ]

    async def reservation_books(self, after: str, limit: int) -> list[ReservationBook]:
        """See the port."""
        with translated():
            rows = await self.pool.fetch(_RESERVATION_BOOKS, after, limit)
        return [ReservationBook(order_id=row[0], state=row[1], units=row[2]) for row in rows]

    async def checkpoint(self) -> Checkpoint | None:
        """See the port."""
        with translated():
            row = await self.pool.fetchrow("SELECT created_at, order_id FROM reconciler_checkpoint")
        return None if row is None else Checkpoint(*row)

    async def held_since(self, after: Checkpoint | None, before: datetime, limit: int) -> list[Checkpoint]:
        """See the port."""
        start = after or _BEGINNING
        with translated():
            rows = await self.pool.fetch(_HELD_SINCE, start.created_at, start.order_id, before, limit)
        return [Checkpoint(*row) for row in rows]

    async def watched(self, after: str, limit: int) -> list[str]:
        """See the port."""
        with translated():
            rows = await self.pool.fetch(
                "SELECT order_id FROM reconciler_watched WHERE order_id > $1 ORDER BY order_id LIMIT $2", after, limit
            )
        return [row[0] for row in rows]


def _check_moved(moved: int, wanted: int) -> None:
    if moved != wanted:
        raise RuntimeError(f"{wanted - moved} of {wanted} stock movements were impossible")


def _reservation(row: "asyncpg.Record") -> Reservation:
    order_id, state, wanted, returned, short = row
    return Reservation(
        order_id,
        ReservationState(state),
        wire.decode(wanted, dict[str, int]),
        wire.decode(returned, dict[str, int]),
        () if short is None else wire.decode(short, tuple[ShortItem, ...]),
    )


def _listed(row: "asyncpg.Record") -> Listed:
    product_id, name, description, price, updated_at, on_hand = row
    return Listed(ProductRecord(product_id, name, description, Money(price), updated_at), on_hand)


def _escaped(word: str) -> str:
    return word.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
