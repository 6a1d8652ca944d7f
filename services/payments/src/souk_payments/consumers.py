"""The event handlers: what each event does to the payments. All of them take batches, and can be run twice."""

from collections.abc import Sequence
from typing import Any

from msgspec.structs import replace

from souk_chassis.context import Context
from souk_chassis.errors import conflict
from souk_chassis.events.event import Delivery
from souk_chassis.storage.records import RecordUnit
from souk_contracts.orders import OrderCancelled, OrderOverdue, OrderReturned
from souk_contracts.payments import PaymentCaptured, PaymentDeclined, PaymentEvent, PaymentRefunded, RefundOwed
from souk_contracts.products import StockReserved
from souk_payments.charging import Answer, charge_for
from souk_payments.domain import (
    Captured,
    Declined,
    cancel_key,
    charged_late,
    given_back,
    outcome_of,
    return_key,
)
from souk_payments.ports import Payments
from souk_payments.records import Payment, PaymentState, Refund
from souk_payments.refunds import Wish, owe_refunds


def outcome_event(payment: Payment) -> PaymentEvent | None:
    """The event that tells a payment's outcome; None where there is nothing to tell any more."""
    if payment.state is PaymentState.CAPTURED and payment.payment_id is not None:
        return PaymentCaptured(
            order_id=payment.order_id, payment_id=payment.payment_id, amount_minor=payment.captured_minor
        )
    if payment.state is PaymentState.DECLINED:
        return PaymentDeclined(order_id=payment.order_id, reason=payment.reason or "declined")
    return None


async def record_charges(
    ctx: Context[Payments],
    unit: RecordUnit,
    deliveries: Sequence[Delivery[StockReserved]],
    answers: Sequence[Answer],
) -> None:
    """On StockReserved, after the provider was asked: store and publish the outcome.

    Money that came in after the order was cancelled is owed at once.
    """
    payments: dict[str, Payment] = {}
    traces: dict[str, str] = {}
    for delivery, answer in zip(deliveries, answers, strict=True):
        if isinstance(answer, Captured | Declined):
            order_id = delivery.data.order_id
            payments[order_id] = outcome_of(charge_for(delivery.data), answer, ctx.now)
            traces[order_id] = delivery.traceparent
    fresh = await unit.add(list(payments.values()))
    for order_id in fresh:
        event = outcome_event(payments[order_id])
        if event is not None:
            unit.publish(event, traces[order_id])
            _log_outcome(ctx, payments[order_id], traces[order_id])
    known = await unit.get(Payment, payments.keys() - fresh)
    late = {
        order_id: charged_late(stored, payments[order_id])
        for order_id, stored in known.items()
        if stored.awaits_charge and payments[order_id].payment_id is not None
    }
    unit.put(*late.values())
    wishes = [Wish(order_id, cancel_key(order_id), None, traces[order_id]) for order_id in late]
    await owe_refunds(unit, wishes, late)
    for order_id in late:
        ctx.log.warning("charged after cancellation", traces[order_id], orderId=order_id)


def _log_outcome(ctx: Context[Payments], payment: Payment, traceparent: str) -> None:
    if payment.state is PaymentState.CAPTURED:
        ctx.log.info("payment captured", traceparent, orderId=payment.order_id, amountMinor=payment.captured_minor)
    else:
        ctx.log.info("payment declined", traceparent, orderId=payment.order_id, reason=payment.reason)


async def cancel_payments(
    ctx: Context[Payments], unit: RecordUnit, deliveries: Sequence[Delivery[OrderCancelled]]
) -> None:
    """On OrderCancelled: all that was captured is owed. An order that was not charged yet never will be."""
    events = {delivery.data.order_id: delivery for delivery in deliveries}
    cancelled = [
        Payment(
            order_id=order_id,
            state=PaymentState.CANCELLED,
            currency=delivery.data.currency,
            created_at=ctx.now,
            reason=delivery.data.reason,
        )
        for order_id, delivery in events.items()
    ]
    fresh = await unit.add(cancelled)
    locked = await unit.get(Payment, events.keys() - fresh)
    wishes = [Wish(order_id, cancel_key(order_id), None, events[order_id].traceparent) for order_id in sorted(locked)]
    for refund in await owe_refunds(unit, wishes, locked):
        trace = events[refund.order_id].traceparent
        ctx.log.info("refund owed", trace, orderId=refund.order_id, amountMinor=refund.amount_minor)


async def refund_returns(
    ctx: Context[Payments], unit: RecordUnit, deliveries: Sequence[Delivery[OrderReturned]]
) -> None:
    """On OrderReturned: the returned items' price is owed, and never more than is left of what was captured.

    Raises SoukError `conflict` for an order of which no payment is known.
    """
    locked = await unit.get(Payment, {delivery.data.order_id for delivery in deliveries})
    wishes, traces = [], {}
    for delivery in deliveries:
        returned = delivery.data
        if returned.order_id not in locked:
            raise conflict("nothing_captured", f"Order {returned.order_id} was returned, and never paid.")
        key = return_key(returned.return_id)
        traces[key] = delivery.traceparent
        wishes.append(Wish(returned.order_id, key, returned.amount_minor, delivery.traceparent))
    for refund in await owe_refunds(unit, wishes, locked):
        trace = traces[refund.refund_key]
        ctx.log.info("refund owed", trace, orderId=refund.order_id, amountMinor=refund.amount_minor)


async def say_outcomes_again(
    ctx: Context[Payments], unit: RecordUnit, deliveries: Sequence[Delivery[OrderOverdue]]
) -> None:
    """On OrderOverdue: tell the outcome again, if there is one."""
    asking = {delivery.data.order_id: delivery for delivery in deliveries}
    for order_id, payment in (await unit.get(Payment, asking)).items():
        asked = asking[order_id]
        if payment.told_to is not None and payment.told_to >= asked.event_id:
            continue
        unit.put(replace(payment, told_to=asked.event_id))
        event = outcome_event(payment)
        if event is not None:
            unit.publish(event, asked.traceparent)
            ctx.log.info("payment told again", asked.traceparent, orderId=order_id, state=payment.state)


async def record_refunds(
    ctx: Context[Payments], unit: RecordUnit, deliveries: Sequence[Delivery[RefundOwed]], answers: Sequence[Any]
) -> None:
    """On RefundOwed, after the provider was asked: store and publish what was given back."""
    given = {
        delivery.data.refund_key: (refund_id, delivery)
        for delivery, refund_id in zip(deliveries, answers, strict=True)
        if refund_id is not None
    }
    # Payments before refunds, as everywhere: two handlers never wait for each other in a circle.
    payments = await unit.get(Payment, {delivery.data.order_id for _, delivery in given.values()})
    for key, refund in (await unit.get(Refund, given)).items():
        refund_id, delivery = given[key]
        if refund.refund_id is not None:
            continue
        payments[refund.order_id] = given_back(payments[refund.order_id], refund.amount_minor)
        unit.put(replace(refund, refund_id=refund_id), payments[refund.order_id])
        told = PaymentRefunded(order_id=refund.order_id, refund_id=refund_id, amount_minor=refund.amount_minor)
        unit.publish(told, delivery.traceparent)
        amount_minor = refund.amount_minor
        ctx.log.info("payment refunded", delivery.traceparent, orderId=refund.order_id, amountMinor=amount_minor)
