"""The reconciler: each payment is compared with its order once, and what is wrong is mended."""

import asyncio
from typing import Any

import pytest

from souk_chassis.errors import SoukError, unavailable
from souk_contracts.order_status import OrderStatus
from souk_contracts.payments import PaymentCaptured, PaymentRefunded
from souk_payments import reconciler
from souk_payments.reconciler import ROUND_S, reconcile

Shop = Any
OLD_S = 601.0


@pytest.mark.parametrize("status", [OrderStatus.CANCELLED, OrderStatus.REJECTED, None])
async def test_money_for_an_order_that_is_gone_is_given_back(shop: Shop, status: OrderStatus | None) -> None:
    await shop.handle(shop.reserved())
    if status is not None:
        shop.orders.states["o-1"] = status
    shop.clock.advance(OLD_S)
    assert await reconcile(shop.context()) == 1
    assert [type(event) for event in await shop.handle()] == [PaymentRefunded]
    assert await shop.handle(shop.cancelled()) == []
    assert (await shop.books())["o-1"].provider_refunded_minor == 1000


async def test_a_payment_younger_than_ten_minutes_is_left_alone(shop: Shop) -> None:
    await shop.handle(shop.reserved())
    shop.clock.advance(OLD_S - 2)
    assert await reconcile(shop.context()) == 0
    assert shop.orders.asked == []


async def test_a_confirmed_order_is_asked_for_once(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reconciler, "BATCH", 3)
    order_ids = [f"o-{i}" for i in range(8)]
    await shop.handle(*(shop.reserved(order_id) for order_id in order_ids), shop.reserved("refused", "tok_declined"))
    shop.orders.states = dict.fromkeys(order_ids, OrderStatus.CONFIRMED)
    shop.clock.advance(OLD_S)
    assert await reconcile(shop.context()) == 8
    assert [len(asked) for asked in shop.orders.asked] == [3, 3, 2]
    assert [order_id for asked in shop.orders.asked for order_id in asked] == order_ids
    shop.clock.advance(OLD_S)
    assert await reconcile(shop.context()) == 0
    assert await shop.handle() == []


@pytest.mark.parametrize("status", [OrderStatus.PENDING, OrderStatus.RESERVED])
async def test_an_order_that_still_waits_is_told_again_until_it_moves(shop: Shop, status: OrderStatus) -> None:
    await shop.handle(shop.reserved())
    shop.orders.states["o-1"] = status
    shop.clock.advance(OLD_S)
    for _ in range(2):
        assert await reconcile(shop.context()) == 1
        assert [type(event) for event in await shop.handle()] == [PaymentCaptured]
        assert await reconcile(shop.context()) == 0
        shop.clock.advance(ROUND_S)
    shop.orders.states["o-1"] = OrderStatus.CONFIRMED
    assert await reconcile(shop.context()) == 1
    shop.clock.advance(ROUND_S)
    assert await reconcile(shop.context()) == 0
    assert await shop.handle() == []


async def test_a_kept_payment_whose_order_was_cancelled_is_given_back(shop: Shop) -> None:
    await shop.handle(shop.reserved())
    shop.orders.states["o-1"] = OrderStatus.RESERVED
    shop.clock.advance(OLD_S)
    await reconcile(shop.context())
    await shop.handle()
    shop.orders.states["o-1"] = OrderStatus.CANCELLED
    shop.clock.advance(ROUND_S)
    assert await reconcile(shop.context()) == 1
    assert [type(event) for event in await shop.handle()] == [PaymentRefunded]
    shop.clock.advance(ROUND_S)
    assert await reconcile(shop.context()) == 0


async def test_two_reconcilers_at_once_refund_once(shop: Shop) -> None:
    await shop.handle(*(shop.reserved(f"o-{i}") for i in range(5)))
    shop.clock.advance(OLD_S)
    await asyncio.gather(reconcile(shop.context()), reconcile(shop.context()))
    assert len(await shop.handle()) == 5


async def test_an_orders_service_that_is_away_delays_the_round(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    async def away(*_: object) -> None:
        raise unavailable("service_unavailable", "orders can't be reached.")

    await shop.handle(shop.reserved())
    shop.clock.advance(OLD_S)
    with monkeypatch.context() as patch:
        patch.setattr(shop.orders, "dispatch", away)
        with pytest.raises(SoukError, match="service_unavailable"):
            await reconcile(shop.context())
    assert await reconcile(shop.context()) == 1
