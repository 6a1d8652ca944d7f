"""A unit of work of the orders service on PostgreSQL: each write is one statement for the whole batch."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from souk_chassis import wire
from souk_chassis.storage.postgres import PostgresUnit
from souk_chassis.storage.statements import Rows, Statement
from souk_contracts.order_status import OPEN, OrderStatus
from souk_orders.domain import Draft, Head, Line, Move, Placed, ReturnNote
from souk_orders.ports import ALL, Overdue
from souk_orders.storage.history import history_json
from souk_orders.storage.postgres_placing import PLACED_BY_ID
from souk_orders.storage.postgres_rows import (
    HEAD,
    LINE,
    NEW_LINES,
    NEW_ORDERS,
    head_of,
    lines_of,
    lines_to_insert,
    orders_to_insert,
    placed_of,
)

_CLAIMED = Rows("claimed", scope="text", key="text", order_id="text", created_at="timestamptz")
_CLAIM_KEYS = Statement(f"""
INSERT INTO order_keys (scope, key, order_id, created_at) SELECT scope, key, order_id, created_at FROM {_CLAIMED}
ORDER BY scope, key ON CONFLICT DO NOTHING RETURNING scope, key
""")
_GIVEN_KEYS = Rows("given", scope="text", key="text")
_KEYS = Statement(f"SELECT scope, key, order_id FROM order_keys JOIN {_GIVEN_KEYS} USING (scope, key)")
_FREE_KEYS = Statement(f"""
DELETE FROM order_keys USING {_GIVEN_KEYS} WHERE order_keys.scope = given.scope AND order_keys.key = given.key
""")
_INSERT_ORDERS = Statement(f"WITH {NEW_ORDERS} SELECT order_id FROM fresh")
_INSERT_LINES = Statement(NEW_LINES)
# Rows are locked in the order of their ids, so that two batches can't lock each other out.
_LOCK = Statement(f"""
SELECT {HEAD} FROM orders WHERE order_id = ANY(:order_ids) AND status = ANY(:states::text[])
ORDER BY order_id FOR NO KEY UPDATE
""")
_KNOWN = Statement("SELECT order_id FROM orders WHERE order_id = ANY(:order_ids)")
_LINES = Statement(f"SELECT {LINE} FROM order_items WHERE order_id = ANY(:order_ids) ORDER BY order_id, item_id")
_MOVES = Rows("moves", order_id="text", status="text", at="timestamptz", history="text", short_items="text")
_MOVE = Statement(f"""
WITH moved AS MATERIALIZED (SELECT * FROM {_MOVES}),
ended AS (
    DELETE FROM open_orders USING moved
    WHERE open_orders.order_id = moved.order_id AND moved.status <> ALL (:open::text[])),
going_on AS (
    UPDATE open_orders SET since = moved.at FROM moved
    WHERE open_orders.order_id = moved.order_id AND moved.status = ANY (:open::text[]))
UPDATE orders SET status = moved.status, updated_at = moved.at, history = orders.history || moved.history::jsonb,
    short_items = coalesce(moved.short_items::jsonb, orders.short_items)
FROM moved WHERE orders.order_id = moved.order_id
""")
_BACK = Rows("back", item_id="int4", units="int4")
_RETURN_LINES = Statement(f"""
UPDATE order_items SET returned = returned + back.units FROM {_BACK}
WHERE order_items.order_id = :order_id AND order_items.item_id = back.item_id
""")
_RETURN = Statement("""
UPDATE orders SET returned_amount = returned_amount + (:refund_minor::bigint::numeric / 100)::numeric(10, 2),
    returned_units = returned_units + :units, updated_at = :at
WHERE order_id = :order_id
""")
_NOTE_RETURN = Statement("""
INSERT INTO order_returns (return_id, order_id, key, fingerprint, refund_amount, status, created_at)
VALUES (:return_id, :order_id, :key, :fingerprint, (:refund_minor::bigint::numeric / 100)::numeric(10, 2), :status,
        :created_at)
""")
_FIND_RETURN = Statement("""
SELECT return_id, order_id, (refund_amount * 100)::bigint AS refund_minor, status, created_at, key, fingerprint
FROM order_returns WHERE order_id = :order_id AND key = :key
""")
_OVERDUE = Statement(f"""
WITH late AS (
    UPDATE open_orders SET since = :now WHERE order_id IN (
        SELECT order_id FROM open_orders WHERE since < :before ORDER BY order_id LIMIT :at_most FOR UPDATE SKIP LOCKED)
    RETURNING order_id)
SELECT {HEAD}, payment_method FROM orders WHERE order_id IN (SELECT order_id FROM late)
""")


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
        stored = {order_id: new[order_id].placed() for order_id in fresh}
        others = sorted(set(ids) - fresh)
        if others:
            rows = await PLACED_BY_ID.fetch(self.connection, order_ids=others)
            stored |= {row["order_id"]: placed_of(row) for row in rows}
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
        claims = _CLAIMED.arrays(list(keyed.values()), **_columns(keyed))
        claimed = await _CLAIM_KEYS.fetch(self.connection, **claims)
        rows = await _KEYS.fetch(self.connection, **_GIVEN_KEYS.arrays(**_columns(keyed)))
        claimers = {(row["scope"], row["key"]): keyed[row["scope"], row["key"]] for row in claimed}
        return _Claims({(row["scope"], row["key"]): row["order_id"] for row in rows}, claimers)

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
        await _FREE_KEYS.execute(self.connection, **_GIVEN_KEYS.arrays(**_columns(spoilt)))
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
        rows = await _INSERT_ORDERS.fetch(self.connection, **orders_to_insert(drafts))
        fresh = {row["order_id"] for row in rows}
        if fresh:
            new = [draft for draft in drafts if draft.order_id in fresh]
            await _INSERT_LINES.execute(self.connection, **lines_to_insert(new))
        return fresh

    async def lock(self, order_ids: Collection[str], states: Collection[OrderStatus] = ALL) -> Mapping[str, Head]:
        """See the port."""
        rows = await _LOCK.fetch(self.connection, order_ids=list(order_ids), states=list(states))
        return {row["order_id"]: head_of(row) for row in rows}

    async def known(self, order_ids: Collection[str]) -> set[str]:
        """See the port."""
        return {row["order_id"] for row in await _KNOWN.fetch(self.connection, order_ids=list(order_ids))}

    async def move(self, moves: Sequence[Move]) -> None:
        """See the port."""
        if not moves:
            return
        histories = {steps: history_json(steps) for steps in {move.steps for move in moves}}  # mostly the same
        values = _MOVES.arrays(
            moves,
            status=[move.to.status for move in moves],
            at=[move.to.at for move in moves],
            history=[histories[move.steps] for move in moves],
            short_items=[wire.encode(move.short_items).decode() if move.short_items else None for move in moves],
        )
        await _MOVE.execute(self.connection, open=list(OPEN), **values)

    async def lines(self, order_ids: Collection[str]) -> Mapping[str, Sequence[Line]]:
        """See the port."""
        return lines_of(await _LINES.fetch(self.connection, order_ids=list(order_ids)))

    async def record_return(self, order_id: str, by_line: Mapping[int, int], refund_minor: int, at: datetime) -> None:
        """See the port."""
        back = _BACK.arrays(item_id=[number + 1 for number in by_line], units=list(by_line.values()))
        await _RETURN_LINES.execute(self.connection, order_id=order_id, **back)
        units = sum(by_line.values())
        await _RETURN.execute(self.connection, order_id=order_id, refund_minor=refund_minor, units=units, at=at)

    async def note_return(self, note: ReturnNote) -> None:
        """See the port."""
        await _NOTE_RETURN.execute(self.connection, **note._asdict())

    async def find_return(self, order_id: str, key: str) -> ReturnNote | None:
        """See the port."""
        row = await _FIND_RETURN.fetchrow(self.connection, order_id=order_id, key=key)
        return ReturnNote(**{**row, "status": OrderStatus(row["status"])}) if row else None

    async def overdue(self, before: datetime, now: datetime, limit: int) -> Sequence[Overdue]:
        """See the port."""
        rows = await _OVERDUE.fetch(self.connection, before=before, now=now, at_most=limit)
        lines = await self.lines([row["order_id"] for row in rows])
        return [Overdue(head_of(row), row["payment_method"], tuple(lines[row["order_id"]])) for row in rows]


def _columns(keys: Collection[tuple[str, str]]) -> dict[str, list[str]]:
    return {"scope": [scope for scope, _ in keys], "key": [key for _, key in keys]}
