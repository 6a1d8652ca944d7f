"""Every step of every way fails in every way, and the books agree in the end."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import pytest

from souk_chassis.testing.sagas import Fault, Moment, Trial, assert_unwinds_at_every_step
from souk_contracts.order_status import OrderStatus as S

Acts = Callable[[Any], Sequence[Callable[[], Awaitable[object]]]]


def cancelling_after(steps: int) -> Acts:
    """The customer changes his mind when so many events have been heard."""

    async def place_and_cancel(shop: Any) -> None:
        await shop.place()
        for _ in range(steps):
            await shop.bench.step()
        assert await shop.cancel()

    return lambda shop: [lambda: place_and_cancel(shop)]


WAYS: dict[str, tuple[Acts, S, dict[str, int]]] = {
    "confirmed": (lambda shop: [shop.place], S.CONFIRMED, {"apple": 8, "pear": 9}),
    "declined": (lambda shop: [lambda: shop.place(method="tok_declined")], S.CANCELLED, {"apple": 10, "pear": 10}),
    "short": (lambda shop: [lambda: shop.place(apple=11)], S.REJECTED, {"apple": 10, "pear": 10}),
    "answer lost": (lambda shop: [lambda: shop.place(method="tok_lost_answer")], S.CONFIRMED, {"apple": 8, "pear": 9}),
    "cancelled after payment": (lambda shop: [shop.place, shop.cancel], S.CANCELLED, {"apple": 10, "pear": 10}),
    **{
        f"cancelled after {steps} steps": (cancelling_after(steps), S.CANCELLED, {"apple": 10, "pear": 10})
        for steps in (1, 2, 3, 4)
    },
    "shipped and returned": (
        lambda shop: [
            shop.place,
            shop.ship,
            lambda: shop.take_back(apple=1),
            shop.deliver,
            lambda: shop.take_back(apple=1, pear=1),
        ],
        S.RETURNED,
        {"apple": 10, "pear": 10},
    ),
}


def trial_of(make_shop: Any, way: str) -> Callable[[Fault | None], Awaitable[Trial]]:
    """Builds the trial of one way."""
    acts, end, on_hand = WAYS[way]

    async def build(fault: Fault | None) -> Trial:
        shop = await make_shop(fault=fault)

        async def check() -> None:
            await shop.assert_books_agree()
            assert await shop.status() is end
            assert await shop.on_hand() == on_hand
            assert all(count == 1 for kind, count in (await shop.mails()).items() if kind != "returned")

        return Trial(shop.bench, acts(shop), check, shop.close)

    return build


@pytest.mark.parametrize("way", WAYS)
async def test_it_unwinds_at_every_step(make_shop: Any, way: str) -> None:
    assert await assert_unwinds_at_every_step(trial_of(make_shop, way)) > 30


async def test_every_consumer_of_the_orders_way_is_failed(make_shop: Any) -> None:
    """What no way comes to is not tried: then a way is missing here."""
    reached: set[str] = set()
    for way in WAYS:
        trial = await trial_of(make_shop, way)(None)
        for act in trial.acts:
            await act()
            await trial.bench.recover()
        reached |= {step.place for step in trial.bench.interruptions.steps if step.moment is not Moment.RELAYED}
    queues = {queue for instance in (await make_shop()).instances.values() for queue in _queues(instance.manifest)}
    only_when_overdue = {"products-order-overdue", "payments-order-overdue"}
    assert queues - reached == only_when_overdue | {"notifications-user-registered"}


def _queues(manifest: Any) -> list[str]:
    return [manifest.queue(event) for event in manifest.consumes]
