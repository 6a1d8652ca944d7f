"""The sandbox's books in DynamoDB, in a table of their own: calls and commits of its own, as an outside system has.

All that concerns an order lies together: its charges, its refunds, and their totals with what is left to give back. A
charge or a refund is written in one transaction with the totals. Two conditions keep the rules, however many processes
write: an entry's key is new, and what is left of the captured money suffices. Who loses reads again, and answers by
what he finds.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from datetime import UTC
from typing import TypeVar

from souk_chassis.clock import Clock
from souk_chassis.errors import ErrorKind, SoukError, timeout_unknown
from souk_chassis.ids import uuid7
from souk_chassis.storage.collisions import CollisionError
from souk_chassis.storage.dynamodb.client import DynamoClient
from souk_chassis.storage.dynamodb.errors import TransactionCancelledError
from souk_chassis.storage.dynamodb.shards import Shards
from souk_chassis.storage.dynamodb.tables import TRANSACTION_ITEMS, Tables, chunks
from souk_chassis.storage.dynamodb.values import Row
from souk_chassis.storage.dynamodb.writes import Write, insert, update
from souk_payments.domain import Captured, Charge, Declined, Refund
from souk_payments.ports import ProviderBook
from souk_payments.providers.sandbox import Entry, answer_again, refuse_refund
from souk_payments.tables import BOOKS_BY_ID, BUCKET_NAMES, SANDBOX_BOOKS, bucket_of

ENTRIES = TRANSACTION_ITEMS // 2
"""Charges or refunds of one transaction: each may need the totals of an order of its own."""
BOOK_TRIES = 12
"""How often a commit that met another is done again. The caller is told then that it may have happened."""
BOOK_PAUSE_S = 0.01
"""It waits a random time below this before the second try, below twice this before the third ..."""

TOTALS = "totals"
_CHARGES_END = "charge$"  # the character after `#`
_NOTHING: Row = {"capturedMinor": 0, "refundedMinor": 0}

Key = tuple[str, ...]
"""An order's id, and what of it."""
Asked = TypeVar("Asked", Entry, Refund)
Told = TypeVar("Told")


class DynamoBooks:
    """See `souk_payments.providers.sandbox.SandboxBooks`. `dice` is for pauses."""

    def __init__(self, client: DynamoClient, clock: Clock, dice: random.Random | None = None) -> None:
        self._tables = Tables(client)
        self._clock = clock
        self._dice = dice or random.Random()  # noqa: S311 - jitter, and no secret

    async def enter(self, entries: Sequence[Entry]) -> Sequence[Captured | Declined | SoukError]:
        """See the protocol."""
        return await self._in_parts(entries, self._enter)

    async def outcome(self, order_id: str) -> Captured | Declined | None:
        """See the protocol."""
        rows = await self._tables.query(SANDBOX_BOOKS, order_id, ("entry", "<", _CHARGES_END))
        outcomes = [_entry_of(row).outcome for row in rows]
        captured = [outcome for outcome in outcomes if isinstance(outcome, Captured)]
        return next(iter([*captured, *outcomes]), None)

    async def give(self, refunds: Sequence[Refund]) -> Sequence[str | SoukError]:
        """See the protocol."""
        return await self._in_parts(refunds, self._give)

    async def page(self, after_order_id: str, limit: int) -> Sequence[ProviderBook]:
        """See the protocol. What was captured a moment ago may be missing yet."""
        shards = Shards(self._tables, SANDBOX_BOOKS, BOOKS_BY_ID.name, BOOKS_BY_ID.range_key, BUCKET_NAMES)
        found = await shards.first(limit, after=after_order_id or None)
        keys = [(row["orderId"], TOTALS) for row in found]
        rows = await self._tables.get_many(SANDBOX_BOOKS, keys)
        totals = [(order_id, rows[order_id, entry]) for order_id, entry in keys]
        return [
            ProviderBook(order_id, row["capturedMinor"], row["refundedMinor"], row["charges"])
            for order_id, row in totals
        ]

    async def close(self) -> None:
        """See the protocol."""
        await self._tables.client.close()

    async def _enter(self, entries: Sequence[Entry]) -> Sequence[Captured | Declined | SoukError]:
        known = await self._tables.get_many(SANDBOX_BOOKS, map(_charge_key, entries))
        before: dict[Key, Entry] = {key: _entry_of(row) for key, row in known.items()}
        fresh: dict[Key, Entry] = {}
        for entry in entries:
            if _charge_key(entry) not in before:
                fresh.setdefault(_charge_key(entry), entry)
        if fresh:
            await self._tables.transact(self._charged(fresh))
        firsts = before | fresh
        pairs = [(entry, firsts[_charge_key(entry)]) for entry in entries]
        return [entry.outcome if first is entry else answer_again(entry, first) for entry, first in pairs]

    def _charged(self, fresh: Mapping[Key, Entry]) -> list[Write]:
        """The charges, and the totals of the orders that have a captured one among them."""
        totals: dict[str, list[int]] = {}
        for entry in fresh.values():
            if isinstance(entry.outcome, Captured):
                totals.setdefault(entry.charge.order_id, []).append(entry.outcome.amount_minor)
        now = self._now()
        writes = [insert(SANDBOX_BOOKS, _entry_row(key, entry) | {"createdAt": now}) for key, entry in fresh.items()]
        for order_id, amounts in totals.items():
            amount_minor = sum(amounts)
            adds = {"capturedMinor": amount_minor, "refundedMinor": 0, "leftMinor": amount_minor}
            key, sets = {"orderId": order_id, "entry": TOTALS}, {"bucket": bucket_of(order_id)}
            writes.append(update(SANDBOX_BOOKS, key, sets=sets, adds=adds | {"charges": len(amounts)}))
        return writes

    async def _give(self, refunds: Sequence[Refund]) -> Sequence[str | SoukError]:
        keys = list(dict.fromkeys([key for each in refunds for key in ((each.order_id, TOTALS), _refund_key(each))]))
        answers, fresh = _decided(refunds, await self._tables.get_many(SANDBOX_BOOKS, keys))
        if any(isinstance(answer, SoukError) for answer in answers):
            # A refund may be refused for what it took itself: that is told by one moment alone.
            rows = await self._tables.snapshot(SANDBOX_BOOKS, keys)
            found: dict[Key, Row] = {key: row for key, row in zip(keys, rows, strict=True) if row is not None}
            answers, fresh = _decided(refunds, found)
        if fresh:
            await self._tables.transact(self._given(fresh))
        return answers

    def _given(self, fresh: Mapping[Key, tuple[Refund, str]]) -> list[Write]:
        """The refunds, and the totals of their orders, of which so much must be left."""
        now = self._now()
        given: dict[str, int] = {}
        writes = []
        for (order_id, entry), (refund, refund_id) in fresh.items():
            given[order_id] = given.get(order_id, 0) + refund.amount_minor
            row = {"orderId": order_id, "entry": entry, "refundId": refund_id, "amountMinor": refund.amount_minor}
            writes.append(insert(SANDBOX_BOOKS, row | {"createdAt": now}))
        for order_id, amount_minor in given.items():
            adds = {"refundedMinor": amount_minor, "leftMinor": -amount_minor}
            key = {"orderId": order_id, "entry": TOTALS}
            writes.append(update(SANDBOX_BOOKS, key, adds=adds, when=[("leftMinor", ">=", amount_minor)]))
        return writes

    async def _in_parts(
        self, asked: Sequence[Asked], write: Callable[[Sequence[Asked]], Awaitable[Sequence[Told | SoukError]]]
    ) -> Sequence[Told | SoukError]:
        """Each part is a commit of its own, and answered for itself."""
        parts = await asyncio.gather(*(self._until_written(part, write) for part in chunks(asked, ENTRIES)))
        return [answer for part in parts for answer in part]

    async def _until_written(
        self, part: Sequence[Asked], write: Callable[[Sequence[Asked]], Awaitable[Sequence[Told | SoukError]]]
    ) -> Sequence[Told | SoukError]:
        for turn in range(1, BOOK_TRIES + 1):
            try:
                return await write(part)
            except SoukError as error:
                if not isinstance(error, TransactionCancelledError | CollisionError):
                    return [_unknown(error)] * len(part)
            await asyncio.sleep(self._dice.uniform(0.0, BOOK_PAUSE_S * turn))
        return [_unknown(CollisionError())] * len(part)

    def _now(self) -> str:
        return self._clock.now().astimezone(UTC).isoformat(timespec="microseconds")


def _decided(
    refunds: Iterable[Refund], rows: Mapping[Key, Row]
) -> tuple[list[str | SoukError], dict[Key, tuple[Refund, str]]]:
    """The answer to each refund by these items, and those refunds that are new, with their ids."""
    done = {key: str(row["refundId"]) for key, row in rows.items() if "refundId" in row}
    fresh: dict[Key, tuple[Refund, str]] = {}
    refunded: dict[str, int] = {}
    answers: list[str | SoukError] = []
    for refund in refunds:
        key, order_id = _refund_key(refund), refund.order_id
        if key not in done:
            totals = rows.get((order_id, TOTALS), _NOTHING)
            before_minor = refunded.setdefault(order_id, totals["refundedMinor"])
            refusal = refuse_refund(refund, totals["capturedMinor"], before_minor)
            if refusal is not None:
                answers.append(refusal)
                continue
            refunded[order_id] = before_minor + refund.amount_minor
            done[key] = f"sbr_{uuid7()}"
            fresh[key] = refund, done[key]
        answers.append(done[key])
    return answers, fresh


def _unknown(error: SoukError) -> SoukError:
    """What a caller outside is told of trouble with the books: it may have happened."""
    if error.kind is not ErrorKind.UNAVAILABLE:
        return error
    return timeout_unknown("connection_lost", "The connection was lost before an answer came.")


def _charge_key(entry: Entry) -> Key:
    return entry.charge.order_id, f"charge#{entry.charge.key}"


def _refund_key(refund: Refund) -> Key:
    return refund.order_id, f"refund#{refund.refund_key}"


def _entry_row(key: Key, entry: Entry) -> Row:
    charge, outcome = entry.charge, entry.outcome
    row: Row = {"orderId": key[0], "entry": key[1], "key": charge.key, "amountMinor": charge.amount_minor}
    row |= {"currency": charge.currency, "method": charge.method}
    return row | ({"paymentId": outcome.payment_id} if isinstance(outcome, Captured) else {"declined": outcome.reason})


def _entry_of(row: Row) -> Entry:
    charge = Charge(row["orderId"], row["key"], row["amountMinor"], row["currency"], row["method"])
    if "declined" in row:
        return Entry(charge, Declined(row["declined"]))
    return Entry(charge, Captured(row["paymentId"], row["amountMinor"]))
