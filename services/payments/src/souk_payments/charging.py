"""Asking the provider: charges and refunds, many at once, each through the pipeline.

An answer that was lost is asked for and not guessed. A charge is repeated only where the provider knows of none.
"""

import asyncio
from collections.abc import Sequence
from datetime import datetime

from souk_chassis.context import Context
from souk_chassis.errors import ErrorKind, SoukError, timeout_unknown
from souk_chassis.events.event import Delivery
from souk_chassis.resilience import Deadline
from souk_contracts.payments import RefundOwed
from souk_contracts.products import StockReserved
from souk_payments.domain import FREE, Captured, Charge, Declined
from souk_payments.ports import Payments
from souk_payments.records import Payment, PaymentState, Refund

KEY_TRUSTED_S = 3600.0
"""How long an idempotency key alone keeps a repeat from charging twice, in seconds: providers forget keys (Stripe after
24 hours), so for older events, such as dead letters that are tried again, the provider is asked first."""

ASK_S = 20.0
"""How long a batch is asked about, in seconds: less than the worker gives it, so that each event gets its answer."""

Answer = Captured | Declined | SoukError | None
"""What became of one delivery's charge. None: there was nothing to be asked."""


def charge_for(event: StockReserved) -> Charge:
    """The charge of a reserved order. Its key is the order's id: one charge an order."""
    return Charge(event.order_id, event.order_id, event.total_minor, event.currency, event.payment_method)


async def charge_reserved(ctx: Context[Payments], deliveries: Sequence[Delivery[StockReserved]]) -> Sequence[Answer]:
    """Charge those orders that have no payment yet, all at once. One answer a delivery.

    An order that was cancelled is never charged, but it may have been: a worker can die between the charge and its
    record, and the cancellation come before the event does again. So the provider is asked.
    """
    known = await ctx.get(Payment, {delivery.data.order_id for delivery in deliveries})
    asked: dict[str, Delivery[StockReserved]] = {}
    for delivery in deliveries:
        payment = known.get(delivery.data.order_id)
        if payment is None or payment.state is PaymentState.CANCELLED:
            asked.setdefault(delivery.data.order_id, delivery)
    deadline = Deadline.after(ASK_S, ctx.clock)
    answers = await asyncio.gather(
        *(_charge(ctx, delivery, deadline, cancelled=order_id in known) for order_id, delivery in asked.items())
    )
    by_order = dict(zip(asked, answers, strict=True))
    return [by_order.get(delivery.data.order_id) for delivery in deliveries]


async def _charge(
    ctx: Context[Payments], delivery: Delivery[StockReserved], deadline: Deadline, *, cancelled: bool
) -> Answer:
    charge = charge_for(delivery.data)
    if charge.amount_minor == 0:
        return None if cancelled else Captured(FREE, 0)
    try:
        if cancelled:
            found = await _find(ctx.deps, charge.order_id, deadline)
            return found if isinstance(found, Captured) else None
        if may_have_happened(delivery, ctx.now):
            earlier = await _find(ctx.deps, charge.order_id, deadline)
            if earlier is not None:
                return earlier
        return await _charge_or_ask(ctx.deps, charge, deadline)
    except SoukError as error:
        if error.kind is ErrorKind.INVALID:  # refused for what the charge says: it would be refused again
            ctx.log.warning("charge refused", delivery.traceparent, orderId=charge.order_id, code=error.code)
            return Declined(error.code)
        return error
    except Exception as error:  # noqa: BLE001 - one order's trouble must not hold up the whole batch
        ctx.log.error("charge failed", delivery.traceparent, error, orderId=charge.order_id)
        return timeout_unknown("charge_failed", f"The charge failed: {error!r}.")


async def _charge_or_ask(deps: Payments, charge: Charge, deadline: Deadline) -> Captured | Declined:
    # Not idempotent for the pipeline: after a lost answer the provider is asked before anything is sent again.
    try:
        return await deps.pipeline.call(lambda _: deps.provider.charge(charge), deadline=deadline, idempotent=False)
    except SoukError as error:
        if error.kind is not ErrorKind.TIMEOUT_UNKNOWN:
            raise
    found = await _find(deps, charge.order_id, deadline)
    if found is not None:
        return found
    return await deps.pipeline.call(lambda _: deps.provider.charge(charge), deadline=deadline, idempotent=False)


async def _find(deps: Payments, order_id: str, deadline: Deadline) -> Captured | Declined | None:
    return await deps.pipeline.call(lambda _: deps.provider.find(order_id), deadline=deadline, idempotent=True)


def may_have_happened(delivery: Delivery[StockReserved], now: datetime) -> bool:
    """Whether an earlier delivery of this event may have charged, longer ago than a key is trusted for."""
    if delivery.attempt > 1:
        return True
    try:
        made_s = int(delivery.event_id.replace("-", "")[:12], 16) / 1000  # RFC 9562: a UUIDv7 begins with its time
    except ValueError:
        return True
    return now.timestamp() - made_s > KEY_TRUSTED_S


async def give_refunds(
    ctx: Context[Payments], deliveries: Sequence[Delivery[RefundOwed]]
) -> Sequence[str | SoukError | None]:
    """Do those refunds that are not done yet, all at once. One refund id, error or None (done before) a delivery."""
    stored = await ctx.get(Refund, {delivery.data.refund_key for delivery in deliveries})
    asked: dict[str, Delivery[RefundOwed]] = {}
    for delivery in deliveries:
        refund = stored.get(delivery.data.refund_key)
        if refund is not None and refund.refund_id is None:
            asked.setdefault(refund.refund_key, delivery)
    deadline = Deadline.after(ASK_S, ctx.clock)
    answers = await asyncio.gather(*(_refund(ctx, stored[key], delivery, deadline) for key, delivery in asked.items()))
    by_key = dict(zip(asked, answers, strict=True))
    return [by_key.get(delivery.data.refund_key) for delivery in deliveries]


async def _refund(
    ctx: Context[Payments], refund: Refund, delivery: Delivery[RefundOwed], deadline: Deadline
) -> str | SoukError:
    deps = ctx.deps
    try:
        return await deps.pipeline.call(lambda _: deps.provider.refund(refund), deadline=deadline, idempotent=True)
    except SoukError as error:
        return error
    except Exception as error:  # noqa: BLE001 - as above
        ctx.log.error("refund failed", delivery.traceparent, error, orderId=refund.order_id)
        return timeout_unknown("refund_failed", f"The refund failed: {error!r}.")
