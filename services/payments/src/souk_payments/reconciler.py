"""Mends what no step of the saga will: money that was taken for an order that is gone, or an outcome that was lost.

Each captured payment is compared with its order once, ten minutes after it was made, in the order of making. Those
whose order still waits are told again, and looked at again in the next round.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from msgspec.structs import replace

from souk_chassis.context import Context
from souk_chassis.storage.collisions import retry_on_conflict
from souk_chassis.storage.records import RecordUnit
from souk_contracts.order_books import OrderStatesQuery
from souk_contracts.order_status import OPEN, UNDONE
from souk_contracts.orders import FindOrderStates
from souk_payments.consumers import outcome_event
from souk_payments.domain import cancel_key
from souk_payments.ports import Payments
from souk_payments.records import Checkpoint, Payment
from souk_payments.refunds import Wish, owe_refunds

AGE = timedelta(minutes=10)
"""How old a payment is when its order must have heard of it."""
ROUND_S = 60.0
"""Seconds between rounds."""
BATCH = 500
"""Payments compared in one go."""
RECORDS = 2
"""Records that mending one payment may write: the payment and a refund."""
CAPTURED = "captured"
"""The name of the checkpoint in the list of captured payments."""


@dataclass(frozen=True, slots=True)
class Compared:
    """A batch of payments by what their orders say."""

    waiting: list[Payment]
    gone: list[Payment]
    settled: list[Payment]


async def reconcile(ctx: Context[Payments]) -> int:
    """One round: what is to be checked again, then what has come of age. Returns how many payments were compared.

    Raises SoukError where the orders service is away; the next round begins where this one ended.
    """
    compared = await _check_again(ctx)
    while batch := await _next_batch(ctx):
        compared += batch
    return compared


async def _check_again(ctx: Context[Payments]) -> int:
    page = await ctx.list(Payment.to_check, until=ctx.now + timedelta(microseconds=1), limit=BATCH)
    if page.items:
        await _mend(ctx, await _compare(ctx, page.items))
    return len(page.items)


async def _next_batch(ctx: Context[Payments]) -> int:
    """Compare the next payments that have come of age. They are mended before the checkpoint says so: a process that
    dies in between, or another in the same round, mends them twice, which changes nothing."""
    seen: Checkpoint | None = await ctx.find(Checkpoint, CAPTURED)
    page = await ctx.list(Payment.captured, cursor=seen.cursor if seen else None, until=ctx.now - AGE, limit=BATCH)
    if not page.items:
        return 0
    await _mend(ctx, await _compare(ctx, page.items))
    async with ctx.unit() as unit:
        known = (await unit.get(Checkpoint, [CAPTURED])).get(CAPTURED)
        if known == seen:
            unit.put(Checkpoint(name=CAPTURED, cursor=Payment.captured.cursor(page.items[-1])))
    return len(page.items)


async def _compare(ctx: Context[Payments], payments: Sequence[Payment]) -> Compared:
    query = OrderStatesQuery(order_ids=tuple(payment.order_id for payment in payments))
    answer = await ctx.call(FindOrderStates, query)
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


async def _mend(ctx: Context[Payments], compared: Compared) -> None:
    """In units of a size that the engine keeps whole."""
    size = ctx.deps.store.room // RECORDS
    gone = {payment.order_id for payment in compared.gone}
    tell = {payment.order_id for payment in compared.waiting}
    touched = [*compared.waiting, *compared.gone, *(each for each in compared.settled if each.check_at is not None)]
    for start in range(0, len(touched), size):
        part = [payment.order_id for payment in touched[start : start + size]]

        async def mend(part: Sequence[str] = part) -> None:
            async with ctx.unit() as unit:
                for order_id, payment in (await unit.get(Payment, part)).items():
                    due_at = ctx.now + timedelta(seconds=ROUND_S) if order_id in tell else None
                    checked = replace(payment, check_at=due_at)
                    if checked != payment:
                        unit.put(checked)
                    if order_id in tell:
                        _tell_again(ctx, unit, checked)
                    elif order_id in gone:
                        await _give_back(ctx, unit, checked)

        await retry_on_conflict(mend)


def _tell_again(ctx: Context[Payments], unit: RecordUnit, payment: Payment) -> None:
    event = outcome_event(payment)
    if event is not None:
        unit.publish(event, ctx.traceparent)
        ctx.log.warning("payment told again", ctx.traceparent, orderId=payment.order_id, state=payment.state)


async def _give_back(ctx: Context[Payments], unit: RecordUnit, payment: Payment) -> None:
    wish = Wish(payment.order_id, cancel_key(payment.order_id), None, ctx.traceparent)
    for refund in await owe_refunds(unit, [wish], {payment.order_id: payment}):
        ctx.log.warning(
            "charged without an order", ctx.traceparent, orderId=refund.order_id, amountMinor=refund.amount_minor
        )
