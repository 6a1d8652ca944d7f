"""A unit of work of the orders service on DynamoDB: what it has read, and what it will write in one transaction."""

import asyncio
import random
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from itertools import accumulate

from souk_chassis.clock import Clock
from souk_chassis.storage.dynamodb.database import DynamoUnit
from souk_chassis.storage.dynamodb.shards import Shards
from souk_chassis.storage.dynamodb.tables import Tables
from souk_chassis.storage.dynamodb.values import Row
from souk_chassis.storage.dynamodb.writes import insert, put
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

OVERDUE_ITEMS = 90
"""Room for overdue orders in one unit: a transaction has 100 items, and their events need some."""
WIDE_TAKES = 10
"""Of that room an order takes so much whose lines lie in parts: its event may be as large as SNS takes, 256 KB."""


class DynamoOrdersUnit(DynamoUnit):
    """See `souk_orders.ports.OrdersUnit`. Nothing is locked: an order that was changed must be as it was read."""

    def __init__(self, tables: Tables, clock: Clock, dice: random.Random) -> None:
        super().__init__(tables, EVENTS, "orders", clock, dice)
        self._read: dict[str, Row | None] = {}
        self._changed: dict[str, Row] = {}
        self._parts: dict[PartKey, Row] = {}
        self._notes: dict[PartKey, Row] = {}
        self._owners: dict[tuple[str, str], str | None] = {}
        self._claimed: list[Row] = []

    def presume_new(self, draft: Draft) -> None:
        """Do not look whether it is stored: the unit collides at its end where it is."""
        self._read[draft.order_id] = None
        if draft.key is not None:
            self._owners[draft.key] = None

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
        """See the port. As many as fit into a transaction. An order that opened or moved a moment ago may be missing,
        and comes the next time."""
        index = Shards(self.tables, ORDERS, "open", "openSince", SHARD_NAMES)
        found = [row["orderId"] for row in await index.first(min(limit, OVERDUE_ITEMS), until=moment(before))]
        await self._read_orders(found)
        # The index may be a moment behind: what the table says counts.
        rows = [row for row in map(self._row, found) if row is not None and row.get("openSince", "~") < moment(before)]
        takes = accumulate(WIDE_TAKES if parts_of(row, "lines") else 1 for row in rows)
        rows = [row for row, room in zip(rows, takes, strict=True) if room <= OVERDUE_ITEMS]
        parts = await self._read_parts(rows)
        late = [Overdue(head_of(row), row["paymentMethod"], lines_of(row, parts)) for row in rows]
        for each in late:
            look_again(self._change(each.head.order_id), now)
        return late

    async def commit(self) -> None:
        """See `DynamoUnit`. An order must be as it was read, or not there."""
        for order_id, row in self._changed.items():
            read = self._read[order_id]
            self.writes.append(
                insert(ORDERS, row) if read is None else put(ORDERS, row, [("version", "=", read["version"])])
            )
        self.writes += [insert(KEYS, row) for row in self._claimed]
        self.writes += [put(PARTS, row) for row in self._parts.values()]
        self.writes += [insert(PARTS, row) for row in self._notes.values()]
        await super().commit()

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
            self._claimed.append(key_row(draft.key, draft))
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
