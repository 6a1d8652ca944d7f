"""The payments store in memory, for unit tests and the simulation."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from souk_chassis.clock import Clock
from souk_chassis.storage.memory import MemoryDatabase, MemoryUnit
from souk_payments.domain import Payment, PaymentState, Refund, given_back
from souk_payments.ports import Checkpoint, Recorded


class MemoryPaymentUnit(MemoryUnit):
    """See `souk_payments.ports.PaymentUnit`."""

    async def record(self, payments: Sequence[Payment]) -> Recorded:
        """See the port."""
        fresh, late = set(), []
        for payment in payments:
            stored: Payment | None = self.get("payments", payment.order_id)
            if stored is None:
                self.put("payments", payment.order_id, replace(payment, created_at=self.clock.now()))
                fresh.add(payment.order_id)
            elif stored.awaits_charge and payment.payment_id is not None:
                charged = replace(
                    stored,
                    payment_id=payment.payment_id,
                    captured_minor=payment.captured_minor,
                    method=payment.method,
                )
                self.put("payments", payment.order_id, charged)
                late.append(charged)
        return Recorded(frozenset(fresh), late)

    async def cancel(self, cancelled: Sequence[Payment]) -> None:
        """See the port."""
        for payment in cancelled:
            if self.get("payments", payment.order_id) is None:
                self.put("payments", payment.order_id, replace(payment, created_at=self.clock.now()))

    async def lock(self, order_ids: Collection[str]) -> dict[str, Payment]:
        """See the port."""
        found = {order_id: self.get("payments", order_id) for order_id in sorted(order_ids)}
        return {order_id: payment for order_id, payment in found.items() if payment is not None}

    async def known_refunds(self, refund_keys: Collection[str]) -> set[str]:
        """See the port."""
        return {key for key in refund_keys if self.get("refunds", key) is not None}

    async def owe(self, refunds: Sequence[Refund]) -> None:
        """See the port."""
        for refund in refunds:
            payment: Payment = self.get("payments", refund.order_id)
            self.put("refunds", refund.refund_key, refund)
            owed_minor = payment.owed_minor + refund.amount_minor
            self.put("payments", refund.order_id, replace(payment, owed_minor=owed_minor))

    async def give(self, refund_ids: Mapping[str, str]) -> Sequence[Refund]:
        """See the port."""
        given = []
        for key, refund_id in refund_ids.items():
            stored: Refund | None = self.get("refunds", key)
            if stored is not None and stored.refund_id is None:
                done = replace(stored, refund_id=refund_id)
                self.put("refunds", key, done)
                payment: Payment = self.get("payments", done.order_id)
                self.put("payments", done.order_id, given_back(payment, done.amount_minor))
                given.append(done)
        return given

    async def say_again(self, asked_by: Mapping[str, str]) -> Sequence[Payment]:
        """See the port."""
        told = []
        for order_id, event_id in asked_by.items():
            payment: Payment | None = self.get("payments", order_id)
            if payment is not None and (self.get("said_to", order_id) or "") < event_id:
                self.put("said_to", order_id, event_id)
                told.append(payment)
        return told

    async def advance(self, seen: Checkpoint | None, to: Checkpoint) -> bool:
        """See the port."""
        if self.get("reconciler", "checkpoint") != seen:
            return False
        self.put("reconciler", "checkpoint", to)
        return True

    async def keep(self, order_ids: Sequence[str], due_at: datetime) -> None:
        """See the port."""
        for order_id in order_ids:
            self.put("kept", order_id, due_at)

    async def forget(self, order_ids: Sequence[str]) -> None:
        """See the port."""
        for order_id in order_ids:
            self.delete("kept", order_id)


class MemoryPaymentStore(MemoryDatabase[MemoryPaymentUnit]):
    """See `souk_payments.ports.PaymentStore`."""

    def __init__(self, clock: Clock) -> None:
        super().__init__("payments", clock, MemoryPaymentUnit)

    async def states(self, order_ids: Collection[str]) -> Mapping[str, PaymentState]:
        """See the port."""
        await self.ping()
        payments = self.tables["payments"]
        return {order_id: payments[order_id].state for order_id in order_ids if order_id in payments}

    async def refunds(self, refund_keys: Collection[str]) -> Mapping[str, Refund]:
        """See the port."""
        await self.ping()
        refunds = self.tables["refunds"]
        return {key: refunds[key] for key in refund_keys if key in refunds}

    async def page(self, after_order_id: str, limit: int) -> Sequence[Payment]:
        """See the port."""
        await self.ping()
        payments = self.tables["payments"]
        return [payments[order_id] for order_id in sorted(payments) if order_id > after_order_id][:limit]

    async def checkpoint(self) -> Checkpoint | None:
        """See the port."""
        await self.ping()
        seen: Checkpoint | None = self.tables["reconciler"].get("checkpoint")
        return seen

    async def captured_after(self, seen: Checkpoint | None, before: datetime, limit: int) -> Sequence[Payment]:
        """See the port."""
        await self.ping()
        due: list[tuple[Checkpoint, Payment]] = []
        for payment in self.tables["payments"].values():
            if payment.state is PaymentState.CAPTURED and payment.created_at < before:
                at = Checkpoint(payment.created_at, payment.order_id)
                if seen is None or at > seen:
                    due.append((at, payment))
        return [payment for _, payment in sorted(due, key=lambda pair: pair[0])[:limit]]

    async def kept(self, now: datetime, limit: int) -> Sequence[Payment]:
        """See the port."""
        await self.ping()
        due = sorted((due_at, order_id) for order_id, due_at in self.tables["kept"].items() if due_at <= now)
        return [self.tables["payments"][order_id] for _, order_id in due[:limit]]
