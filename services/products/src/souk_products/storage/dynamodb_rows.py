"""The products service's items in DynamoDB, as the domain's values. Keys of its tables: `souk_products.tables`."""

import zlib
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from souk_chassis.money import Money
from souk_chassis.storage.dynamodb.values import Row
from souk_contracts.products import ShortItem
from souk_products.domain import Checkpoint, Reservation, ReservationState, fold
from souk_products.ports import ProductRecord

BUCKETS = 128
"""Partition keys of reservations: 128,000 write units a second together."""
NAME_KEY_BYTES = 900
"""How much of a folded name the index of names sorts by. A sort key has 1,024 bytes."""
LISTING = "all"
WATCHED = "watched"
CHECKPOINT_KEY = ("reconciler", "checkpoint")


def shard_key(product_id: str, shard: int) -> str:
    """The key of one shard of a product's stock. A product's id has no `#`."""
    return f"{product_id}#stock#{shard}"


def bucket(number: int) -> str:
    """The name of a bucket of reservations."""
    return f"orders#{number:02x}"


def order_key(order_id: str) -> tuple[str, str]:
    """Where an order's reservation is."""
    return bucket(zlib.crc32(order_id.encode()) % BUCKETS), order_id


def chunks_of(order_id: str) -> str:
    """The bucket of a wide reservation's chunks."""
    return f"chunks#{order_id}"


def return_key(return_id: str) -> tuple[str, str]:
    """Where it is kept that a return was restocked."""
    return f"return#{return_id}", "return"


def product_row(product: ProductRecord) -> Row:
    """A product's item."""
    return {
        "productId": product.product_id,
        "name": product.name,
        "description": product.description,
        "priceMinor": int(product.price),
        "updatedAt": product.updated_at.astimezone(UTC).isoformat(),
        "listing": LISTING,
        "nameKey": name_key(product.name, product.product_id),
    }


def product_of(row: Row) -> ProductRecord:
    """The product of an item."""
    updated_at = datetime.fromisoformat(row["updatedAt"])
    return ProductRecord(row["productId"], row["name"], row["description"], Money(row["priceMinor"]), updated_at)


def name_key(name: str, product_id: str) -> str:
    """What lists are sorted by: the folded name, then the id. A folded name may be longer than a sort key can be."""
    folded = fold(name).encode()[:NAME_KEY_BYTES].decode(errors="ignore")
    return f"{folded}\x00{product_id}"


def shard_row(product_id: str, shard: int, units: int) -> Row:
    """A new shard of a product's stock. Shard 0 knows how many there are."""
    row: Row = {"productId": shard_key(product_id, shard), "onHand": units, "start": units}
    row |= {"corrected": 0, "sold": 0, "returned": 0}
    return row | {"shards": 1} if shard == 0 else row


def reservation_row(reservation: Reservation, made_at: datetime) -> Row:
    """A new reservation's item."""
    place, key = order_key(reservation.order_id)
    row: Row = {"bucket": place, "id": key, "createdAt": _moment(made_at), "version": 1}
    row |= {"state": reservation.state, "units": reservation.held_units}
    if reservation.wanted:
        row["wanted"] = dict(reservation.wanted)
    if reservation.returned:
        row["returned"] = dict(reservation.returned)
    if reservation.short_items:
        row["short"] = [[item.product_id, item.requested, item.available] for item in reservation.short_items]
    if reservation.state is ReservationState.HELD:
        row["heldSince"] = age_key(Checkpoint(made_at, reservation.order_id))
    return row


def reservation_of(row: Row, chunks: Sequence[Row] = ()) -> Reservation:
    """The reservation of an item, with the chunks of a wide one."""
    wanted: dict[str, int] = dict(row.get("wanted", {}))
    returned: dict[str, int] = dict(row.get("returned", {}))
    for chunk in chunks:
        wanted.update(chunk["wanted"])
        returned.update(chunk.get("returned", {}))
    short = tuple(ShortItem(product_id=p, requested=r, available=a) for p, r, a in row.get("short", ()))
    return Reservation(row["id"], state_of(row), wanted, returned, short)


def state_of(row: Row) -> ReservationState:
    """The state of a reservation as the domain knows it. A wide one that is under way holds what it holds."""
    state = row["state"]
    return ReservationState(state) if state in ReservationState.__members__ else ReservationState.HELD


def age_key(checkpoint: Checkpoint) -> str:
    """What the reconciler's way is sorted by: the time of making, then the order's id."""
    return f"{_moment(checkpoint.created_at)}#{checkpoint.order_id}"


def age_before(moment: datetime) -> str:
    """Less than the `age_key` of all that was made at that time or later, and of no other."""
    return _moment(moment)


def checkpoint_of(text: str) -> Checkpoint:
    """What `age_key` wrote."""
    moment, _, order_id = text.partition("#")
    return Checkpoint(datetime.fromisoformat(moment), order_id)


def only(units: Mapping[str, int], product_ids: Mapping[str, int]) -> dict[str, int]:
    """The part of `units` about these products."""
    return {product_id: count for product_id, count in units.items() if product_id in product_ids}


def _moment(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="microseconds")
