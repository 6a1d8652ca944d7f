"""What the payments service needs: a store for its own records, and a provider that moves the money."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from souk_chassis.resilience import Pipeline
from souk_chassis.storage.ports import QueueBooks, Store, Unit
from souk_payments.domain import Captured, Charge, Declined, Payment, PaymentState, Refund


@dataclass(frozen=True, slots=True)
class Recorded:
    """What became of recorded charges: `fresh` are new; `late` came after a cancellation, and their money is owed."""

    fresh: frozenset[str]
    late: Sequence[Payment]


@dataclass(frozen=True, slots=True, order=True)
class Checkpoint:
    """How far the reconciler has come, in the order in which payments were made."""

    created_at: datetime
    order_id: str


class PaymentUnit(Unit, Protocol):
    """The writes of one unit of work, in batches."""

    async def record(self, payments: Sequence[Payment]) -> Recorded:
        """Store the outcomes of charges, one an order. An order that has a payment keeps it.

        A charge that was captured after its order was cancelled is added to what the cancellation left.
        """

    async def cancel(self, cancelled: Sequence[Payment]) -> None:
        """Store these cancellations where the order has no payment yet."""

    async def lock(self, order_ids: Collection[str]) -> dict[str, Payment]:
        """The payments of those orders that have one, locked until the unit ends."""

    async def known_refunds(self, refund_keys: Collection[str]) -> set[str]:
        """Which of these refunds are stored, done or not. The payments must be locked."""

    async def owe(self, refunds: Sequence[Refund]) -> None:
        """Store refunds that are to be done. The payments must be locked, and the keys new."""

    async def give(self, refund_ids: Mapping[str, str]) -> Sequence[Refund]:
        """Store that refunds were done: refund key to the provider's id. Returns those that were not done before."""

    async def say_again(self, asked_by: Mapping[str, str]) -> Sequence[Payment]:
        """The payments of these orders (order id to the id of the asking event) that this event has not had yet."""

    async def advance(self, seen: Checkpoint | None, to: Checkpoint) -> bool:
        """Move the reconciler's checkpoint. False where another process has moved it since it was `seen`."""

    async def keep(self, order_ids: Sequence[str], due_at: datetime) -> None:
        """Check these payments again at `due_at`."""

    async def forget(self, order_ids: Sequence[str]) -> None:
        """Check these payments no more."""


class PaymentStore(Store[PaymentUnit], Protocol):
    """The reads outside a unit of work."""

    async def states(self, order_ids: Collection[str]) -> Mapping[str, PaymentState]:
        """The states of those orders' payments that exist."""

    async def refunds(self, refund_keys: Collection[str]) -> Mapping[str, Refund]:
        """Those refunds that are stored."""

    async def page(self, after_order_id: str, limit: int) -> Sequence[Payment]:
        """Payments in the order of their order ids (C collation)."""

    async def checkpoint(self) -> Checkpoint | None:
        """How far the reconciler has come; None before its first round."""

    async def captured_after(self, seen: Checkpoint | None, before: datetime, limit: int) -> Sequence[Payment]:
        """Captured payments that were made after `seen` and before that time, in that order."""

    async def kept(self, now: datetime, limit: int) -> Sequence[Payment]:
        """Payments that are due to be checked again."""


@dataclass(frozen=True, slots=True)
class ProviderBook:
    """What a provider knows of one order. `charges` counts its captures."""

    order_id: str
    captured_minor: int
    refunded_minor: int
    charges: int


class PaymentProvider(Protocol):
    """Whoever moves the money. Every method raises SoukError: `unavailable` and `too_many` where nothing happened,
    `timeout_unknown` where it may have happened, `conflict` where the provider refuses for good."""

    async def charge(self, charge: Charge) -> Captured | Declined:
        """Authorise and capture. The same key gives the same answer, and charges once."""

    async def find(self, order_id: str) -> Captured | Declined | None:
        """What became of the order's charge. None: the provider knows of none, and a repeat with the same key is safe.

        Raises `timeout_unknown` where a charge is still under way.
        """

    async def refund(self, refund: Refund) -> str:
        """Give money back; returns the refund's id. The same key gives the same answer, and refunds once.

        Raises `conflict` for more than was captured.
        """

    async def books(self, after_order_id: str, limit: int) -> Sequence[ProviderBook] | None:
        """Captured and refunded money by order, in the order of their ids (C collation). None: it keeps no books."""

    async def close(self) -> None:
        """Release connections."""


@dataclass(frozen=True, slots=True)
class Payments:
    """The service's dependencies. All calls of the provider go through the pipeline."""

    store: PaymentStore
    queues: QueueBooks
    provider: PaymentProvider
    pipeline: Pipeline
