"""The payments store on PostgreSQL: array statements, so that a batch of hundreds is a few round trips."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

from souk_chassis.clock import Clock
from souk_chassis.storage.postgres import PostgresUnit, translated
from souk_chassis.storage.postgres_queues import PostgresDatabase
from souk_payments.domain import Payment, PaymentState, Refund
from souk_payments.ports import Checkpoint, Recorded

_PAYMENT = """
p.order_id, p.state, p.currency, p.method, p.payment_id, p.captured_minor, p.owed_minor, p.refunded_minor, p.reason,
p.created_at
"""
_REFUND = "r.refund_key, r.order_id, r.payment_id, r.amount_minor, r.currency, r.refund_id"

_RECORD = """
INSERT INTO payments (order_id, state, currency, method, payment_id, captured_minor, reason, created_at, updated_at)
SELECT o, s, c, m, p, a, r, $8, $8
FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::bigint[], $7::text[])
    AS given (o, s, c, m, p, a, r)
ON CONFLICT (order_id) DO NOTHING RETURNING order_id
"""
_RECORD_LATE = f"""
UPDATE payments p SET payment_id = g.payment, captured_minor = g.amount, method = g.method, updated_at = $5
FROM unnest($1::text[], $2::text[], $3::bigint[], $4::text[]) AS g (id, payment, amount, method)
WHERE p.order_id = g.id AND p.state = 'CANCELLED' AND p.payment_id IS NULL
RETURNING {_PAYMENT}
"""
_LOCK = f"SELECT {_PAYMENT} FROM payments p WHERE p.order_id = ANY ($1::text[]) ORDER BY p.order_id FOR UPDATE"
_OWE = """
WITH given AS (
    INSERT INTO refunds (refund_key, order_id, payment_id, amount_minor, currency, created_at)
    SELECT k, o, p, a, c, $6 FROM unnest($1::text[], $2::text[], $3::text[], $4::bigint[], $5::text[])
        AS given (k, o, p, a, c)
    RETURNING order_id, amount_minor
)
UPDATE payments SET owed_minor = owed_minor + owed.amount, updated_at = $6
FROM (SELECT order_id AS id, sum(amount_minor)::bigint AS amount FROM given GROUP BY order_id) AS owed
WHERE order_id = owed.id
"""
_LOCK_REFUNDED = """
SELECT p.order_id FROM payments p
WHERE p.order_id IN (SELECT r.order_id FROM refunds r WHERE r.refund_key = ANY ($1::text[]))
ORDER BY p.order_id FOR UPDATE
"""
_GIVE = f"""
UPDATE refunds r SET refund_id = g.id FROM unnest($1::text[], $2::text[]) AS g (key, id)
WHERE r.refund_key = g.key AND r.refund_id IS NULL RETURNING {_REFUND}
"""
_GIVEN = """
UPDATE payments SET refunded_minor = refunded_minor + g.amount, updated_at = $3,
    state = CASE WHEN refunded_minor + g.amount = captured_minor THEN 'REFUNDED' ELSE state END
FROM (SELECT id, sum(a)::bigint AS amount FROM unnest($1::text[], $2::bigint[]) AS given (id, a) GROUP BY id) AS g
WHERE order_id = g.id
"""
_SAY_AGAIN = f"""
UPDATE payments p SET said_to = g.event FROM unnest($1::text[], $2::uuid[]) AS g (id, event)
WHERE p.order_id = g.id AND (p.said_to IS NULL OR p.said_to < g.event) RETURNING {_PAYMENT}
"""
_BEGIN = "INSERT INTO reconciler (created_at, order_id) VALUES ($1, $2) ON CONFLICT DO NOTHING"
_ADVANCE = "UPDATE reconciler SET created_at = $3, order_id = $4 WHERE created_at = $1 AND order_id = $2"
_KEEP = """
INSERT INTO kept (order_id, due_at) SELECT o, $2 FROM unnest($1::text[]) AS given (o)
ON CONFLICT (order_id) DO UPDATE SET due_at = excluded.due_at
"""
_CAPTURED_AFTER = f"""
SELECT {_PAYMENT} FROM payments p
WHERE (p.created_at, p.order_id) > ($1, $2) AND p.created_at < $3 AND p.state = 'CAPTURED'
ORDER BY p.created_at, p.order_id LIMIT $4
"""
_KEPT = f"""
SELECT {_PAYMENT} FROM kept JOIN payments p USING (order_id) WHERE due_at <= $1 ORDER BY due_at, p.order_id LIMIT $2
"""


def _payment(row: Any) -> Payment:
    return Payment(row[0], PaymentState(row[1]), *row[2:])


class PostgresPaymentUnit(PostgresUnit):
    """See `souk_payments.ports.PaymentUnit`."""

    async def record(self, payments: Sequence[Payment]) -> Recorded:
        """See the port."""
        rows = await self._insert(payments)
        fresh = frozenset(row[0] for row in rows)
        known = {payment.order_id: payment for payment in payments if payment.order_id not in fresh}
        if not known:
            return Recorded(fresh, ())
        awaiting = [id_ for id_, stored in (await self.lock(known)).items() if stored.awaits_charge]
        late = [known[order_id] for order_id in awaiting if known[order_id].payment_id is not None]
        if not late:
            return Recorded(fresh, ())
        changed = await self.connection.fetch(
            _RECORD_LATE,
            [payment.order_id for payment in late],
            [payment.payment_id for payment in late],
            [payment.captured_minor for payment in late],
            [payment.method for payment in late],
            self.clock.now(),
        )
        return Recorded(fresh, [_payment(row) for row in changed])

    async def cancel(self, cancelled: Sequence[Payment]) -> None:
        """See the port."""
        await self._insert(sorted(cancelled, key=lambda payment: payment.order_id))

    async def _insert(self, payments: Sequence[Payment]) -> Sequence[Any]:
        rows: Sequence[Any] = await self.connection.fetch(
            _RECORD,
            [payment.order_id for payment in payments],
            [payment.state for payment in payments],
            [payment.currency for payment in payments],
            [payment.method for payment in payments],
            [payment.payment_id for payment in payments],
            [payment.captured_minor for payment in payments],
            [payment.reason for payment in payments],
            self.clock.now(),
        )
        return rows

    async def lock(self, order_ids: Collection[str]) -> dict[str, Payment]:
        """See the port."""
        rows = await self.connection.fetch(_LOCK, list(order_ids))
        return {row[0]: _payment(row) for row in rows}

    async def known_refunds(self, refund_keys: Collection[str]) -> set[str]:
        """See the port."""
        rows = await self.connection.fetch(
            "SELECT refund_key FROM refunds WHERE refund_key = ANY ($1::text[])", list(refund_keys)
        )
        return {row[0] for row in rows}

    async def owe(self, refunds: Sequence[Refund]) -> None:
        """See the port."""
        await self.connection.execute(
            _OWE,
            [refund.refund_key for refund in refunds],
            [refund.order_id for refund in refunds],
            [refund.payment_id for refund in refunds],
            [refund.amount_minor for refund in refunds],
            [refund.currency for refund in refunds],
            self.clock.now(),
        )

    async def give(self, refund_ids: Mapping[str, str]) -> Sequence[Refund]:
        """See the port."""
        await self.connection.fetch(_LOCK_REFUNDED, list(refund_ids))
        rows = await self.connection.fetch(_GIVE, list(refund_ids), list(refund_ids.values()))
        if rows:
            order_ids, amounts = [row[1] for row in rows], [row[3] for row in rows]
            await self.connection.execute(_GIVEN, order_ids, amounts, self.clock.now())
        return [Refund(*row) for row in rows]

    async def say_again(self, asked_by: Mapping[str, str]) -> Sequence[Payment]:
        """See the port."""
        if not await self.lock(asked_by):
            return []
        rows = await self.connection.fetch(_SAY_AGAIN, list(asked_by), list(asked_by.values()))
        return [_payment(row) for row in rows]

    async def advance(self, seen: Checkpoint | None, to: Checkpoint) -> bool:
        """See the port."""
        if seen is None:
            status = await self.connection.execute(_BEGIN, to.created_at, to.order_id)
        else:
            status = await self.connection.execute(_ADVANCE, seen.created_at, seen.order_id, to.created_at, to.order_id)
        return bool(status.endswith(" 1"))

    async def keep(self, order_ids: Sequence[str], due_at: datetime) -> None:
        """See the port."""
        await self.connection.execute(_KEEP, sorted(order_ids), due_at)

    async def forget(self, order_ids: Sequence[str]) -> None:
        """See the port."""
        await self.connection.execute("DELETE FROM kept WHERE order_id = ANY ($1::text[])", sorted(order_ids))


class PostgresPaymentStore(PostgresDatabase[PostgresPaymentUnit]):
    """See `souk_payments.ports.PaymentStore`."""

    def __init__(self, pool: Any, clock: Clock) -> None:
        super().__init__(pool, "payments", clock, PostgresPaymentUnit)

    async def states(self, order_ids: Collection[str]) -> Mapping[str, PaymentState]:
        """See the port."""
        with translated():
            rows = await self.pool.fetch(
                "SELECT order_id, state FROM payments WHERE order_id = ANY ($1::text[])", list(order_ids)
            )
        return {row[0]: PaymentState(row[1]) for row in rows}

    async def refunds(self, refund_keys: Collection[str]) -> Mapping[str, Refund]:
        """See the port."""
        with translated():
            rows = await self.pool.fetch(
                f"SELECT {_REFUND} FROM refunds r WHERE refund_key = ANY ($1::text[])",
                list(refund_keys),
            )
        return {row[0]: Refund(*row) for row in rows}

    async def page(self, after_order_id: str, limit: int) -> Sequence[Payment]:
        """See the port."""
        with translated():
            rows = await self.pool.fetch(
                f"SELECT {_PAYMENT} FROM payments p WHERE p.order_id > $1 ORDER BY p.order_id LIMIT $2",
                after_order_id,
                limit,
            )
        return [_payment(row) for row in rows]

    async def checkpoint(self) -> Checkpoint | None:
        """See the port."""
        with translated():
            row = await self.pool.fetchrow("SELECT created_at, order_id FROM reconciler")
        return None if row is None else Checkpoint(row[0], row[1])

    async def captured_after(self, seen: Checkpoint | None, before: datetime, limit: int) -> Sequence[Payment]:
        """See the port."""
        after = seen or Checkpoint(datetime.min.replace(tzinfo=before.tzinfo), "")
        with translated():
            rows = await self.pool.fetch(_CAPTURED_AFTER, after.created_at, after.order_id, before, limit)
        return [_payment(row) for row in rows]

    async def kept(self, now: datetime, limit: int) -> Sequence[Payment]:
        """See the port."""
        with translated():
            rows = await self.pool.fetch(_KEPT, now, limit)
        return [_payment(row) for row in rows]
