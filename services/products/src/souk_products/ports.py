"""What the products service needs of a store. Writes are in a unit of work and in batches; reads are outside."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from souk_chassis.money import Money
from souk_chassis.storage.ports import Store, Unit
from souk_contracts.products import ReservationBook, StockBook
from souk_products.domain import Checkpoint, Movement, Reservation


@dataclass(frozen=True, slots=True)
class ProductRecord:
    """A product as the store keeps it, without its stock."""

    product_id: str
    name: str
    description: str
    price: Money
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class Listed:
    """A product with its stock."""

    product: ProductRecord
    on_hand: int


class StockUnit(Protocol):
    """What moving stock needs of a unit of work: the part that no queue belongs to, so that a store whose queues are
    another system's has it whole.

    Locks are taken on reservations first, then on stock by product id, then by inserting reservations: whoever keeps
    to that never waits in a circle. A store may look at the end whether what it would have locked is unchanged, and
    raise CollisionError where it is not.
    """

    async def lock_stock(self, product_ids: Collection[str]) -> dict[str, int]:
        """The stock on hand of those that exist, locked until the unit ends."""

    async def move_stock(self, movements: Sequence[Movement]) -> None:
        """Book movements, one a product. Raises RuntimeError where stock would fall below zero or does not exist."""

    async def known_orders(self, order_ids: Collection[str]) -> set[str]:
        """Which of these orders have a reservation, in whatever state."""

    async def keep(self, reservations: Sequence[Reservation], taken: Mapping[str, int]) -> set[str]:
        """Insert reservations, each order once, and take stock that `lock_stock` has locked.

        Returns the orders whose reservation was kept: not those that another unit has given one meanwhile.
        """

    async def lock_reservations(self, order_ids: Collection[str]) -> dict[str, Reservation]:
        """The reservations of those that have one, locked until the unit ends."""

    async def change_reservations(self, reservations: Sequence[Reservation]) -> None:
        """Store the new state of reservations that were locked."""

    async def note_returns(self, returns: Mapping[str, str]) -> set[str]:
        """Note returns: return id to order id. Returns the ids that were not noted before."""


class ProductsUnit(StockUnit, Unit, Protocol):
    """One unit of work of the products service."""

    async def put_products(self, products: Sequence[ProductRecord], start: Mapping[str, int]) -> set[str]:
        """Insert or replace products, each id once; new ones get the stock in `start`. Returns the ids of the new."""

    async def advance_checkpoint(self, checkpoint: Checkpoint) -> None:
        """Remember how far the reconciler is. An older checkpoint than the stored one is passed over."""

    async def watch(self, order_ids: Collection[str]) -> None:
        """Let the reconciler look at these orders again."""

    async def unwatch(self, order_ids: Collection[str]) -> None:
        """The reconciler is done with these orders."""


class ProductsStore(Store[ProductsUnit], Protocol):
    """The store of the products service."""

    async def find_product(self, product_id: str) -> Listed | None:
        """One product."""

    async def list_products(self, words: Sequence[str], after: str | None, limit: int) -> list[Listed] | None:
        """Products whose name or id contains all these folded words, by folded name, then id.

        `after` is the id of the last product of the page before; None is returned where there is no such product.
        """

    async def spread_stock(self, product_id: str, shards: int) -> None:
        """Split a product's stock over at least so many shards, where the store keeps it in shards. They never become
        fewer. Raises SoukError ProductNotFound, or CollisionError where somebody sells meanwhile."""

    async def prices(self, product_ids: Collection[str]) -> dict[str, Money]:
        """The prices of those that exist."""

    async def stock_books(self, after: str, limit: int) -> list[StockBook]:
        """The ledger of the products whose id follows `after`, by id."""

    async def reservation_books(self, after: str, limit: int) -> list[ReservationBook]:
        """The reservations of the orders whose id follows `after`, by id."""

    async def checkpoint(self) -> Checkpoint | None:
        """How far the reconciler is."""

    async def held_since(self, after: Checkpoint | None, before: datetime, limit: int) -> list[Checkpoint]:
        """HELD reservations made after the checkpoint and before that time, oldest first."""

    async def watched(self, after: str, limit: int) -> list[str]:
        """Orders that the reconciler looks at again, whose id follows `after`, by id."""
