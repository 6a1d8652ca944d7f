"""Refunds are decided in one place: on the payment as it is locked, never above what was captured, once a key.

Deciding publishes `RefundOwed`; the provider is asked later, outside any unit of work, when that event is heard.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from msgspec.structs import replace

from souk_chassis.storage.records import RecordUnit
from souk_contracts.payments import RefundOwed
from souk_payments.domain import refund_due
from souk_payments.records import Payment, Refund


@dataclass(frozen=True, slots=True)
class Wish:
    """A refund that is wanted: `wanted_minor` of the order's money, or all that is left (None)."""

    order_id: str
    refund_key: str
    wanted_minor: int | None
    traceparent: str


async def owe_refunds(unit: RecordUnit, wishes: Sequence[Wish], locked: Mapping[str, Payment]) -> list[Refund]:
    """Decide, store and announce these refunds; returns those that are new. `locked` are the orders' payments, as this
    unit has read or left them."""
    payments = dict(locked)
    candidates = [wish for wish in wishes if refund_due(payments[wish.order_id], wish.wanted_minor) > 0]
    if not candidates:
        return []
    known = set(await unit.get(Refund, [wish.refund_key for wish in candidates]))
    owed: list[Refund] = []
    for wish in candidates:
        payment = payments[wish.order_id]
        due_minor = refund_due(payment, wish.wanted_minor)
        if due_minor == 0 or wish.refund_key in known or payment.payment_id is None:
            continue
        known.add(wish.refund_key)
        payments[wish.order_id] = replace(payment, owed_minor=payment.owed_minor + due_minor)
        refund = Refund(
            refund_key=wish.refund_key,
            order_id=wish.order_id,
            payment_id=payment.payment_id,
            amount_minor=due_minor,
            currency=payment.currency,
        )
        owed.append(refund)
        unit.put(refund, payments[wish.order_id])
        unit.publish(
            RefundOwed(
                order_id=refund.order_id,
                refund_key=refund.refund_key,
                payment_id=refund.payment_id,
                amount_minor=refund.amount_minor,
                currency=refund.currency,
            ),
            wish.traceparent,
        )
    return owed
