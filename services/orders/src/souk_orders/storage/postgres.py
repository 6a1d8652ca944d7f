"""Orders in PostgreSQL: the writes, each one statement for the whole batch."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from souk_chassis import wire
from souk_chassis.storage.postgres import PostgresUnit
from souk_contracts.order_status import OrderStatus
from souk_orders.domain import Draft, Head, Line, Move, Placed, ReturnNote
from souk_orders.ports import ALL, Overdue
from souk_orders.storage.placing import (
    INSERT_LINES,
    LINES_GIVEN,
    NEW_ORDERS,
    as_placed,
    history_json,
    line_columns,
    order_columns,
)
from souk_orders.storage.rows import HEAD, LINE, PLACED, head, line, placed

_CLAIM_KEYS = """
INSERT INTO order_keys (scope, key, order_id, created_at)
SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::timestamptz[]) AS given (scope, key, order_id, at)
ORDER BY scope, key ON CONFLICT DO NOTHING RETURNING scope, key
"""
_KEYS = """
SELECT order_keys.scope, order_keys.key, order_id FROM order_keys
JOIN unnest($1::text[], $2::text[]) AS given (scope, key)
ON order_keys.scope = given.scope AND order_keys.key = given.key
"""
_FREE_KEYS = """
DELETE FROM order_keys USING unnest($1::text[], $2::text[]) AS given (scope, key)
WHERE order_keys.scope = given.scope AND order_keys.key = given.key
"""
_INSERT_ORDERS = f"WITH {NEW_ORDERS} SELECT order_id FROM fresh"
_INSERT_ITEMS = f"{INSERT_LINES} {LINES_GIVEN.format(1, 2, 3, 4, 5)}"
# Rows are locked in the order of their ids, so that two batches can't lock each other out.
_LOCK = f"""
SELECT {HEAD} FROM orders WHERE order_id = ANY($1) AND status = ANY($2::text[]) ORDER BY order_id FOR NO KEY UPDATE
"""
_LINES = f"SELECT {LINE}, order_id FROM order_items WHERE order_id = ANY($1) ORDER BY order_id, item_id"
_MOVE = """
WITH given AS MATERIALIZED (
    SELECT * FROM unnest($1::text[], $2::text[], $3::timestamptz[], $4::text[], $5::text[])
        AS given (id, status, at, step, short)
), ended AS (
    DELETE FROM open_orders USING given WHERE order_id = id AND status NOT IN ('PENDING', 'RESERVED')
), going_on AS (
    UPDATE open_orders SET since = at FROM given WHERE order_id = id AND status IN ('PENDING', 'RESERVED')
)
UPDATE orders SET status = given.status, updated_at = given.at, history = history || given.step::jsonb,
    short_items = coalesce(given.short::jsonb, short_items)
FROM given WHERE order_id = given.id
"""
_RETURN_LINES = """
UPDATE order_items SET returned = returned + given.back
FROM unnest($2::int[], $3::int[]) AS given (number, back) WHERE order_id = $1 AND item_id = given.number
"""
_RETURN = """
UPDATE orders SET returned_amount = returned_amount + ($2::bigint::numeric / 100)::numeric(10, 2),
    returned_units = returned_units + $3, updated_at = $4
WHERE order_id = $1
"""
_NOTE_RETURN = """
INSERT INTO order_returns (return_id, order_id, key, fingerprint, refund_amount, status, created_at)
VALUES ($1, $2, $3, $4, ($5::bigint::numeric / 100)::numeric(10, 2), $6, $7)
"""
_FIND_RETURN = """
SELECT return_id, (refund_amount * 100)::bigint, status, created_at, fingerprint FROM order_returns
WHERE order_id = $1 AND key = $2
"""
_OVERDUE = f"""
WITH late AS (
    UPDATE open_orders SET since = $2 WHERE order_id IN (
        SELECT order_id FROM open_orders WHERE since < $1 ORDER BY order_id LIMIT $3 FOR UPDATE SKIP LOCKED)
    RETURNING order_id)
SELECT {HEAD}, payment_method FROM orders WHERE order_id IN (SELECT order_id FROM late)
"""


@dataclass(frozen=True, slots=True)
class _Claims:
    """The keys of a batch: the order that each stands for, and the draft that claimed it where it was new."""

    orders: Mapping[tuple[str, str], str]
    claimers: Mapping[tuple[str, str], Draft]


class PostgresOrdersUnit(PostgresUnit):
    """See `souk_orders.ports.OrdersUnit`."""

    async def place(self, drafts: Sequence[Draft]) -> Sequence[Placed]:
        """See the port."""
        claims = await self._claim_keys(drafts)
        ids = [claims.orders[draft.key] if draft.key else draft.order_id for draft in drafts]
        new: dict[str, Draft] = {}
        for order_id, draft in zip(ids, drafts, strict=True):
            if order_id == draft.order_id:
                new.setdefault(order_id, draft)
        fresh = await self._insert(list(new.values()))
        stored = {order_id: as_placed(new[order_id]) for order_id in fresh}
        others = sorted(set(ids) - fresh)
        if others:
            rows = await self.connection.fetch(f"SELECT {PLACED} FROM orders WHERE order_id = ANY($1)", others)
            stored |= {row[0]: placed(row) for row in rows}
        answers = [
            stored[order_id]._replace(fresh=order_id in fresh and new[order_id] is draft)
            for order_id, draft in zip(ids, drafts, strict=True)
        ]
        for place, answer in await self._place_again(drafts, claims, stored):
            answers[place] = answer
        return answers

    async def _claim_keys(self, drafts: Sequence[Draft]) -> _Claims:
        keyed: dict[tuple[str, str], Draft] = {}
        for draft in drafts:
            if draft.key is not None:
                keyed.setdefault(draft.key, draft)
        if not keyed:
            return _Claims({}, {})
        scopes, keys = [scope for scope, _ in keyed], [key for _, key in keyed]
        ids, times = [draft.order_id for draft in keyed.values()], [draft.created_at for draft in keyed.values()]
        claimed = await self.connection.fetch(_CLAIM_KEYS, scopes, keys, ids, times)
        rows = await self.connection.fetch(_KEYS, scopes, keys)
        claimers = {(row[0], row[1]): keyed[row[0], row[1]] for row in claimed}
        return _Claims({(row[0], row[1]): row[2] for row in rows}, claimers)

    async def _place_again(
        self, drafts: Sequence[Draft], claims: _Claims, stored: Mapping[str, Placed]
    ) -> Sequence[tuple[int, Placed]]:
        """A key that was claimed for an order whose id was taken leaves no trace: who else came with it is placed now.

        Returns the new answers by their place in `drafts`.
        """
        spoilt = {
            key for key, draft in claims.claimers.items() if stored[draft.order_id].fingerprint != draft.fingerprint
        }
        if not spoilt:
            return []
        await self.connection.execute(_FREE_KEYS, [scope for scope, _ in spoilt], [key for _, key in spoilt])
        others = [
            place
            for place, draft in enumerate(drafts)
            if draft.key in spoilt and claims.claimers[draft.key] is not draft
        ]
        answers = await self.place([drafts[place] for place in others]) if others else []
        return list(zip(others, answers, strict=True))

    async def _insert(self, drafts: Sequence[Draft]) -> set[str]:
        if not drafts:
            return set()
        rows = await self.connection.fetch(_INSERT_ORDERS, *order_columns(drafts))
        fresh = {row[0] for row in rows}
        if fresh:
            new = [draft for draft in drafts if draft.order_id in fresh]
            await self.connection.execute(_INSERT_ITEMS, *line_columns(new))
        return fresh

    async def lock(self, order_ids: Collection[str], states: Collection[OrderStatus] = ALL) -> Mapping[str, Head]:
        """See the port."""
        rows = await self.connection.fetch(_LOCK, list(order_ids), [state.value for state in states])
        return {row[0]: head(row) for row in rows}

    async def known(self, order_ids: Collection[str]) -> set[str]:
        """See the port."""
        query = "SELECT order_id FROM orders WHERE order_id = ANY($1)"
        return {row[0] for row in await self.connection.fetch(query, list(order_ids))}

    async def move(self, moves: Sequence[Move]) -> None:
        """See the port."""
        if not moves:
            return
        histories = {steps: history_json(steps) for steps in {move.steps for move in moves}}  # mostly the same
        await self.connection.execute(
            _MOVE,
            [move.order_id for move in moves],
            [move.to.status.value for move in moves],
            [move.to.at for move in moves],
            [histories[move.steps] for move in moves],
            [wire.encode(move.short_items).decode() if move.short_items else None for move in moves],
        )

    async def lines(self, order_ids: Collection[str]) -> Mapping[str, Sequence[Line]]:
        """See the port."""
        lines: dict[str, list[Line]] = {}
        for row in await self.connection.fetch(_LINES, list(order_ids)):
            lines.setdefault(row["order_id"], []).append(line(row))
        return lines

    async def record_return(self, order_id: str, by_line: Mapping[int, int], refund_minor: int, at: datetime) -> None:
        """See the port."""
        numbers = [number + 1 for number in by_line]
        await self.connection.execute(_RETURN_LINES, order_id, numbers, list(by_line.values()))
        await self.connection.execute(_RETURN, order_id, refund_minor, sum(by_line.values()), at)

    async def note_return(self, note: ReturnNote) -> None:
        """See the port."""
        await self.connection.execute(
            _NOTE_RETURN,
            note.return_id,
            note.order_id,
            note.key,
            note.fingerprint,
            note.refund_minor,
            note.status.value,
            note.created_at,
        )

    async def find_return(self, order_id: str, key: str) -> ReturnNote | None:
        """See the port."""
        row = await self.connection.fetchrow(_FIND_RETURN, order_id, key)
        return ReturnNote(row[0], order_id, row[1], OrderStatus(row[2]), row[3], key, row[4]) if row else None

    async def overdue(self, before: datetime, now: datetime, limit: int) -> Sequence[Overdue]:
        """See the port."""
        rows = await self.connection.fetch(_OVERDUE, before, now, limit)
        lines = await self.lines([row[0] for row in rows])
        return [Overdue(head(row), row[6], tuple(lines[row[0]])) for row in rows]
