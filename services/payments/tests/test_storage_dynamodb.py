"""What DynamoDB's store has beside the contract: crashes at every call, many writers, and what changes meanwhile."""

import asyncio
import random
from collections import Counter
from collections.abc import Awaitable, Callable
from contextvars import Context
from copy import deepcopy
from datetime import timedelta
from functools import partial
from typing import Any

import pytest

from souk_chassis.errors import SoukError
from souk_chassis.storage.collisions import CollisionError
from souk_chassis.storage.dynamodb.client import DynamoClient, RetryingClient
from souk_chassis.testing.clock import ManualClock
from souk_chassis.testing.dynamodb_faults import Crash, FaultyClient
from souk_chassis.testing.dynamodb_model import DynamoModel, Latency
from souk_chassis.testing.virtual_time import VirtualClock, run_virtually
from souk_contracts.order_books import OrderState, OrderStates
from souk_contracts.order_status import OrderStatus
from souk_contracts.orders import FindOrderStates, OrderOverdue
from souk_payments.consumers import cancel_payments, refund_returns, say_outcomes_again
from souk_payments.ports import Checkpoint
from souk_payments.tables import BUCKETS, TABLES

LATENCY = Latency(read=(0.002, 0.005), write=(0.004, 0.008), transaction=(0.010, 0.020))
ORDERS = [f"o-{number:03}" for number in range(150)]
MOST_CALLS = 200
"""More than any work here has."""

Desk = Any
"""The class of the fixture `dynamo`: its module can't be imported from here."""
Work = Callable[[Desk], Awaitable[Any]]


# --- a crash at every call. Each case is what was before, and what is heard then


def charges_of_all_sorts(dynamo: Desk) -> tuple[Work, Work]:
    early = dynamo.heard(*map(dynamo.reserved, ORDERS[:20]))
    gone = dynamo.heard(*map(dynamo.cancelled, ORDERS[20:60]))
    charges = dynamo.heard(*(dynamo.reserved(each, "no" if each.endswith("7") else "yes") for each in ORDERS))

    async def before(desk: Desk) -> None:
        await desk.charge(early)
        await desk.hear(cancel_payments, gone)

    return before, lambda desk: desk.charge(charges)


def cancellations_of_all_sorts(dynamo: Desk) -> tuple[Work, Work]:
    charges = dynamo.heard(*map(dynamo.reserved, ORDERS[:80]))
    gone = dynamo.heard(*map(dynamo.cancelled, ORDERS))
    return lambda desk: desk.charge(charges), lambda desk: desk.hear(cancel_payments, gone)


def returns_of_many_and_of_one(dynamo: Desk) -> tuple[Work, Work]:
    charges = dynamo.heard(*map(dynamo.reserved, ORDERS[:40]))
    many = [dynamo.returned(ORDERS[number % 40], f"r-{number}") for number in range(60)]
    of_one = [dynamo.returned(ORDERS[7], f"wide-{number}", 6) for number in range(180)]
    returns = dynamo.heard(*many, *of_one)
    return lambda desk: desk.charge(charges), lambda desk: desk.hear(refund_returns, returns)


def refunds_of_many_and_of_one(dynamo: Desk) -> tuple[Work, Work]:
    before_that, owe = returns_of_many_and_of_one(dynamo)
    owed = []

    async def before(desk: Desk) -> None:
        await before_that(desk)
        await owe(desk)
        owed.extend(await desk.owed())

    return before, lambda desk: desk.refund(owed)


def questions(dynamo: Desk) -> tuple[Work, Work]:
    facts: dict[str, Any] = {"total_minor": 1000, "currency": "GBP", "payment_method": "yes", "items": ()}
    charges = dynamo.heard(*map(dynamo.reserved, ORDERS[:120]))
    asked = dynamo.heard(*(OrderOverdue(order_id=order_id, **facts) for order_id in ORDERS))
    return lambda desk: desk.charge(charges), lambda desk: desk.hear(say_outcomes_again, asked)


CASES = [
    charges_of_all_sorts,
    cancellations_of_all_sorts,
    returns_of_many_and_of_one,
    refunds_of_many_and_of_one,
    questions,
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.__name__)
@pytest.mark.parametrize("done", [False, True], ids=["before", "after"])
async def test_a_crash_at_any_call_leaves_what_a_repeat_finishes(dynamo: Desk, case: Any, done: bool) -> None:
    before, work = case(dynamo)
    begun = dynamo.unmetered()
    await before(dynamo(begun))
    undisturbed = dynamo(deepcopy(begun))
    await work(undisturbed)
    first, wanted = await dynamo(begun).books(), await undisturbed.books()
    halfway = 0
    for dies_at in range(1, MOST_CALLS):
        model = deepcopy(begun)
        desk = dynamo(model)
        try:
            await work(dynamo(FaultyClient(model, dies_at, done=done)))
        except Crash:
            halfway += await desk.books() not in (first, wanted)
            for _ in range(2):  # the second as where its acknowledgement was lost
                await work(desk)
                assert await desk.books() == wanted
        else:
            break
    assert dies_at < MOST_CALLS - 1
    assert await desk.books() == wanted
    assert halfway, "what is heard must be more than one transaction holds"


# --- many at once


@pytest.mark.parametrize("seed", range(3))
def test_many_processes_at_the_same_orders_lose_and_double_nothing(dynamo: Desk, seed: int) -> None:
    """Charges, cancellations and returns meet in the model's time, each delivered to two processes."""

    async def work() -> None:
        model = DynamoModel(TABLES, latency=LATENCY, dice=random.Random(seed))
        desks = [dynamo(RetryingClient(model), VirtualClock(dynamo.START), number) for number in range(8)]
        dice = random.Random(seed)
        orders = ORDERS[:60]
        charges = dynamo.heard(*map(dynamo.reserved, orders))
        gone = dynamo.heard(*map(dynamo.cancelled, orders[::2]))
        returns = dynamo.heard(*(dynamo.returned(order_id, f"r-{order_id}", 600) for order_id in orders))

        async def until_done(turn: Callable[[], Awaitable[None]]) -> None:
            while True:
                await asyncio.sleep(dice.uniform(0.0, 0.2))
                try:
                    return await turn()
                except SoukError as error:  # as a queue delivers it again: a return before its charge, or a collision
                    assert error.code in {"database_collision", "nothing_captured"}  # noqa: PT017

        turns: list[Callable[[], Awaitable[None]]] = []
        for number, desk in enumerate(desks):
            own = slice(15 * (number // 2), 15 * (number // 2) + 15)
            turns += [partial(desk.charge, charges[own]), partial(desk.hear, refund_returns, returns[own])]
            turns.append(partial(desk.hear, cancel_payments, gone[own]))
        await asyncio.gather(*map(until_done, turns))
        owed = await desks[0].owed()
        await asyncio.gather(*(until_done(partial(desk.refund, owed)) for desk in desks))
        payments, _, _ = await desks[0].books()
        assert [payment.captured_minor for payment in payments] == [1000] * 60
        assert {payment.refunded_minor for payment in payments[::2]} == {1000}
        assert {payment.refunded_minor for payment in payments[1::2]} == {600}
        assert model.counts["TransactionConflict"] > 0

    run_virtually(work())


# --- the reconciler: of every three orders, one waits, one is gone, and one is settled


def an_hour_later(dynamo: Desk, client: DynamoClient) -> Desk:
    def states(query: Any) -> OrderStates:
        kinds = (OrderStatus.PENDING, OrderStatus.CANCELLED, OrderStatus.CONFIRMED)
        items = [OrderState(order_id=each, status=kinds[ORDERS.index(each) % 3]) for each in query.order_ids]
        return OrderStates(items=tuple(items))

    desk = dynamo(client, ManualClock(dynamo.START + timedelta(hours=1)))
    desk.orders.answers[FindOrderStates] = states
    return desk


async def test_a_round_that_dies_at_any_call_is_done_again_and_owes_nothing_twice(dynamo: Desk) -> None:
    begun = dynamo.unmetered()
    await dynamo(begun).charge(dynamo.heard(*map(dynamo.reserved, ORDERS)))
    first = await dynamo(begun).books()
    halfway = 0
    for dies_at in range(2 * BUCKETS, MOST_CALLS):  # before that, it only reads lists
        model = deepcopy(begun)
        desk = an_hour_later(dynamo, model)
        try:
            await an_hour_later(dynamo, FaultyClient(model, dies_at, done=dies_at % 2 == 0)).reconcile()
        except Crash:
            halfway += await desk.store.checkpoint() is None and await desk.books() != first
        else:
            break
        await desk.reconcile()
        payments, refunds, _ = await desk.books()
        assert {payment.owed_minor for payment in payments[1::3]} == {1000}
        assert len(refunds) == 50
        kept = await desk.store.kept(dynamo.START + timedelta(hours=2), 500)
        assert [payment.order_id for payment in kept] == ORDERS[::3]
        assert await desk.store.checkpoint() == Checkpoint(dynamo.START, ORDERS[-1])
        assert await desk.reconcile() == 0
    assert dies_at < MOST_CALLS - 1
    assert halfway, "a round must be more than one transaction holds"


async def test_of_two_reconcilers_the_second_collides_and_finds_all_done(dynamo: Desk) -> None:
    model = dynamo.unmetered()
    await dynamo(model).charge(dynamo.heard(*map(dynamo.reserved, ORDERS[:9])))
    client = FaultyClient(model)
    desk = an_hour_later(dynamo, client)
    other = an_hour_later(dynamo, model)
    # Another process: it is not inside this one's unit of work.
    client.meanwhile["TransactWriteItems"] = lambda: asyncio.create_task(other.reconcile(), context=Context())
    with pytest.raises(SoukError) as collided:
        await desk.reconcile()
    assert isinstance(collided.value, CollisionError)
    before = await desk.books()
    assert Counter(kind for kind, _ in await desk.told()) == {"PaymentCaptured": 9 + 3, "RefundOwed": 3}
    assert await desk.reconcile() == 0
    assert await desk.books() == before


async def test_what_changed_since_the_index_was_read_is_not_listed(dynamo: Desk) -> None:
    model = dynamo.unmetered()
    client = FaultyClient(model)
    desk, other = dynamo(client), dynamo(model)
    await other.charge(dynamo.heard(*map(dynamo.reserved, "abc")))
    async with other.store.unit() as unit:
        await unit.keep(["a", "b"], dynamo.START)

    async def forget() -> None:
        async with other.store.unit() as unit:
            await unit.forget(["a"])

    async def give_back() -> None:
        await other.hear(refund_returns, dynamo.heard(dynamo.returned("c", "r-1", 1000)))
        await other.refund(await other.owed())

    client.meanwhile["BatchGetItem"] = forget
    assert [each.order_id for each in await desk.store.kept(dynamo.START, 10)] == ["b"]
    client.meanwhile["BatchGetItem"] = give_back
    captured = await desk.store.captured_after(None, dynamo.START + timedelta(hours=1), 10)
    assert [each.order_id for each in captured] == ["a", "b"]
