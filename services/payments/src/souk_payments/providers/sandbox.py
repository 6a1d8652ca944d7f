"""A payment provider of our own, for development and trials: it charges nobody, keeps books, and fails on demand.

The payment method decides what happens. The books stand for an outside system's: they survive a crash of the service,
and are written in commits of their own.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, Protocol

from souk_chassis.errors import SoukError, conflict, timeout_unknown
from souk_chassis.ids import uuid7
from souk_chassis.storage.group_commit import GroupCommit
from souk_payments.domain import Captured, Charge, Declined
from souk_payments.ports import ProviderBook
from souk_payments.records import Refund

SLOW_S = 1.0
"""How long `tok_slow` takes."""
BATCH = 256
"""Charges in one commit."""
KeyReused = "key_reused"
"""The code where a key comes again with another amount or currency."""


@dataclass(frozen=True, slots=True)
class Behaviour:
    """What a payment method does. `lost_requests` never arrive; with `loses_answer` the answer is lost."""

    declined: str | None = None
    delay_s: float = 0.0
    loses_answer: bool = False
    lost_requests: int = 0


BEHAVIOURS: Final = MappingProxyType(
    {
        "tok_ok": Behaviour(),
        "tok_declined": Behaviour(declined="card_declined"),
        "tok_insufficient_funds": Behaviour(declined="insufficient_funds"),
        "tok_slow": Behaviour(delay_s=SLOW_S),
        "tok_lost_answer": Behaviour(loses_answer=True),
        "tok_lost_request": Behaviour(lost_requests=2),
    }
)
UNKNOWN_METHOD: Final = Behaviour(declined="unknown_payment_method")


@dataclass(frozen=True, slots=True)
class Entry:
    """A charge as it goes into the books, with its answer."""

    charge: Charge
    outcome: Captured | Declined


class Books(Protocol):
    """Where the sandbox keeps what it did (`sandbox_books`). Each call is a unit of work, or several, of its own."""

    async def enter(self, entries: Sequence[Entry]) -> Sequence[Captured | Declined | SoukError]:
        """Write down charges. A key that is known gets the answer that it got before."""

    async def outcome(self, order_id: str) -> Captured | Declined | None:
        """What became of the order's charge; a captured one comes before a declined one."""

    async def give(self, refunds: Sequence[Refund]) -> Sequence[str | SoukError]:
        """Write down refunds, within what was captured. A key that is known gets the id that it got before."""

    async def page(self, after_order_id: str, limit: int) -> Sequence[ProviderBook]:
        """Orders with a capture, by order id."""


class Sandbox:
    """See `souk_payments.ports.PaymentProvider`."""

    def __init__(self, books: Books, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep) -> None:
        self._books = books
        self._sleep = sleep
        self._charges: GroupCommit[Entry, Captured | Declined] = GroupCommit(books.enter, max_batch=BATCH)
        self._refunds: GroupCommit[Refund, str] = GroupCommit(books.give, max_batch=BATCH)
        self._lost: dict[str, int] = {}
        """How many requests of a key were lost so far."""

    async def charge(self, charge: Charge) -> Captured | Declined:
        """See the port."""
        behaviour = BEHAVIOURS.get(charge.method, UNKNOWN_METHOD)
        if behaviour.lost_requests:
            self._lose_request(charge, behaviour.lost_requests)
        if behaviour.delay_s:
            await self._sleep(behaviour.delay_s)  # before the line of the group commit: it holds up nobody else
        outcome = (
            Declined(behaviour.declined)
            if behaviour.declined is not None
            else Captured(f"sbx_{uuid7()}", charge.amount_minor)
        )
        answer = await self._charges(Entry(charge, outcome))
        if behaviour.loses_answer:
            raise timeout_unknown("connection_lost", "The connection was lost before an answer came.")
        return answer

    def _lose_request(self, charge: Charge, times: int) -> None:
        lost = self._lost.get(charge.key, 0)
        if lost < times:
            self._lost[charge.key] = lost + 1
            raise timeout_unknown("connection_lost", "The connection was lost before an answer came.")
        # What is forgotten here is lost anew if the key comes again; its answer stands in the books by then.
        self._lost.pop(charge.key, None)

    async def find(self, order_id: str) -> Captured | Declined | None:
        """See the port."""
        return await self._books.outcome(order_id)

    async def refund(self, refund: Refund) -> str:
        """See the port."""
        return await self._refunds(refund)

    async def books(self, after_order_id: str, limit: int) -> Sequence[ProviderBook]:
        """See the port."""
        return await self._books.page(after_order_id, limit)

    async def close(self) -> None:
        """See the port."""
        await self._charges.close()
        await self._refunds.close()


def answer_again(
    entry: Entry, amount_minor: int, currency: str, outcome: Captured | Declined
) -> Captured | Declined | SoukError:
    """The answer to a charge whose key is in the books already, with this amount and outcome."""
    if (amount_minor, currency) != (entry.charge.amount_minor, entry.charge.currency):
        return conflict(KeyReused, "This key was used for another amount.")
    return outcome


def refuse_refund(refund: Refund, captured_minor: int, refunded_minor: int) -> SoukError | None:
    """Why a refund can't be: it would be more than was captured. None if it can."""
    if refunded_minor + refund.amount_minor <= captured_minor:
        return None
    return conflict("more_than_captured", f"Only {captured_minor - refunded_minor} of {captured_minor} is left.")
