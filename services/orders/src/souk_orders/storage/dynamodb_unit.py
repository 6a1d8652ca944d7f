"""A unit of work of the orders service on DynamoDB: what it has read, what it will write, and in which transactions.

What belongs to one order, its item with its parts, its idempotency key, its returns and its events, is in one
transaction, always. A unit of many orders is one transaction while it fits, else several: where one fails, those before
it are kept, and a repeat of the unit passes over them, for their orders have moved on. What says that an event was had
comes last.
"""

import asyncio
import random
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime

import msgspec

from souk_chassis import wire
from souk_chassis.clock import Clock
from souk_chassis.events.event import Stored
from souk_chassis.storage.dynamodb.database import DynamoUnit
from souk_chassis.storage.dynamodb.outbox import BUNDLE_BYTES
from souk_chassis.storage.dynamodb.shards import Shards
from souk_chassis.storage.dynamodb.tables import TRANSACTION_ITEMS, Tables
from souk_chassis.storage.dynamodb.values import Row
from souk_chassis.storage.dynamodb.writes import Write, insert, put
from souk_contracts.order_status import OrderStatus
from souk_orders.domain import Draft, Head, Line, Move, Placed, ReturnNote
from souk_orders.ports import ALL, Overdue
from souk_orders.storage.dynamodb_rows import (
    SHARD_NAMES,
    PartKey,
    head_of,
    key_row,
    lines_of,
    look_again,
    moment,
    new_order,
    note_of,
    note_row,
    parts_of,
    placed_of,
    return_part,
    scoped_key,
    take_back,
    take_steps,
)
from souk_orders.tables import EVENTS, KEYS, ORDERS, PARTS

TRANSACTION_BYTES = 4_000_000
"""The most that is put into one transaction, in bytes of JSON. DynamoDB takes 4 MB of items, which weigh less."""


class Piece(msgspec.Struct):
    """What must be kept together. `places` is the order that it makes."""

    writes: list[Write] = []
    events: list[Stored] = []
    places: str | None = None

    @property
    def weight(self) -> int:
        """Its bytes as JSON."""
        return sum(len(wire.encode(write.request)) for write in self.writes) + self.weight_of_events

    @property
    def weight_of_events(self) -> int:
        """Their bytes."""
        return sum(len(event.json.encode()) for event in self.events)


class DynamoOrdersUnit(DynamoUnit):
    """See `souk_orders.ports.OrdersUnit`. Nothing is locked: an order that was changed must be as it was read."""

    def __init__(self, tables: Tables, clock: Clock, dice: random.Random) -> None:
        super().__init__(tables, EVENTS, "orders", clock, dice)
        self._read: dict[str, Row | None] = {}
        self._changed: dict[str, Row] = {}
        self._parts: dict[PartKey, Row] = {}
        self._notes: dict[PartKey, Row] = {}
        self._owners: dict[tuple[str, str], str | None] = {}
        self._claimed: dict[str, Row] = {}
        self.placed: set[str] = set()
        """The orders that this unit has stored, even where a later part of it failed."""

    def presume_new(self, drafts: Sequence[Draft]) -> None:
        """Do not look whether these are stored: the unit collides at its end where one is."""
        self._read.update({draft.order_id: None for draft in drafts})
        self._owners.update({draft.key: None for draft in drafts if draft.key is not None})

    # --- the port

    async def place(self, drafts: Sequence[Draft]) -> Sequence[Placed]:
        """See the port."""
        keys = [draft.key for draft in drafts if draft.key is not None]
        await asyncio.gather(self._read_keys(keys), self._read_orders(draft.order_id for draft in drafts))
        await self._read_orders(owner for owner in map(self._owners.get, keys) if owner is not None)
        return [self._place(draft) for draft in drafts]

    async def lock(self, order_ids: Collection[str], states: Collection[OrderStatus] = ALL) -> Mapping[str, Head]:
        """See the port. Read as of now, from the table itself."""
        await self._read_orders(order_ids)
        rows = [self._row(order_id) for order_id in dict.fromkeys(order_ids)]
        return {row["orderId"]: head_of(row) for row in rows if row is not None and row["status"] in states}

    async def known(self, order_ids: Collection[str]) -> set[str]:
        """See the port."""
        await self._read_orders(order_ids)
        return {order_id for order_id in order_ids if self._row(order_id) is not None}

    async def move(self, moves: Sequence[Move]) -> None:
        """See the port."""
        await self._read_orders(move.order_id for move in moves)
        for move in moves:
            self._keep_parts(take_steps(self._change(move.order_id), move))

    async def lines(self, order_ids: Collection[str]) -> Mapping[str, Sequence[Line]]:
        """See the port."""
        await self._read_orders(order_ids)
        rows = [row for row in map(self._row, dict.fromkeys(order_ids)) if row is not None]
        parts = await self._read_parts(rows)
        return {row["orderId"]: lines_of(row, parts) for row in rows}

    async def record_return(self, order_id: str, by_line: Mapping[int, int], refund_minor: int, at: datetime) -> None:
        """See the port."""
        await self._read_orders([order_id])
        take_back(self._change(order_id), by_line, refund_minor, at)

    async def note_return(self, note: ReturnNote) -> None:
        """See the port."""
        self._notes[return_part(note.order_id, note.key, note.return_id)] = note_row(note)

    async def find_return(self, order_id: str, key: str) -> ReturnNote | None:
        """See the port."""
        part = return_part(order_id, key)
        row = self._notes.get(part) or await self.tables.get(PARTS, *part)
        return None if row is None else note_of(row, key)

    async def overdue(self, before: datetime, now: datetime, limit: int) -> Sequence[Overdue]:
        """See the port. An order that opened or moved a moment ago may be missing, and comes the next time."""
        index = Shards(self.tables, ORDERS, "open", "openSince", SHARD_NAMES)
        found = [row["orderId"] for row in await index.first(limit, until=moment(before))]
        await self._read_orders(found)
        # The index may be a moment behind: what the table says counts.
        rows = [row for row in map(self._row, found) if row is not None and row.get("openSince", "~") < moment(before)]
        parts = await self._read_parts(rows)
        late = [Overdue(head_of(row), row["paymentMethod"], lines_of(row, parts)) for row in rows]
        for each in late:
            look_again(self._change(each.head.order_id), now)
        return late

    async def commit(self) -> None:
        """See `DynamoUnit`."""
        for batch in packed(self._pieces()):
            writes = [write for piece in batch for write in piece.writes]
            await self.transact(writes, [event for piece in batch for event in piece.events])
            self.placed.update(piece.places for piece in batch if piece.places is not None)

    # --- reading

    def _row(self, order_id: str) -> Row | None:
        """The order as this unit has left it."""
        return self._changed.get(order_id) or self._read.get(order_id)

    async def _read_orders(self, order_ids: Iterable[str]) -> None:
        missing = [order_id for order_id in order_ids if order_id not in self._read]
        rows = await self.tables.get_many(ORDERS, [(order_id,) for order_id in missing])
        self._read.update({order_id: rows.get((order_id,)) for order_id in missing})

    async def _read_keys(self, keys: Iterable[tuple[str, str]]) -> None:
        missing = {key: (scoped_key(key),) for key in keys if key not in self._owners}
        rows = await self.tables.get_many(KEYS, missing.values())
        self._owners.update({key: rows[name]["orderId"] if name in rows else None for key, name in missing.items()})

    async def _read_parts(self, rows: Iterable[Row]) -> Mapping[PartKey, Row]:
        """The parts of these orders that have lines."""
        missing = [part for row in rows for part in parts_of(row, "lines") if part not in self._parts]
        return {**await self.tables.get_many(PARTS, missing), **self._parts}  # type: ignore[dict-item] # pairs they are

    # --- writing

    def _place(self, draft: Draft) -> Placed:
        owner = self._owners[draft.key] if draft.key is not None else None
        known = self._row(owner or draft.order_id)
        if known is not None:
            return placed_of(known)
        self._changed[draft.order_id], parts = new_order(draft)
        self._keep_parts(parts)
        if draft.key is not None:
            self._owners[draft.key] = draft.order_id
            self._claimed[draft.order_id] = key_row(draft.key, draft)
        return draft.placed()

    def _change(self, order_id: str) -> Row:
        """The order's item, to be changed. Raises RuntimeError where there is none."""
        row = self._row(order_id)
        if row is None:
            raise RuntimeError(f"there is no order {order_id}")
        if order_id not in self._changed:
            self._changed[order_id] = {**row, "version": row["version"] + 1}
        return self._changed[order_id]

    def _keep_parts(self, parts: Iterable[Row]) -> None:
        self._parts.update({(part["orderId"], part["part"]): part for part in parts})

    def _pieces(self) -> list[Piece]:
        """What must be kept together: a piece an order, then what belongs to none."""
        pieces: dict[str, Piece] = {}
        for order_id, row in self._changed.items():
            read = self._read[order_id]
            if read is None:
                pieces[order_id] = Piece([insert(ORDERS, row)], places=order_id)
            else:
                pieces[order_id] = Piece([put(ORDERS, row, [("version", "=", read["version"])])])
        for order_id, row in self._claimed.items():
            pieces[order_id].writes.append(insert(KEYS, row))
        for (order_id, _), row in self._parts.items():
            pieces[order_id].writes.append(put(PARTS, row))
        for (order_id, _), row in self._notes.items():
            pieces.setdefault(order_id, Piece()).writes.append(insert(PARTS, row))
        for subject, stored in self.published:
            pieces.setdefault(subject, Piece()).events.append(stored)
        return [*pieces.values(), *(Piece([write]) for write in self.heard())]


def packed(pieces: Iterable[Piece]) -> list[list[Piece]]:
    """Pieces, in their sequence, in transactions: as many in each as it can have."""
    batches: list[list[Piece]] = []
    items, weight, events = TRANSACTION_ITEMS, 0, 0
    for piece in pieces:
        adds = len(piece.writes), piece.weight, piece.weight_of_events
        items, weight, events = items + adds[0], weight + adds[1], events + adds[2]
        if items + _bundles(events) > TRANSACTION_ITEMS or weight > TRANSACTION_BYTES:
            batches.append([])
            items, weight, events = adds
        batches[-1].append(piece)
    return batches


def _bundles(events: int) -> int:
    """The most items that the outbox needs for so many bytes: two that follow each other have more than one may."""
    return 1 + 2 * events // BUNDLE_BYTES
