"""How the orders service writes its items in DynamoDB, and reads them as values of the domain.

A list that may be long, the lines and the short items, is JSON: in the order's own item while it is short, else in
parts beside it. Times are text that sorts as they do; what an index sorts by has the order's id behind the time.
"""

import zlib
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import TypeVar

from souk_chassis import wire
from souk_chassis.money import Money
from souk_chassis.storage.dynamodb.values import Row
from souk_contracts.order_books import OrderBook
from souk_contracts.order_status import OPEN, OrderStatus
from souk_contracts.orders import OrderSummary
from souk_contracts.products import ShortItem
from souk_orders.domain import Draft, Head, Line, Move, Order, Placed, ReturnNote, Step
from souk_orders.storage.history import history_json, read_history

SHARDS = 32
"""Partition keys of each list. An order writes up to four units in one of them on its way to its end, and a partition
key takes 1,000 a second: together they take 8,000 orders a second."""
INLINE_BYTES = 4_096
"""The most that a list weighs in the order's own item, which is written again at each of the order's steps."""
PART_BYTES = 380_000
"""The most that one part of a list weighs. An item may have 400 KB."""
KEYS_EXPIRE = timedelta(days=31)
"""When DynamoDB itself forgets an idempotency key that nobody has forgotten before: a day after it may be forgotten."""

SHARD_NAMES = tuple(f"{number:02}" for number in range(SHARDS))
PartKey = tuple[str, str]
"""An order's id and the name of a part."""
T = TypeVar("T")


def shard_of(text: str) -> str:
    """The shard of an order, by its id, or of a key."""
    return SHARD_NAMES[zlib.crc32(text.encode()) % SHARDS]


def status_shard(status: OrderStatus, shard: str) -> str:
    """A shard of the orders in that state."""
    return f"{status}#{shard}"


def moment(at: datetime) -> str:
    """A time as text that sorts as times do. Less than each `place_in_time` of that time, more than those before."""
    return at.astimezone(UTC).isoformat(timespec="microseconds")


def place_in_time(at: datetime, key: str) -> str:
    """What lists are sorted by: the time, then the id."""
    return f"{moment(at)}#{key}"


def scoped_key(key: tuple[str, str]) -> str:
    """The key of an idempotency key's item. A scope has no `#`."""
    return f"{key[0]}#{key[1]}"


# --- writing


def new_order(draft: Draft) -> tuple[Row, list[Row]]:
    """A new order's item, and the parts beside it."""
    shard = shard_of(draft.order_id)
    at = moment(draft.created_at)
    row: Row = {
        "orderId": draft.order_id,
        "version": 1,
        "status": OrderStatus.PENDING.value,
        "totalMinor": draft.total_minor,
        "currency": draft.currency,
        "paymentMethod": draft.payment_method,
        "pricesCached": draft.prices_cached,
        "fingerprint": draft.fingerprint.hex(),
        "createdAt": at,
        "updatedAt": at,
        "history": history_json([Step(OrderStatus.PENDING, draft.created_at)]),
        "units": sum(line.quantity for line in draft.lines),
        "placedAt": place_in_time(draft.created_at, draft.order_id),
        "shard": shard,
        "statusShard": status_shard(OrderStatus.PENDING, shard),
    }
    row |= {
        name: text for name, text in (("customerId", draft.customer_id), ("email", draft.email)) if text is not None
    }
    look_again(row, draft.created_at)
    return row, _stow(row, "lines", [wire.encode(line[:3]) for line in draft.lines])


def key_row(key: tuple[str, str], draft: Draft) -> Row:
    """Keeps which order an idempotency key was first used for."""
    name = scoped_key(key)
    return {
        "scopedKey": name,
        "orderId": draft.order_id,
        "createdAt": moment(draft.created_at),
        "shard": shard_of(name),
        "usedAt": place_in_time(draft.created_at, name),
        "expiresAt": int((draft.created_at + KEYS_EXPIRE).timestamp()),
    }


def take_steps(row: Row, move: Move) -> list[Row]:
    """Write an order's steps into its item. Returns the parts beside it."""
    row["history"] = history_json([*history_of(row), *move.steps])
    row |= {"status": move.to.status.value, "updatedAt": moment(move.to.at)}
    row["statusShard"] = status_shard(move.to.status, row["shard"])
    if move.to.status in OPEN:
        look_again(row, move.to.at)
    else:
        row.pop("openShard", None)
        row.pop("openSince", None)
    return _stow(row, "short", [wire.encode(item) for item in move.short_items]) if move.short_items else []


def look_again(row: Row, at: datetime) -> None:
    """An open order moved, or was asked after, at that time."""
    row |= {"openShard": row["shard"], "openSince": place_in_time(at, row["orderId"])}


def take_back(row: Row, by_line: Mapping[int, int], refund_minor: int, at: datetime) -> None:
    """Write what came back into an order's item."""
    back = _returned(row)
    for number, units in by_line.items():
        back[number] = back.get(number, 0) + units
    row["returned"] = wire.encode(back).decode()
    row["returnedUnits"] = sum(back.values())
    row["returnedMinor"] = row.get("returnedMinor", 0) + refund_minor
    row["updatedAt"] = moment(at)


def return_part(order_id: str, key: str | None, return_id: str = "") -> PartKey:
    """Where a return is kept: by its idempotency key if it has one, else by its id."""
    return order_id, f"return#id#{return_id}" if key is None else f"return#key#{key}"


def note_row(note: ReturnNote) -> Row:
    """Keeps a return."""
    order_id, part = return_part(note.order_id, note.key, note.return_id)
    row: Row = {"orderId": order_id, "part": part, "returnId": note.return_id, "refundMinor": note.refund_minor}
    row |= {"status": note.status.value, "createdAt": moment(note.created_at), "fingerprint": note.fingerprint.hex()}
    return row


# --- reading


def head_of(row: Row) -> Head:
    """The order without its lines."""
    status = OrderStatus(row["status"])
    return Head(row["orderId"], row.get("customerId"), row.get("email"), status, row["totalMinor"], row["currency"])


def placed_of(row: Row) -> Placed:
    """What its first answer was made of."""
    return Placed(
        row["orderId"],
        row["totalMinor"],
        row["currency"],
        row["pricesCached"],
        bytes.fromhex(row["fingerprint"]),
        datetime.fromisoformat(row["createdAt"]),
        fresh=False,
    )


def history_of(row: Row) -> tuple[Step, ...]:
    """Its steps so far."""
    return read_history(row["history"])


def parts_of(row: Row, *names: str) -> list[PartKey]:
    """Where those of its lists are that are not in its own item."""
    return [_part(row["orderId"], name, number) for name in names for number in range(row.get(f"{name}Parts", 0))]


def lines_of(row: Row, parts: Mapping[PartKey, Row]) -> tuple[Line, ...]:
    """Its lines."""
    lines = _stowed(row, "lines", parts, Line)
    for number, units in _returned(row).items():
        lines[number] = lines[number]._replace(returned=units)
    return tuple(lines)


def order_of(row: Row, parts: Mapping[PartKey, Row]) -> Order:
    """The order, whole."""
    return Order(
        head=head_of(row),
        lines=lines_of(row, parts),
        history=history_of(row),
        short_items=tuple(_stowed(row, "short", parts, ShortItem)),
        prices_cached=row["pricesCached"],
        created_at=datetime.fromisoformat(row["createdAt"]),
        updated_at=datetime.fromisoformat(row["updatedAt"]),
    )


def summary_of(row: Row) -> OrderSummary:
    """The order in a list."""
    head = head_of(row)
    return OrderSummary(
        order_id=head.order_id,
        customer_id=head.customer_id,
        status=head.status,
        total=Money(head.total_minor),
        currency=head.currency,
        created_at=datetime.fromisoformat(row["createdAt"]),
    )


def book_of(row: Row, now: datetime) -> OrderBook:
    """The order in the books."""
    return OrderBook(
        order_id=row["orderId"],
        status=OrderStatus(row["status"]),
        total_minor=row["totalMinor"],
        returned_minor=row.get("returnedMinor", 0),
        units=row["units"],
        returned_units=row.get("returnedUnits", 0),
        age_s=(now - datetime.fromisoformat(row["createdAt"])).total_seconds(),
        idle_s=(now - datetime.fromisoformat(row["updatedAt"])).total_seconds(),
    )


def note_of(row: Row, key: str | None) -> ReturnNote:
    """The return that was kept."""
    status, at = OrderStatus(row["status"]), datetime.fromisoformat(row["createdAt"])
    print_ = bytes.fromhex(row["fingerprint"])
    return ReturnNote(row["returnId"], row["orderId"], row["refundMinor"], status, at, key, print_)


# --- long lists


def _stow(row: Row, name: str, elements: Sequence[bytes]) -> list[Row]:
    """Put a list into its order's item where it is short. Returns the parts that it is in where it is not."""
    row.pop(name, None)
    row.pop(f"{name}Parts", None)
    pages, weight = list[list[bytes]](), PART_BYTES
    for element in elements:
        if weight + len(element) + 1 > PART_BYTES:
            pages.append([])
            weight = 1  # the bracket; each element brings a comma or the other bracket
        pages[-1].append(element)
        weight += len(element) + 1
    texts = [f"[{b','.join(page).decode()}]" for page in pages]
    if len(texts) == 1 and len(texts[0].encode()) <= INLINE_BYTES:
        row[name] = texts[0]
        return []
    row[f"{name}Parts"] = len(texts)
    keys = parts_of(row, name)
    return [
        {"orderId": order_id, "part": part, "list": text} for (order_id, part), text in zip(keys, texts, strict=True)
    ]


def _stowed(row: Row, name: str, parts: Mapping[PartKey, Row], kind: type[T]) -> list[T]:
    texts = [row[name]] if name in row else [parts[key]["list"] for key in parts_of(row, name)]
    return [each for text in texts for each in wire.decode(text, list[kind])]  # type: ignore[valid-type] # made here


def _part(order_id: str, name: str, number: int) -> PartKey:
    return order_id, f"{name}#{number:02}"


def _returned(row: Row) -> dict[int, int]:
    return wire.decode(row["returned"], dict[int, int]) if "returned" in row else {}
