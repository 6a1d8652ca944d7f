"""The sandbox's books: records in the service's store, written in units of work of their own."""

from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import TypeVar

from msgspec.structs import replace

from souk_chassis.errors import SoukError
from souk_chassis.ids import uuid7
from souk_chassis.storage.collisions import retry_on_conflict
from souk_chassis.storage.records import RecordStore
from souk_payments.domain import Captured, Declined
from souk_payments.ports import ProviderBook
from souk_payments.providers.sandbox import Entry, answer_again, refuse_refund
from souk_payments.records import Refund, SandboxCharge, SandboxOrder, SandboxRefund

T = TypeVar("T")
A = TypeVar("A")


class SandboxBooks:
    """See `souk_payments.providers.sandbox.Books`."""

    def __init__(self, store: RecordStore) -> None:
        self._store = store

    async def enter(self, entries: Sequence[Entry]) -> Sequence[Captured | Declined | SoukError]:
        """See the protocol."""
        return await self._in_units(entries, self._enter)

    async def outcome(self, order_id: str) -> Captured | Declined | None:
        """See the protocol."""
        order = (await self._store.get(SandboxOrder, [order_id])).get(order_id)
        charges = (*order.captured, *order.charges) if order else ()
        return _outcome(charges[0]) if charges else None

    async def give(self, refunds: Sequence[Refund]) -> Sequence[str | SoukError]:
        """See the protocol."""
        return await self._in_units(refunds, self._give)

    async def page(self, after_order_id: str, limit: int) -> Sequence[ProviderBook]:
        """See the protocol."""
        books: list[ProviderBook] = []
        cursor: str | None = SandboxOrder.every.after(after_order_id)
        while cursor is not None and len(books) < limit:
            page = await self._store.page(SandboxOrder.every, cursor=cursor, limit=limit)
            books += [
                ProviderBook(each.order_id, each.captured_minor, each.refunded_minor, len(each.captured))
                for each in page.items
                if each.captured
            ]
            cursor = page.next
        return books[:limit]

    async def _in_units(self, items: Sequence[T], write: Callable[[Sequence[T]], Awaitable[list[A]]]) -> list[A]:
        """The answers to all items, which are written in units that the engine keeps whole."""
        answers: list[A] = []
        for start in range(0, len(items), self._store.room):
            part = items[start : start + self._store.room]
            answers += await retry_on_conflict(partial(write, part))
        return answers

    async def _enter(self, entries: Sequence[Entry]) -> list[Captured | Declined | SoukError]:
        first = {each.charge.order_id: each for each in reversed(entries)}
        async with self._store.unit() as unit:
            new = [SandboxOrder(order_id=key, charges=(_charge(each),)) for key, each in first.items()]
            fresh = await unit.add(new)
            orders = await unit.get(SandboxOrder, first)
            answers: list[Captured | Declined | SoukError] = []
            for entry in entries:
                order_id = entry.charge.order_id
                order = orders[order_id]
                before = next((each for each in order.charges if each.key == entry.charge.key), None)
                if before is None:
                    orders[order_id] = replace(order, charges=(*order.charges, _charge(entry)))
                    unit.put(orders[order_id])
                    answers.append(entry.outcome)
                elif order_id in fresh and entry is first[order_id]:
                    answers.append(entry.outcome)
                else:
                    answers.append(answer_again(entry, before.amount_minor, before.currency, _outcome(before)))
        return answers

    async def _give(self, refunds: Sequence[Refund]) -> list[str | SoukError]:
        async with self._store.unit() as unit:
            orders = await unit.get(SandboxOrder, [refund.order_id for refund in refunds])
            answers: list[str | SoukError] = []
            for refund in refunds:
                order = orders.get(refund.order_id) or SandboxOrder(order_id=refund.order_id)
                before = next((each for each in order.refunds if each.key == refund.refund_key), None)
                if before is not None:
                    answers.append(before.refund_id)
                elif (refusal := refuse_refund(refund, order.captured_minor, order.refunded_minor)) is not None:
                    answers.append(refusal)
                else:
                    given = SandboxRefund(refund.refund_key, f"sbr_{uuid7()}", refund.amount_minor)
                    orders[refund.order_id] = replace(order, refunds=(*order.refunds, given))
                    unit.put(orders[refund.order_id])
                    answers.append(given.refund_id)
        return answers


def _charge(entry: Entry) -> SandboxCharge:
    charge, outcome = entry.charge, entry.outcome
    payment_id = outcome.payment_id if isinstance(outcome, Captured) else ""
    declined = outcome.reason if isinstance(outcome, Declined) else None
    return SandboxCharge(charge.key, payment_id, charge.amount_minor, charge.currency, declined)


def _outcome(charge: SandboxCharge) -> Captured | Declined:
    if charge.declined is not None:
        return Declined(charge.declined)
    return Captured(charge.payment_id, charge.amount_minor)
