"""Refunds are decided in one place: under the payment's lock, never above what was captured, once a key.

Deciding publishes `RefundOwed`; the provider is asked later, outside any unit of work, when that event is heard.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from souk_contracts.payments import RefundOwed
from souk_payments.domain import Payment, Refund, refund_due
from souk_payments.ports import PaymentUnit


@dataclass(frozen=True, slots=True)
class Wish:
    """A refund that is wanted: `wanted_minor` of the order's money, or all that is left (None)."""

    order_id: str
    refund_key: str
    wanted_minor: int | None
    traceparent: str


async def owe_refunds(unit: PaymentUnit, wishes: Sequence[Wish], locked: Mapping[str, Payment]) -> list[Refund]:
    """Decide, store and announce these refunds; returns those that are new. `locked` are the orders' payments."""
    payments = dict(locked)
    candidates = [wish for wish in wishes if refund_due(payments[wish.order_id], wish.wanted_minor) > 0]
    if not candidates:
        return []
    known = await unit.known_refunds({wish.refund_key for wish in candidates})
    owed: list[Refund] = []
    for wish in candidates:
        payment = payments[wish.order_id]
        due_minor = refund_due(payment, wish.wanted_minor)
        if due_minor == 0 or wish.refund_key in known or payment.payment_id is None:
            continue
        known.add(wish.refund_key)
        payments[wish.order_id] = replace(payment, owed_minor=payment.owed_minor + due_minor)
        owed.append(Refund(wish.refund_key, wish.order_id, payment.payment_id, due_minor, payment.currency))
        unit.publish(
            RefundOwed(
                order_id=wish.order_id,
                refund_key=wish.refund_key,
                payment_id=payment.payment_id,
                amount_minor=due_minor,
                currency=payment.currency,
            ),
            wish.traceparent,
        )
    if owed:
        await unit.owe(owed)
    return owed
