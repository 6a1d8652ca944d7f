"""What a unit of work of the products service keeps together, and how it is packed into transactions."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from souk_chassis.events.event import Stored
from souk_chassis.storage.dynamodb.tables import TRANSACTION_ITEMS
from souk_chassis.storage.dynamodb.writes import Write
from souk_products.domain import Movement, Reservation, ReservationState


@dataclass(slots=True)
class Piece:
    """What must be kept together."""

    writes: list[Write] = field(default_factory=list)
    movements: dict[str, Movement] = field(default_factory=dict)
    events: list[Stored] = field(default_factory=list)
    kept: Reservation | None = None
    """The order whose stock it takes: it can be taken in chunks where it is too wide."""


@dataclass(frozen=True, slots=True)
class StockWrite:
    """What one shard gives or takes."""

    write: Write
    product_id: str
    shard: int
    change: int


def changes_stock(movement: Movement) -> bool:
    """Whether it changes anything."""
    return bool(movement.corrected or movement.sold or movement.returned)


def plus(left: Movement | None, right: Movement, sign: int = 1) -> Movement:
    """The sum of two movements of one product; their difference where `sign` is -1."""
    known = left or Movement(right.product_id)
    return replace(
        known,
        corrected=known.corrected + sign * right.corrected,
        sold=known.sold + sign * right.sold,
        returned=known.returned + sign * right.returned,
    )


def summed(batch: Iterable[Piece]) -> dict[str, Movement]:
    """The movements of several pieces as one a product, without those that cancel out."""
    moved: dict[str, Movement] = {}
    for piece in batch:
        for product_id, movement in piece.movements.items():
            moved[product_id] = plus(moved.get(product_id), movement)
    return {product_id: movement for product_id, movement in moved.items() if changes_stock(movement)}


def booked(reservation: Reservation) -> dict[str, Movement]:
    """What a reservation has done to the ledger from its beginning to now."""
    back = reservation.returned
    if reservation.state is ReservationState.HELD:
        return {p: Movement(p, sold=units, returned=back.get(p, 0)) for p, units in reservation.wanted.items()}
    return {p: Movement(p, sold=units, returned=units) for p, units in back.items()}


def packed(pieces: Iterable[Piece]) -> list[list[Piece]]:
    """Pieces, in their sequence, in transactions: as many in each as it can have at the least need of shards."""
    batches: list[list[Piece]] = []
    room, products = 0, set[str]()
    for piece in pieces:
        if not batches or len(piece.writes) + len(piece.movements.keys() - products) > room:
            batches.append([])
            room, products = TRANSACTION_ITEMS - 1, set()  # one for the outbox
        room -= len(piece.writes) + len(piece.movements.keys() - products)
        products |= piece.movements.keys()
        batches[-1].append(piece)
    return batches
