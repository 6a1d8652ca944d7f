"""Events late, repeated and in any order, while customers change their minds: the books agree all the same.

Each seed is one run. A failing one is in the test's name, and stays in the suite as a parameter.
"""

import os
import random
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from souk_chassis.errors import SoukError
from souk_chassis.testing.sagas import Failure, Fault, Moment, Step
from souk_contracts.order_status import OrderStatus as S

SEEDS = range(int(os.environ.get("SOUK_SEEDS", "60")))
"""`make simulate SEEDS=n` plays more of them."""
METHODS = ("tok_ok", "tok_ok", "tok_ok", "tok_declined", "tok_lost_answer", "tok_lost_request")
REFUSALS = {"too_late", "not_in_this_state", "too_many_returned", "order_not_found"}
ENDS = {S.CONFIRMED, S.SHIPPED, S.DELIVERED, S.RETURNED, S.CANCELLED, S.REJECTED}


def whim(rng: random.Random, shop: Any, order_id: str) -> Callable[[], Awaitable[object]]:
    """Something that a customer or the shop does with an order."""
    product_id = rng.choice(["apple", "pear"])
    return rng.choice(
        [
            lambda: shop.cancel(order_id),
            lambda: shop.ship(order_id),
            lambda: shop.deliver(order_id),
            lambda: shop.take_back(order_id, **{product_id: rng.randint(1, 3)}),
            lambda: shop.reconcile_after(rng.choice([5, 31, 700])),
        ]
    )


async def play(rng: random.Random, shop: Any, orders: int) -> list[str]:
    """Orders and whims between the deliveries of events. Returns the orders' ids."""
    order_ids: list[str] = []
    for _ in range(orders * 40):
        chance = rng.random()
        if chance < 0.08 and len(order_ids) < orders:
            order_ids.append(f"o{len(order_ids)}")
            units = {"apple": rng.randint(1, 5), "pear": rng.randint(1, 3)}
            await shop.place(order_ids[-1], rng.choice(METHODS), **units)
        elif chance < 0.14 and order_ids:
            try:
                await whim(rng, shop, rng.choice(order_ids))()
            except SoukError as error:
                assert error.code in REFUSALS  # noqa: PT017 - a whim may come at the wrong time
        else:
            await shop.bench.step()
    return order_ids


def settings(rng: random.Random, *, fault: bool) -> dict[str, Any]:
    """A bench that picks any event, hands some on twice, and may fail somewhere."""
    failing = None
    if fault:
        queues = ["orders-stock-reserved", "orders-payment-captured", "payments-stock-reserved", "payments-refund-owed"]
        queues += ["products-order-created", "products-order-cancelled", "payments-order-returned"]
        place = rng.choice(queues)
        moment = rng.choice([Moment.BEFORE_EFFECT, Moment.AFTER_EFFECT])
        failing = Fault(Step(place, moment, rng.randint(1, 2)), rng.choice(list(Failure)))
    return {"pick": rng.randrange, "copies": rng.choice([1, 2]), "deliveries": rng.choice([1, 2]), "fault": failing}


@pytest.mark.parametrize("seed", SEEDS)
async def test_the_books_agree_whatever_the_order_of_events(make_shop: Any, seed: int) -> None:
    rng = random.Random(seed)
    shop = await make_shop(**settings(rng, fault=seed % 2 == 1))
    order_ids = await play(rng, shop, orders=5)
    assert order_ids
    await shop.bench.recover()
    await shop.assert_books_agree()
    await shop.bench.let_pass()
    await shop.assert_books_agree()
    assert {await shop.status(order_id) for order_id in order_ids} <= ENDS
    on_hand = await shop.on_hand()
    assert all(0 <= units <= 10 for units in on_hand.values())


@pytest.mark.parametrize("copies", [2, 3])
@pytest.mark.parametrize("deliveries", [1, 2])
@pytest.mark.parametrize("method", ["tok_ok", "tok_declined"])
async def test_every_event_may_come_again(make_shop: Any, copies: int, deliveries: int, method: str) -> None:
    once, often = await make_shop(), await make_shop(copies=copies, deliveries=deliveries)
    for shop in (once, often):
        await shop.place("o1", method)
        await shop.place("o2")
        await shop.place("short", apple=11)
        await shop.bench.settle()
        await shop.take_back("o2", apple=1)
        await shop.bench.settle()
        await shop.cancel("o2")
        await shop.bench.settle()
        await shop.assert_books_agree()
    assert await often.on_hand() == await once.on_hand()
    for order_id in ("o1", "o2", "short"):
        assert await often.mails(order_id) == await once.mails(order_id)
        histories = [[step.status for step in (await shop.order(order_id)).history] for shop in (once, often)]
        assert histories[0] == histories[1]


@pytest.mark.parametrize("steps", [0, 1, 2, 3])
async def test_what_is_lost_on_an_open_orders_way_is_asked_after(shop: Any, steps: int) -> None:
    """No adapter loses events; should one be lost all the same, the reconcilers make up for it."""
    await shop.place()
    for _ in range(steps):
        await shop.bench.step()
    assert await shop.status() is not S.CONFIRMED
    shop.bench.copies = 0
    await shop.bench.settle()
    assert await shop.status() is not S.CONFIRMED
    shop.bench.copies = 1
    await shop.bench.let_pass()
    assert await shop.status() is S.CONFIRMED
    await shop.assert_books_agree()
