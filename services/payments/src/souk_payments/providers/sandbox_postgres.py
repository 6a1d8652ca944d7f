"""The sandbox's books in PostgreSQL, schema `sandbox`: connections and commits of its own, as an outside system has."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

from souk_chassis.clock import Clock
from souk_chassis.errors import ErrorKind, SoukError, timeout_unknown
from souk_chassis.ids import uuid7
from souk_chassis.storage.postgres import ACQUIRE_TIMEOUT_S, give_back, open_pool, translated
from souk_payments.domain import Captured, Charge, Declined, Refund
from souk_payments.ports import ProviderBook
from souk_payments.providers.sandbox import Entry, answer_again, refuse_refund

CONNECTIONS = 2
"""Connections of the sandbox to its books."""

_ENTER = """
INSERT INTO sandbox.charges
    (order_id, charge_key, payment_id, amount_minor, currency, method, declined, created_at)
SELECT o, k, p, a, c, m, d, $8
FROM unnest($1::text[], $2::text[], $3::text[], $4::bigint[], $5::text[], $6::text[], $7::text[])
    AS given (o, k, p, a, c, m, d)
ON CONFLICT DO NOTHING RETURNING payment_id
"""
_BEFORE = """
SELECT order_id, charge_key, payment_id, amount_minor, currency, method, declined FROM sandbox.charges c
JOIN unnest($1::text[], $2::text[]) AS given (o, k) ON c.order_id = o AND c.charge_key = k
"""
_OUTCOME = """
SELECT order_id, charge_key, payment_id, amount_minor, currency, method, declined FROM sandbox.charges
WHERE order_id = $1 ORDER BY declined NULLS FIRST LIMIT 1
"""
_LOCK = """
SELECT order_id, CASE WHEN declined IS NULL THEN amount_minor ELSE 0 END FROM sandbox.charges
WHERE order_id = ANY ($1::text[]) ORDER BY order_id, charge_key FOR UPDATE
"""
_GIVEN = "SELECT order_id, refund_key, refund_id, amount_minor FROM sandbox.refunds WHERE order_id = ANY ($1::text[])"
_GIVE = """
INSERT INTO sandbox.refunds (order_id, refund_key, refund_id, amount_minor, created_at)
SELECT o, k, r, a, $5 FROM unnest($1::text[], $2::text[], $3::text[], $4::bigint[]) AS given (o, k, r, a)
"""
_PAGE = """
SELECT c.order_id, c.captured, coalesce((SELECT sum(amount_minor) FROM sandbox.refunds r
    WHERE r.order_id = c.order_id), 0)::bigint, c.charges
FROM (SELECT order_id, sum(amount_minor)::bigint AS captured, count(*) AS charges FROM sandbox.charges
    WHERE order_id > $1 AND declined IS NULL GROUP BY order_id ORDER BY order_id LIMIT $2) AS c
ORDER BY c.order_id
"""


def _entry(row: Any) -> Entry:
    order_id, key, payment_id, amount_minor, currency, method, declined = row
    charge = Charge(order_id, key, amount_minor, currency, method)
    return Entry(charge, Captured(payment_id, amount_minor) if declined is None else Declined(declined))


class PostgresBooks:
    """See `souk_payments.providers.sandbox.SandboxBooks`."""

    def __init__(self, pool: Any, clock: Clock) -> None:
        self._pool = pool
        self._clock = clock

    async def enter(self, entries: Sequence[Entry]) -> Sequence[Captured | Declined | SoukError]:
        """See the protocol."""
        # Declined charges get an id too: it tells which rows are new.
        ids = [e.outcome.payment_id if isinstance(e.outcome, Captured) else f"sbx_{uuid7()}" for e in entries]
        async with self._writing() as connection:
            rows = await connection.fetch(
                _ENTER,
                [entry.charge.order_id for entry in entries],
                [entry.charge.key for entry in entries],
                ids,
                [entry.charge.amount_minor for entry in entries],
                [entry.charge.currency for entry in entries],
                [entry.charge.method for entry in entries],
                [entry.outcome.reason if isinstance(entry.outcome, Declined) else None for entry in entries],
                self._clock.now(),
            )
            if len(rows) == len(entries):
                return [entry.outcome for entry in entries]
            fresh = {row[0] for row in rows}
            known = [entry.charge for entry, id_ in zip(entries, ids, strict=True) if id_ not in fresh]
            found = await connection.fetch(
                _BEFORE, [charge.order_id for charge in known], [charge.key for charge in known]
            )
        before = {(row[0], row[1]): _entry(row) for row in found}
        return [
            entry.outcome if id_ in fresh else answer_again(entry, before[(entry.charge.order_id, entry.charge.key)])
            for entry, id_ in zip(entries, ids, strict=True)
        ]

    async def outcome(self, order_id: str) -> Captured | Declined | None:
        """See the protocol."""
        with translated():
            row = await self._pool.fetchrow(_OUTCOME, order_id)
        return None if row is None else _entry(row).outcome

    async def give(self, refunds: Sequence[Refund]) -> Sequence[str | SoukError]:
        """See the protocol. The charges' row locks keep two processes from giving back the same money."""
        order_ids = sorted({refund.order_id for refund in refunds})
        async with self._writing() as connection, connection.transaction():
            captured: dict[str, int] = {}
            for order_id, amount_minor in await connection.fetch(_LOCK, order_ids):
                captured[order_id] = captured.get(order_id, 0) + amount_minor
            refunded: dict[str, int] = {}
            done: dict[tuple[str, str], str] = {}
            for order_id, key, refund_id, amount_minor in await connection.fetch(_GIVEN, order_ids):
                refunded[order_id] = refunded.get(order_id, 0) + amount_minor
                done[(order_id, key)] = refund_id
            fresh: list[tuple[str, str, str, int]] = []
            answers: list[str | SoukError] = []
            for refund in refunds:
                key = (refund.order_id, refund.refund_key)
                if key not in done:
                    before_minor = refunded.get(refund.order_id, 0)
                    refusal = refuse_refund(refund, captured.get(refund.order_id, 0), before_minor)
                    if refusal is not None:
                        answers.append(refusal)
                        continue
                    refunded[refund.order_id] = before_minor + refund.amount_minor
                    done[key] = f"sbr_{uuid7()}"
                    fresh.append((*key, done[key], refund.amount_minor))
                answers.append(done[key])
            if fresh:
                await connection.execute(_GIVE, *map(list, zip(*fresh, strict=True)), self._clock.now())
        return answers

    async def page(self, after_order_id: str, limit: int) -> Sequence[ProviderBook]:
        """See the protocol."""
        with translated():
            rows = await self._pool.fetch(_PAGE, after_order_id, limit)
        return [ProviderBook(*row) for row in rows]

    async def close(self) -> None:
        """See the protocol."""
        await self._pool.close()

    @asynccontextmanager
    async def _writing(self) -> AsyncIterator[Any]:
        """A connection. Not to get one is `unavailable`; what fails after that may have happened."""
        with translated():
            connection = await self._pool.acquire(timeout=ACQUIRE_TIMEOUT_S)
        try:
            with translated():
                yield connection
        except SoukError as error:
            if error.kind is ErrorKind.UNAVAILABLE:
                raise timeout_unknown("connection_lost", "The connection was lost before an answer came.") from error
            raise
        finally:
            await give_back(self._pool, connection)


async def open_books(url: str, clock: Clock) -> PostgresBooks:
    """The books in the database at `url`; its tables come with the service's migrations."""
    return PostgresBooks(await open_pool(url, size=CONNECTIONS, name="souk-sandbox"), clock)
