"""A unit of work on DynamoDB: its conditions, and what it keeps together in which transaction."""

from functools import partial
from typing import Any

import pytest

from souk_chassis.errors import SoukError
from souk_chassis.events.event import Stored
from souk_chassis.storage.collisions import CollisionError
from souk_chassis.storage.dynamodb.outbox import BUNDLE_BYTES, waiting
from souk_chassis.testing.contexts import TRACEPARENT
from souk_chassis.testing.dynamodb_faults import FaultyClient
from souk_contracts.payments import PaymentCaptured, PaymentDeclined
from souk_payments.consumers import cancel_payments, refund_returns
from souk_payments.domain import Payment, PaymentState, Refund
from souk_payments.storage.dynamodb_pieces import ROOM, Step, packed
from souk_payments.tables import PAYMENTS

Desk = Any
"""The class of the fixture `dynamo`: its module can't be imported from here."""
ORDERS = [f"o-{number:03}" for number in range(120)]


@pytest.mark.parametrize("is_cancelled", [True, False])
async def test_what_another_changed_meanwhile_is_decided_anew(dynamo: Desk, is_cancelled: bool) -> None:
    model = dynamo.unmetered()
    client = FaultyClient(model)
    desk, other = dynamo(client), dynamo(model)
    await other.charge(dynamo.heard(dynamo.reserved("a")))

    async def meanwhile() -> None:
        if is_cancelled:
            await other.hear(cancel_payments, dynamo.heard(dynamo.cancelled("a")))
        else:
            await other.hear(refund_returns, dynamo.heard(dynamo.returned("a", "r-2", 300)))

    client.meanwhile["TransactWriteItems"] = meanwhile
    await desk.hear(refund_returns, dynamo.heard(dynamo.returned("a", "r-1", 1000)))
    [payment], refunds, _ = await desk.books()
    assert payment.owed_minor == 1000
    assert sorted(refund.amount_minor for refund in refunds) == ([1000] if is_cancelled else [300, 700])


async def test_a_refund_that_another_gives_between_two_reads_is_given_once(dynamo: Desk) -> None:
    """The refund is read before it was given, and the payment after that."""
    model = dynamo.unmetered()
    client = FaultyClient(model)
    desk, other = dynamo(client), dynamo(model)
    await other.charge(dynamo.heard(dynamo.reserved("a")))
    await other.hear(refund_returns, dynamo.heard(dynamo.returned("a", "r-1", 300)))
    owed = await other.owed()

    async def give() -> list[Refund]:
        async with desk.store.unit() as unit:
            await unit.known_refunds([owed[0].data.refund_key])
            client.meanwhile["BatchGetItem"] = partial(other.refund, owed)
            return list(await unit.give({owed[0].data.refund_key: "r-2"}))

    with pytest.raises(SoukError) as collided:
        await give()
    assert isinstance(collided.value, CollisionError)
    assert await give() == []
    [payment], _, _ = await desk.books()
    assert payment.refunded_minor == 300


async def test_a_payment_that_is_kept_collides_with_nobody(dynamo: Desk) -> None:
    """When it is to be checked is beside what it is: a refund meanwhile loses nothing, and stops nothing."""
    model = dynamo.unmetered()
    client = FaultyClient(model)
    desk, other = dynamo(client), dynamo(model)
    await other.charge(dynamo.heard(dynamo.reserved("a")))
    client.meanwhile["TransactWriteItems"] = lambda: other.hear(
        refund_returns, dynamo.heard(dynamo.returned("a", "r-1", 300))
    )
    async with desk.store.unit() as unit:
        await unit.keep(["a", "none"], dynamo.START)
    [payment] = await desk.store.kept(dynamo.START, 10)
    assert payment.owed_minor == 300
    assert await desk.store.tables.get(PAYMENTS, "none") is None


async def test_more_than_was_captured_can_not_be_owed(dynamo: Desk) -> None:
    desk = dynamo(dynamo.unmetered())
    await desk.charge(dynamo.heard(dynamo.reserved("a")))

    async def owe(order_id: str, amount_minor: int) -> None:
        async with desk.store.unit() as unit:
            await unit.owe([Refund("k", order_id, "p", amount_minor, "GBP")])

    for order_id, amount_minor in (("a", 1001), ("none", 1)):
        with pytest.raises(RuntimeError, match="more than was captured"):
            await owe(order_id, amount_minor)
    await owe("a", 1000)
    assert (await desk.store.refunds(["k"]))["k"].amount_minor == 1000


async def test_a_unit_that_fits_is_one_transaction(dynamo: Desk) -> None:
    model = dynamo.unmetered()
    await dynamo(model).charge(dynamo.heard(*map(dynamo.reserved, ORDERS[:49])))
    assert model.counts["TransactWriteItems"] == 1
    await dynamo(model).charge(dynamo.heard(*map(dynamo.reserved, ORDERS[50:100])))
    assert model.counts["TransactWriteItems"] == 3


async def test_an_order_that_is_too_wide_is_kept_in_several_and_stops_itself_nowhere(dynamo: Desk) -> None:
    model = dynamo.unmetered()
    desk = dynamo(model)
    await desk.charge(dynamo.heard(dynamo.reserved("a")))
    await desk.hear(refund_returns, dynamo.heard(*(dynamo.returned("a", f"r-{n}", 2) for n in range(250))))
    await desk.refund(await desk.owed())
    [payment], refunds, _ = await desk.books()
    assert (payment.refunded_minor, len(refunds)) == (500, 250)
    assert model.counts["ConditionalCheckFailed"] == 0


async def test_a_payment_that_another_made_meanwhile_stays(dynamo: Desk) -> None:
    model = dynamo.unmetered()
    client = FaultyClient(model)
    desk, other = dynamo(client), dynamo(model)
    client.meanwhile["TransactWriteItems"] = partial(other.charge, dynamo.heard(dynamo.reserved("a")))
    await desk.hear(cancel_payments, dynamo.heard(dynamo.cancelled("a")))
    [payment], [refund], _ = await desk.books()
    assert (payment.state, payment.owed_minor, refund.amount_minor) == (PaymentState.CAPTURED, 1000, 1000)


async def test_events_are_kept_with_the_orders_that_they_tell_of(dynamo: Desk) -> None:
    """Each transaction has one item of the outbox."""
    desk = dynamo(dynamo.unmetered())
    async with desk.store.unit() as unit:
        unit.publish(PaymentDeclined(order_id="of no payment", reason="no"), TRACEPARENT)
        for order_id in ORDERS:
            unit.publish(PaymentCaptured(order_id=order_id, payment_id="p", amount_minor=1), TRACEPARENT)
        await unit.record([Payment(order_id, PaymentState.CAPTURED, "GBP", payment_id="p") for order_id in ORDERS])
    rows = await waiting(desk.store.tables, desk.store.events)
    assert sorted(len(row["events"]) for row in rows) == [1 + len(ORDERS) - ROOM, ROOM]
    [full] = [row["events"] for row in rows if len(row["events"]) == ROOM]
    assert all(f'"subject":"{order_id}"' in event for order_id, event in zip(ORDERS, full, strict=False))


def step(order_id: str, *refund_keys: str, told: int = 0) -> list[Step]:
    """What befalls an order; its first step tells an event of so many bytes."""
    steps = [Step({"orderId": order_id}), *(Step({"orderId": order_id}, {"refundKey": key}) for key in refund_keys)]
    steps[0].events = [Stored("id", "type", "x" * told)] if told else []
    return steps


def test_an_order_is_not_divided_unless_it_is_too_wide() -> None:
    narrow = [step(f"o-{number}", "cancel") for number in range(60)]
    assert [len(batch) for batch in packed(narrow)] == [98, 22]
    wide = step("wide", *(f"k-{number}" for number in range(250)))
    batches = packed([narrow[0], wide, narrow[1]])
    assert [len(batch) for batch in batches] == [2, ROOM - 1, ROOM - 1, 251 - 2 * (ROOM - 1) + 2]
    assert batches[1][:2] == wide[:2]
    assert [each for batch in batches for each in batch] == [*narrow[0], *wide, *narrow[1]]


def test_events_of_a_transaction_fit_an_item_of_the_outbox() -> None:
    orders = [step(f"o-{number}", told=BUNDLE_BYTES // 3) for number in range(7)]
    assert [len(batch) for batch in packed(orders)] == [3, 3, 1]
