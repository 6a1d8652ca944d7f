"""Mends what no step of the saga will: money that was taken for an order that is gone, or an outcome nobody heard.

Each captured payment is compared with its order once, ten minutes after it was made, in the order of making. Those
whose order still waits are told again, and looked at again in the next round.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

import msgspec

from souk_chassis.context import Context, internal_call
from souk_contracts.order_books import OrderStatesQuery
from souk_contracts.order_status import OPEN, UNDONE
from souk_contracts.orders import FindOrderStates
from souk_payments.consumers import outcome_event
from souk_payments.domain import Payment, cancel_key
from souk_payments.ports import Checkpoint, Payments, PaymentUnit
from souk_payments.refunds import Wish, owe_refunds

AGE = timedelta(minutes=10)
"""How old a payment is when its order must have heard of it."""
ROUND_S = 60.0
"""Seconds between rounds."""
BATCH = 500
"""Payments compared in one go."""
CALL_TIMEOUT_S = 30.0


@dataclass(frozen=True, slots=True)
class Compared:
    """A batch of payments by what their orders say."""

    waiting: list[Payment]
    gone: list[Payment]
    settled: list[Payment]


async def reconcile(ctx: Context[Payments]) -> int:
    """One round: what was kept, then what has come of age. Returns how many payments were compared.

    Raises SoukError where the orders can't be asked; the next round begins where this one ended.
    """
    compared = await _look_again(ctx)
    while batch := await _next_batch(ctx):
        compared += batch
    return compared


async def _look_again(ctx: Context[Payments]) -> int:
    kept = await ctx.deps.store.kept(ctx.now, BATCH)
    if kept:
        compared = await _compare(ctx, kept)
        async with ctx.deps.store.unit() as unit:
            await _mend(ctx, unit, compared)
            await unit.forget([payment.order_id for payment in (*compared.gone, *compared.settled)])
    return len(kept)


async def _next_batch(ctx: Context[Payments]) -> int:
    store = ctx.deps.store
    seen = await store.checkpoint()
    batch = await store.captured_after(seen, ctx.now - AGE, BATCH)
    if not batch:
        return 0
    compared = await _compare(ctx, batch)
    last = batch[-1]
    async with store.unit() as unit:
        # Another process may be at the same batch: the one that moves the checkpoint mends.
        if last.created_at is not None and await unit.advance(seen, Checkpoint(last.created_at, last.order_id)):
            await _mend(ctx, unit, compared)
    return len(batch)


async def _compare(ctx: Context[Payments], payments: Sequence[Payment]) -> Compared:
    # The loop's own context is as old as the process: its deadline has long passed.
    fresh = msgspec.structs.replace(ctx, call_info=internal_call(ctx.clock, CALL_TIMEOUT_S, ctx.service))
    query = OrderStatesQuery(order_ids=tuple(payment.order_id for payment in payments))
    answer = await fresh.call(FindOrderStates, query)
    states = {state.order_id: state.status for state in answer.items}
    compared = Compared([], [], [])
    for payment in payments:
        status = states.get(payment.order_id)
        if status in OPEN:
            compared.waiting.append(payment)
        elif status is None or status in UNDONE:  # None: there is no such order
            compared.gone.append(payment)
        else:
            compared.settled.append(payment)
    return compared


async def _mend(ctx: Context[Payments], unit: PaymentUnit, compared: Compared) -> None:
    if compared.waiting:
        for payment in compared.waiting:
            event = outcome_event(payment)
            if event is not None:
                unit.publish(event, ctx.traceparent)
                ctx.log.warning("payment told again", ctx.traceparent, orderId=payment.order_id, state=payment.state)
        due_at = ctx.now + timedelta(seconds=ROUND_S)
        await unit.keep([payment.order_id for payment in compared.waiting], due_at)
    if compared.gone:
        locked = await unit.lock([payment.order_id for payment in compared.gone])
        wishes = [Wish(order_id, cancel_key(order_id), None, ctx.traceparent) for order_id in sorted(locked)]
        for refund in await owe_refunds(unit, wishes, locked):
            ctx.log.warning(
                "charged without an order", ctx.traceparent, orderId=refund.order_id, amountMinor=refund.amount_minor
            )
