"""Stock and its reservations: the types, the states, and who gets what when there is not enough for all.

A reservation's way: none -> HELD, REJECTED or CANCELLED; HELD -> RELEASED. The other states are ends. CANCELLED is a
tombstone: the order was cancelled before anything was reserved, so a late OrderCreated reserves nothing.
"""

import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum

from souk_chassis.errors import invalid
from souk_contracts.products import ProductNotFound, ShortItem, StockBelowZero
from souk_contracts.shop import MAX_STOCK

Units = Mapping[str, int]
"""Units by product id."""


class ReservationState(StrEnum):
    """The states of a reservation."""

    HELD = "HELD"
    RELEASED = "RELEASED"
    REJECTED = "REJECTED"
    CANCELLED = "CANCELLED"


@dataclass(frozen=True, slots=True)
class Reservation:
    """What an order has taken from stock. `returned` came back from the customer and is held no more."""

    order_id: str
    state: ReservationState
    wanted: Units = field(default_factory=dict)
    returned: Units = field(default_factory=dict)
    short_items: tuple[ShortItem, ...] = ()

    @property
    def held(self) -> dict[str, int]:
        """What the order still holds, by product. Nothing unless HELD."""
        if self.state is not ReservationState.HELD:
            return {}
        if not self.returned:
            return dict(self.wanted)
        left = {product_id: units - self.returned.get(product_id, 0) for product_id, units in self.wanted.items()}
        return {product_id: units for product_id, units in left.items() if units}

    @property
    def held_units(self) -> int:
        """The sum of what is held."""
        return sum(self.held.values())

    def release(self) -> "Reservation":
        """Hold nothing any more."""
        return replace(self, state=ReservationState.RELEASED)

    def take_back(self, items: Units) -> tuple["Reservation", dict[str, int]]:
        """Note a return. Returns the reservation and the units to restock: never more than are held."""
        held = self.held
        back = {product_id: min(units, held.get(product_id, 0)) for product_id, units in items.items()}
        back = {product_id: units for product_id, units in back.items() if units}
        return replace(self, returned=add_units(self.returned, back)), back


@dataclass(frozen=True, slots=True)
class Movement:
    """A change in one product's ledger, in units. Stock on hand changes by `corrected` - `sold` + `returned`."""

    product_id: str
    corrected: int = 0
    sold: int = 0
    returned: int = 0

    @property
    def on_hand(self) -> int:
        """The change of the stock on hand."""
        return self.corrected - self.sold + self.returned

    @property
    def changes_stock(self) -> bool:
        """Whether it changes anything."""
        return bool(self.corrected or self.sold or self.returned)


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The newest reservation that the reconciler has looked at."""

    created_at: datetime
    order_id: str


def add_units(*parts: Units) -> dict[str, int]:
    """The sum of several, by product."""
    total: dict[str, int] = {}
    for part in parts:
        for product_id, units in part.items():
            total[product_id] = total.get(product_id, 0) + units
    return total


def allocate(orders: Mapping[str, Units], on_hand: Units) -> tuple[list[Reservation], dict[str, int]]:
    """Give each order all its items or none, first come first served.

    `orders` are by order id in the sequence of their arrival. Returns a reservation for each, HELD or REJECTED, and
    the units taken, by product. A product that is not in `on_hand` has 0.
    """
    left = dict(on_hand)
    taken: dict[str, int] = {}
    reservations = []
    for order_id, wanted in orders.items():
        short = [product_id for product_id, units in wanted.items() if units > left.get(product_id, 0)]
        if short:
            items = tuple(ShortItem(product_id=p, requested=wanted[p], available=left.get(p, 0)) for p in short)
            reservations.append(Reservation(order_id, ReservationState.REJECTED, short_items=items))
            continue
        for product_id, units in wanted.items():
            left[product_id] -= units
            taken[product_id] = taken.get(product_id, 0) + units
        reservations.append(Reservation(order_id, ReservationState.HELD, wanted))
    return reservations, taken


def check_correction(on_hand: int | None, delta: int) -> int:
    """The stock after a correction. `on_hand` is None where there is no such product.

    Raises SoukError ProductNotFound, StockBelowZero, or `stock_out_of_range` above `MAX_STOCK`.
    """
    if on_hand is None:
        raise ProductNotFound()
    after = on_hand + delta
    if after < 0:
        raise StockBelowZero(f"There are {on_hand} in stock.", delta=f"at least {-on_hand}")
    if after > MAX_STOCK:
        raise invalid("stock_out_of_range", f"A product's stock is at most {MAX_STOCK:,}.", delta="too many")
    return after


def fold(text: str) -> str:
    """Text as it is compared in searches and sorted by: without the difference of case or of width (Unicode NFKC)."""
    return unicodedata.normalize("NFKC", text).casefold()


def search_words(query: str | None) -> list[str]:
    """What a product's name or id must contain, in any order."""
    return fold(query or "").split()


def movements(units: Units, *, sold: int = 0, returned: int = 0) -> list[Movement]:
    """A movement for each product: `sold` and `returned` say by which sign its units count."""
    return [Movement(p, sold=sold * n, returned=returned * n) for p, n in units.items()]


def sum_held(reservations: Iterable[Reservation]) -> dict[str, int]:
    """All that these reservations hold."""
    return add_units(*(reservation.held for reservation in reservations))
