"""A unit of work of the payments service on DynamoDB: what it has read, what it will write, and in which transactions.

What befalls one order, its payment, its refunds and the events that tell of them, is in one transaction, always: so
whoever finds a payment or a refund that he did not make knows that its event is in the outbox. A unit of many orders
is one transaction while it fits, else several, and where one fails, those before it are kept. What says that something
was heard or compared, the inbox and the reconciler's checkpoint, comes last. So a repeat, by the same delivery or by
another process, does what is left and tells nothing twice:

- `record`: a payment kept before is not `fresh` now, and its event was written with it. A late charge that was kept
  awaits no charge now, and its refund was owed with it.
- `cancel`, `owe`: a payment or a cancellation that is there stays, and a refund that is known is not owed again.
- `give`: a refund that was done before is not returned, and `PaymentRefunded` was written with it.
- `say_again`: the asking event is kept with the payment, together with the answer.
- `advance`, `keep`, `forget`: a round of the reconciler that did not move its checkpoint is done again, by whoever
  comes next. What it owed is known by then. It tells waiting orders their outcome once more, which changes nothing
  there; the same holds for two processes in one round, of which the second collides in the end.

An order with more refunds in one unit than a transaction holds is kept in several, each refund with its event and with
its part of what the payment owes.
"""

import random
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from souk_chassis.clock import Clock
from souk_chassis.events.event import Event
from souk_chassis.storage.collisions import CollisionError
from souk_chassis.storage.dynamodb.database import DynamoUnit
from souk_chassis.storage.dynamodb.tables import Tables
from souk_chassis.storage.dynamodb.values import Row
from souk_contracts.payments import PaymentRefunded, RefundOwed
from souk_payments.domain import Payment, Refund, given_back
from souk_payments.ports import Checkpoint, Recorded
from souk_payments.storage.dynamodb_pieces import Step, packed
from souk_payments.storage.dynamodb_rows import (
    CHECKPOINT,
    changed_row,
    checked_row,
    checkpoint_of,
    checkpoint_write,
    payment_of,
    payment_row,
    payment_write,
    refund_of,
    refund_row,
    refund_write,
)
from souk_payments.tables import EVENTS, PAYMENTS, REFUNDS


class DynamoPaymentUnit(DynamoUnit):
    """See `souk_payments.ports.PaymentUnit`."""

    def __init__(self, tables: Tables, clock: Clock, dice: random.Random) -> None:
        super().__init__(tables, EVENTS, "payments", clock, dice)
        self._stored: dict[str, Row | None] = {}
        """Payments' items as they are in the table, by order."""
        self._payments: dict[str, Row | None] = {}
        """The same as they are for this unit."""
        self._stored_refunds: dict[str, Row | None] = {}
        self._refunds: dict[str, Row | None] = {}
        self._steps: dict[str, list[Step]] = {}
        self._tells: list[str | None] = []
        """Of each published event, the refund key or the refund's id that it tells of."""
        self._checkpoint_read = False
        self._checkpoint: Row | None = None
        self._advanced: Checkpoint | None = None

    # --- the port

    def publish(self, event: Event, traceparent: str) -> None:
        """See `DynamoUnit`."""
        super().publish(event, traceparent)
        owed = event.refund_key if isinstance(event, RefundOwed) else None
        self._tells.append(event.refund_id if isinstance(event, PaymentRefunded) else owed)

    async def record(self, payments: Sequence[Payment]) -> Recorded:
        """See the port."""
        await self._read([payment.order_id for payment in payments])
        fresh, late = set(), []
        for payment in payments:
            row = self._payments[payment.order_id]
            if row is None:
                self._make(payment)
                fresh.add(payment.order_id)
                continue
            stored = payment_of(row)
            if stored.awaits_charge and payment.payment_id is not None:
                captured_minor = payment.captured_minor
                charged = replace(
                    stored, payment_id=payment.payment_id, captured_minor=captured_minor, method=payment.method
                )
                self._change(row, charged)
                late.append(charged)
        return Recorded(frozenset(fresh), late)

    async def cancel(self, cancelled: Sequence[Payment]) -> None:
        """See the port."""
        await self._read([payment.order_id for payment in cancelled])
        for payment in cancelled:
            if self._payments[payment.order_id] is None:
                self._make(payment)

    async def lock(self, order_ids: Collection[str]) -> dict[str, Payment]:
        """See the port. Nothing is locked: a payment that is changed must be at the end as it was read."""
        await self._read(order_ids)
        return {order_id: payment_of(row) for order_id, row in self._found(order_ids)}

    async def known_refunds(self, refund_keys: Collection[str]) -> set[str]:
        """See the port."""
        await self._read_refunds(refund_keys)
        return {key for key in refund_keys if self._refunds[key] is not None}

    async def owe(self, refunds: Sequence[Refund]) -> None:
        """See the port. Raises RuntimeError for more than was captured, and without a payment."""
        await self._read([refund.order_id for refund in refunds])
        for refund in refunds:
            row = self._payments[refund.order_id]
            payment = None if row is None else payment_of(row)
            if row is None or payment is None or payment.owed_minor + refund.amount_minor > payment.captured_minor:
                raise RuntimeError(f"{refund.refund_key} is more than was captured of {refund.order_id}")
            owed = replace(payment, owed_minor=payment.owed_minor + refund.amount_minor)
            self._change(row, owed, refund_row(refund, self.clock.now()))

    async def give(self, refund_ids: Mapping[str, str]) -> Sequence[Refund]:
        """See the port."""
        await self._read_refunds(refund_ids)
        waiting = {key: row for key in refund_ids if (row := self._refunds[key]) is not None and "refundId" not in row}
        await self._read([row["orderId"] for row in waiting.values()])
        given = []
        for key, row in waiting.items():
            payment = self._payments[row["orderId"]]
            if payment is None:
                raise RuntimeError(f"{key} is a refund of no payment")
            done = row | {"refundId": refund_ids[key]}
            self._change(payment, await self._given_back(payment, row), done)
            given.append(refund_of(done))
        return given

    async def say_again(self, asked_by: Mapping[str, str]) -> Sequence[Payment]:
        """See the port."""
        await self._read(asked_by)
        told = []
        for order_id, row in self._found(asked_by):
            if row.get("saidTo", "") < asked_by[order_id]:
                payment = payment_of(row)
                self._change(row | {"saidTo": asked_by[order_id]}, payment)
                told.append(payment)
        return told

    async def advance(self, seen: Checkpoint | None, to: Checkpoint) -> bool:
        """See the port. Raises CollisionError at the end of the unit where another moves it meanwhile."""
        if not self._checkpoint_read:
            self._checkpoint = await self.tables.get(PAYMENTS, CHECKPOINT)
            self._checkpoint_read = True
        stored = None if self._checkpoint is None else checkpoint_of(self._checkpoint)
        if (self._advanced or stored) != seen:
            return False
        self._advanced = to
        return True

    async def keep(self, order_ids: Sequence[str], due_at: datetime) -> None:
        """See the port."""
        await self._check_at(order_ids, due_at)

    async def forget(self, order_ids: Sequence[str]) -> None:
        """See the port."""
        await self._check_at(order_ids, None)

    async def commit(self) -> None:
        """See `DynamoUnit`, and the head of this module."""
        last = [] if self._advanced is None else [checkpoint_write(self._checkpoint, self._advanced)]
        groups = [*self._groups(), *([Step(other=write)] for write in [*last, *self.heard()])]
        for batch in packed(groups):
            await self._commit(batch)

    # --- reading

    async def _read(self, order_ids: Iterable[str]) -> None:
        missing = [order_id for order_id in dict.fromkeys(order_ids) if order_id not in self._stored]
        rows = await self.tables.get_many(PAYMENTS, [(order_id,) for order_id in missing])
        for order_id in missing:
            self._stored[order_id] = self._payments[order_id] = rows.get((order_id,))

    async def _read_refunds(self, refund_keys: Iterable[str]) -> None:
        missing = [key for key in dict.fromkeys(refund_keys) if key not in self._refunds]
        rows = await self.tables.get_many(REFUNDS, [(key,) for key in missing])
        for key in missing:
            self._stored_refunds[key] = self._refunds[key] = rows.get((key,))

    async def _given_back(self, payment: Row, refund: Row) -> Payment:
        """Raises CollisionError where another gave it back after the refund was read, and before the payment."""
        try:
            return given_back(payment_of(payment), refund["amountMinor"])
        except ValueError as error:
            if await self.tables.get(REFUNDS, refund["refundKey"]) != refund:
                raise CollisionError from error
            raise

    def _found(self, order_ids: Iterable[str]) -> list[tuple[str, Row]]:
        rows = ((order_id, self._payments[order_id]) for order_id in order_ids)
        return [(order_id, row) for order_id, row in rows if row is not None]

    # --- staging

    def _make(self, payment: Payment) -> None:
        self._stage(Step(payment_row(payment, self.clock.now())))

    def _change(self, row: Row, payment: Payment, refund: Row | None = None) -> None:
        self._stage(Step(changed_row(row | {"version": row["version"] + 1}, payment), refund))

    async def _check_at(self, order_ids: Sequence[str], due_at: datetime | None) -> None:
        await self._read(order_ids)
        for _, row in self._found(order_ids):
            self._stage(Step(checked_row(row, due_at)))

    def _stage(self, step: Step) -> None:
        assert step.payment is not None  # noqa: S101 - all that is staged befalls a payment
        order_id = step.payment["orderId"]
        self._payments[order_id] = step.payment
        if step.refund is not None:
            self._refunds[step.refund["refundKey"]] = step.refund
        self._steps.setdefault(order_id, []).append(step)

    # --- writing

    def _groups(self) -> list[list[Step]]:
        """The steps by order, each with the events that tell of it."""
        refunds: dict[tuple[str, str | None], Step] = {}
        for order_id, steps in self._steps.items():
            for step in steps:
                row = step.refund or {}
                for name in row.keys() & {"refundKey", "refundId"}:
                    refunds.setdefault((order_id, row[name]), step)
        lone = []
        for (subject, stored), told in zip(self.published, self._tells, strict=True):
            own = refunds.get((subject, told)) or next(iter(self._steps.get(subject, ())), None)
            if own is None:
                lone.append([Step(events=[stored])])
            else:
                own.events.append(stored)
        return [*self._steps.values(), *lone]

    async def _commit(self, batch: Sequence[Step]) -> None:
        payments = {step.payment["orderId"]: step.payment for step in batch if step.payment}
        refunds = {step.refund["refundKey"]: step.refund for step in batch if step.refund}
        writes = [payment_write(self._stored[order_id], row) for order_id, row in payments.items()]
        writes += [refund_write(self._stored_refunds.get(key), row) for key, row in refunds.items()]
        writes += [step.other for step in batch]
        events = [event for step in batch for event in step.events]
        await self.transact([write for write in writes if write is not None], events)
        self._stored.update(payments)
        self._stored_refunds.update(refunds)
