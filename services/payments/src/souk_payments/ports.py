"""What the payments service needs beside its records: a provider that moves the money."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from souk_chassis.resilience import Pipeline
from souk_chassis.storage.ports import QueueBooks
from souk_chassis.storage.records import RecordStore
from souk_payments.domain import Captured, Charge, Declined
from souk_payments.records import Refund


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

    store: RecordStore
    queues: QueueBooks
    provider: PaymentProvider
    pipeline: Pipeline
