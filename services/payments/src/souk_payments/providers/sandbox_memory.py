"""The sandbox's books in memory, for unit tests and the simulation. They outlive the service's store in a test."""

from collections.abc import Sequence

from souk_chassis.errors import SoukError
from souk_chassis.ids import uuid7
from souk_payments.domain import Captured, Declined, Refund
from souk_payments.ports import ProviderBook
from souk_payments.providers.sandbox import Entry, answer_again, refuse_refund


class MemoryBooks:
    """See `souk_payments.providers.sandbox.SandboxBooks`."""

    def __init__(self) -> None:
        self.charges: dict[tuple[str, str], Entry] = {}
        """(order id, key) to the charge."""
        self.refunds: dict[tuple[str, str], tuple[str, int]] = {}
        """(order id, key) to the refund's id and amount."""

    async def enter(self, entries: Sequence[Entry]) -> Sequence[Captured | Declined | SoukError]:
        """See the protocol."""
        answers: list[Captured | Declined | SoukError] = []
        for entry in entries:
            before = self.charges.setdefault((entry.charge.order_id, entry.charge.key), entry)
            answers.append(entry.outcome if before is entry else answer_again(entry, before))
        return answers

    async def outcome(self, order_id: str) -> Captured | Declined | None:
        """See the protocol."""
        outcomes = [entry.outcome for (owner, _), entry in self.charges.items() if owner == order_id]
        captured = [outcome for outcome in outcomes if isinstance(outcome, Captured)]
        return (captured or outcomes or [None])[0]

    async def give(self, refunds: Sequence[Refund]) -> Sequence[str | SoukError]:
        """See the protocol."""
        answers: list[str | SoukError] = []
        for refund in refunds:
            key = (refund.order_id, refund.refund_key)
            if key not in self.refunds:
                refusal = refuse_refund(refund, self._captured(refund.order_id), self._refunded(refund.order_id))
                if refusal is not None:
                    answers.append(refusal)
                    continue
                self.refunds[key] = (f"sbr_{uuid7()}", refund.amount_minor)
            answers.append(self.refunds[key][0])
        return answers

    async def page(self, after_order_id: str, limit: int) -> Sequence[ProviderBook]:
        """See the protocol."""
        charges: dict[str, int] = {}
        for (order_id, _), entry in self.charges.items():
            if isinstance(entry.outcome, Captured) and order_id > after_order_id:
                charges[order_id] = charges.get(order_id, 0) + 1
        return [
            ProviderBook(order_id, self._captured(order_id), self._refunded(order_id), charges[order_id])
            for order_id in sorted(charges)[:limit]
        ]

    async def close(self) -> None:
        """See the protocol: there is nothing to release."""

    def _captured(self, order_id: str) -> int:
        outcomes = [entry.outcome for (owner, _), entry in self.charges.items() if owner == order_id]
        return sum(outcome.amount_minor for outcome in outcomes if isinstance(outcome, Captured))

    def _refunded(self, order_id: str) -> int:
        return sum(amount for (owner, _), (_, amount) in self.refunds.items() if owner == order_id)
