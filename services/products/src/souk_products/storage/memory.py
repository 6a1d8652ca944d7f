"""The products store in memory, for unit tests and the simulation."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from souk_chassis.clock import Clock
from souk_chassis.money import Money
from souk_chassis.storage.memory import MemoryDatabase, MemoryUnit
from souk_contracts.products import ReservationBook, StockBook
from souk_products.domain import Checkpoint, Movement, Reservation, ReservationState, fold
from souk_products.ports import Listed, ProductRecord


@dataclass(frozen=True, slots=True)
class _Stock:
    on_hand: int
    start: int
    corrected: int = 0
    sold: int = 0
    returned: int = 0


@dataclass(frozen=True, slots=True)
class _Kept:
    reservation: Reservation
    created_at: datetime


class MemoryProductsUnit(MemoryUnit):
    """See `souk_products.ports.ProductsUnit`."""

    async def put_products(self, products: Sequence[ProductRecord], start: Mapping[str, int]) -> set[str]:
        """See the port."""
        made = set()
        for product in products:
            self.put("products", product.product_id, product)
            if self.get("stock", product.product_id) is None:
                units = start[product.product_id]
                self.put("stock", product.product_id, _Stock(units, units))
                made.add(product.product_id)
        return made

    async def lock_stock(self, product_ids: Collection[str]) -> dict[str, int]:
        """See the port."""
        rows = {product_id: self.get("stock", product_id) for product_id in product_ids}
        return {product_id: row.on_hand for product_id, row in rows.items() if row is not None}

    async def move_stock(self, movements: Sequence[Movement]) -> None:
        """See the port."""
        for movement in movements:
            row: _Stock | None = self.get("stock", movement.product_id)
            if row is None or row.on_hand + movement.on_hand < 0:
                raise RuntimeError(f"a stock movement of {movement.product_id} was impossible")
            moved = replace(
                row,
                on_hand=row.on_hand + movement.on_hand,
                corrected=row.corrected + movement.corrected,
                sold=row.sold + movement.sold,
                returned=row.returned + movement.returned,
            )
            self.put("stock", movement.product_id, moved)

    async def known_orders(self, order_ids: Collection[str]) -> set[str]:
        """See the port."""
        return {order_id for order_id in order_ids if self.get("reservations", order_id) is not None}

    async def keep(self, reservations: Sequence[Reservation], taken: Mapping[str, int]) -> set[str]:
        """See the port."""
        kept = set()
        for reservation in reservations:
            if self.get("reservations", reservation.order_id) is None:
                self.put("reservations", reservation.order_id, _Kept(reservation, self.clock.now()))
                kept.add(reservation.order_id)
        await self.move_stock([Movement(product_id, sold=units) for product_id, units in taken.items()])
        return kept

    async def lock_reservations(self, order_ids: Collection[str]) -> dict[str, Reservation]:
        """See the port."""
        rows = {order_id: self.get("reservations", order_id) for order_id in order_ids}
        return {order_id: row.reservation for order_id, row in rows.items() if row is not None}

    async def change_reservations(self, reservations: Sequence[Reservation]) -> None:
        """See the port."""
        for reservation in reservations:
            row: _Kept = self.get("reservations", reservation.order_id)
            self.put("reservations", reservation.order_id, replace(row, reservation=reservation))

    async def note_returns(self, returns: Mapping[str, str]) -> set[str]:
        """See the port."""
        fresh = {return_id for return_id in returns if self.get("returns", return_id) is None}
        for return_id in fresh:
            self.put("returns", return_id, returns[return_id])
        return fresh

    async def advance_checkpoint(self, checkpoint: Checkpoint) -> None:
        """See the port."""
        stored: Checkpoint | None = self.get("reconciler_checkpoint", True)
        if stored is None or (stored.created_at, stored.order_id) < (checkpoint.created_at, checkpoint.order_id):
            self.put("reconciler_checkpoint", True, checkpoint)

    async def watch(self, order_ids: Collection[str]) -> None:
        """See the port."""
        for order_id in order_ids:
            self.put("reconciler_watched", order_id, order_id)

    async def unwatch(self, order_ids: Collection[str]) -> None:
        """See the port."""
        for order_id in order_ids:
            self.delete("reconciler_watched", order_id)


class MemoryProductsStore(MemoryDatabase[MemoryProductsUnit]):
    """See `souk_products.ports.ProductsStore`."""

    def __init__(self, clock: Clock) -> None:
        super().__init__("products", clock, MemoryProductsUnit)

    async def find_product(self, product_id: str) -> Listed | None:
        """See the port."""
        await self.ping()
        product = self.tables["products"].get(product_id)
        return None if product is None else self._listed(product)

    async def list_products(self, words: Sequence[str], after: str | None, limit: int) -> list[Listed] | None:
        """See the port."""
        await self.ping()
        if after is not None and after not in self.tables["products"]:
            return None
        start = ("", "") if after is None else _place(self.tables["products"][after])
        found = [
            product
            for product in self.tables["products"].values()
            if _place(product) > start and all(word in _searched(product) for word in words)
        ]
        return [self._listed(product) for product in sorted(found, key=_place)[:limit]]

    async def spread_stock(self, product_id: str, shards: int) -> None:
        """See the port. There are no shards."""

    async def prices(self, product_ids: Collection[str]) -> dict[str, Money]:
        """See the port."""
        await self.ping()
        products = self.tables["products"]
        return {product_id: products[product_id].price for product_id in product_ids if product_id in products}

    async def stock_books(self, after: str, limit: int) -> list[StockBook]:
        """See the port."""
        await self.ping()
        rows: dict[str, _Stock] = self.tables["stock"]
        ids = sorted(product_id for product_id in rows if product_id > after)
        return [
            StockBook(
                product_id=product_id,
                start=rows[product_id].start,
                corrected=rows[product_id].corrected,
                sold=rows[product_id].sold,
                returned=rows[product_id].returned,
                now=rows[product_id].on_hand,
            )
            for product_id in ids[:limit]
        ]

    async def reservation_books(self, after: str, limit: int) -> list[ReservationBook]:
        """See the port."""
        await self.ping()
        rows: dict[str, _Kept] = self.tables["reservations"]
        ids = sorted(order_id for order_id in rows if order_id > after)
        kept = [rows[order_id].reservation for order_id in ids[:limit]]
        return [ReservationBook(order_id=each.order_id, state=each.state, units=each.held_units) for each in kept]

    async def checkpoint(self) -> Checkpoint | None:
        """See the port."""
        await self.ping()
        stored: Checkpoint | None = self.tables["reconciler_checkpoint"].get(True)
        return stored

    async def held_since(self, after: Checkpoint | None, before: datetime, limit: int) -> list[Checkpoint]:
        """See the port."""
        await self.ping()
        held = sorted(
            (row.created_at, order_id)
            for order_id, row in self.tables["reservations"].items()
            if row.reservation.state is ReservationState.HELD and row.created_at < before
        )
        start = None if after is None else (after.created_at, after.order_id)
        return [Checkpoint(*key) for key in held if start is None or key > start][:limit]

    async def watched(self, after: str, limit: int) -> list[str]:
        """See the port."""
        await self.ping()
        return sorted(order_id for order_id in self.tables["reconciler_watched"] if order_id > after)[:limit]

    def _listed(self, product: ProductRecord) -> Listed:
        return Listed(product, self.tables["stock"][product.product_id].on_hand)


def _place(product: ProductRecord) -> tuple[str, str]:
    return fold(product.name), product.product_id


def _searched(product: ProductRecord) -> str:
    return f"{fold(product.name)} {product.product_id.lower()}"
