"""The whole order's way through five services, and its other ends."""

from typing import Any

import pytest

from souk_chassis.auth.identity import Identity, Role
from souk_chassis.testing.sagas import Moment
from souk_contracts.notifications import ListMails, MailQuery
from souk_contracts.order_status import OrderStatus
from souk_contracts.order_status import OrderStatus as S
from souk_contracts.orders import NewOrder, NewOrderItem, PlaceOrder
from souk_contracts.users import NewUser, RegisterUser


def path(order: Any) -> list[OrderStatus]:
    """The states that an order went through."""
    return [step.status for step in order.history]


async def test_an_order_goes_all_its_way(shop: Any) -> None:
    await shop.place()
    assert await shop.status() is S.PENDING
    await shop.bench.settle()
    assert path(await shop.order()) == [S.PENDING, S.RESERVED, S.CONFIRMED]
    assert await shop.on_hand() == {"apple": 8, "pear": 9}
    await shop.ship()
    await shop.deliver()
    await shop.take_back(apple=1)
    await shop.bench.settle()
    assert (await shop.payment()).provider_refunded_minor == 25
    assert await shop.on_hand() == {"apple": 9, "pear": 9}
    await shop.take_back(apple=1, pear=1)
    await shop.bench.settle()
    assert path(await shop.order())[2:] == [S.CONFIRMED, S.SHIPPED, S.DELIVERED, S.RETURNED]
    assert await shop.on_hand() == {"apple": 10, "pear": 10}
    payment = await shop.payment()
    assert (payment.provider_captured_minor, payment.provider_refunded_minor, payment.charges) == (180, 180, 1)
    assert await shop.mails() == {"confirmed": 1, "shipped": 1, "delivered": 1, "returned": 2}
    await shop.assert_books_agree()
    await shop.bench.let_pass()
    await shop.assert_books_agree()


async def test_a_short_order_is_rejected_and_nothing_is_charged(shop: Any) -> None:
    await shop.place(apple=11, pear=1)
    await shop.bench.settle()
    order = await shop.order()
    assert path(order) == [S.PENDING, S.REJECTED]
    [short] = order.short_items
    assert (short.product_id, short.requested, short.available) == ("apple", 11, 10)
    assert await shop.payment() is None
    assert await shop.on_hand() == {"apple": 10, "pear": 10}
    assert await shop.mails() == {"rejected": 1}
    await shop.assert_books_agree()


@pytest.mark.parametrize("method", ["tok_declined", "tok_insufficient_funds", "tok_none_such"])
async def test_a_declined_payment_gives_the_stock_back(shop: Any, method: str) -> None:
    await shop.place(method=method)
    await shop.bench.settle()
    order = await shop.order()
    assert path(order) == [S.PENDING, S.RESERVED, S.CANCELLED]
    assert order.history[-1].reason.startswith("payment declined: ")
    assert await shop.on_hand() == {"apple": 10, "pear": 10}
    assert await shop.mails() == {"cancelled": 1}
    await shop.assert_books_agree()


@pytest.mark.parametrize("method", ["tok_lost_answer", "tok_lost_request"])
async def test_a_lost_answer_is_asked_for_and_charged_once(shop: Any, method: str) -> None:
    await shop.place(method=method)
    await shop.bench.settle()
    assert await shop.status() is S.CONFIRMED
    assert (await shop.payment()).charges == 1
    await shop.assert_books_agree()


async def test_the_last_stock_goes_to_one(shop: Any) -> None:
    for order_id in ("o1", "o2", "o3"):
        await shop.place(order_id, apple=5)
    await shop.bench.settle()
    assert [await shop.status(f"o{n}") for n in (1, 2, 3)] == [S.CONFIRMED, S.CONFIRMED, S.REJECTED]
    assert (await shop.on_hand())["apple"] == 0
    await shop.assert_books_agree()


async def test_mails_go_to_guests_and_to_registered_users(shop: Any) -> None:
    profile = await shop.ask(RegisterUser, NewUser(email="ada@example.org", password="correct horse", name="Ada"))
    items = (NewOrderItem(product_id="apple", quantity=1),)
    await shop.ask(PlaceOrder, NewOrder(id="o1", items=items), Identity(Role.CUSTOMER, profile.user_id))
    await shop.ask(PlaceOrder, NewOrder(id="o2", items=items, email="guest@example.org"))
    await shop.bench.settle()
    mails = (await shop.ask(ListMails, MailQuery(), Identity(Role.ADMIN, "root"))).items
    assert sorted((mail.order_id or "", mail.to, mail.status) for mail in mails) == [
        ("", "ada@example.org", "SENT"),
        ("o1", "ada@example.org", "SENT"),
        ("o2", "guest@example.org", "SENT"),
    ]
    await shop.assert_books_agree()


async def test_a_cancelled_order_gives_all_back(shop: Any) -> None:
    await shop.place()
    await shop.bench.settle()
    assert await shop.cancel()
    assert await shop.cancel()
    await shop.bench.settle()
    payment = await shop.payment()
    assert (payment.provider_captured_minor, payment.provider_refunded_minor) == (180, 180)
    assert await shop.on_hand() == {"apple": 10, "pear": 10}
    assert await shop.mails() == {"confirmed": 1, "cancelled": 1}
    await shop.assert_books_agree()


async def test_a_return_and_then_a_cancellation_refund_no_more_than_was_paid(shop: Any) -> None:
    await shop.place()
    await shop.bench.settle()
    await shop.take_back(apple=1)
    assert await shop.cancel()
    await shop.bench.settle()
    payment = await shop.payment()
    assert (payment.provider_captured_minor, payment.provider_refunded_minor) == (180, 180)
    assert await shop.on_hand() == {"apple": 10, "pear": 10}
    await shop.assert_books_agree()


async def test_an_order_that_is_shipped_is_not_cancelled(shop: Any) -> None:
    await shop.place()
    await shop.bench.settle()
    await shop.ship()
    assert not await shop.cancel()
    await shop.bench.settle()
    await shop.assert_books_agree()


@pytest.mark.parametrize("method", ["tok_ok", "tok_declined", "tok_lost_answer"])
@pytest.mark.parametrize("moment", [Moment.BEFORE_ASK, Moment.AFTER_ASK])
async def test_a_cancellation_while_the_charge_is_under_way(shop: Any, method: str, moment: Moment) -> None:
    async def cancel_and_go_on() -> None:
        assert await shop.cancel()
        while await shop.bench.step():
            pass

    shop.bench.before("payments-stock-reserved", moment, cancel_and_go_on)
    await shop.place(method=method)
    await shop.bench.settle()
    assert await shop.status() is S.CANCELLED
    payment = await shop.payment()
    assert payment is not None
    charged = moment is Moment.AFTER_ASK and "declined" not in method
    assert payment.provider_captured_minor == payment.provider_refunded_minor == (180 if charged else 0)
    await shop.assert_books_agree()


_STEPS = 30
"""More than an order has until it is quiet."""


@pytest.mark.parametrize(
    ("method", "units"),
    [("tok_ok", 2), ("tok_declined", 2), ("tok_lost_answer", 2), ("tok_ok", 11)],
    ids=["paid", "declined", "answer lost", "short"],
)
async def test_a_cancellation_between_any_two_steps(make_shop: Any, method: str, units: int) -> None:
    ends = set()
    for steps in range(_STEPS):
        shop = await make_shop()
        await shop.place(method=method, apple=units)
        gone_on = [await shop.bench.step() for _ in range(steps)]
        cancelled = await shop.cancel()
        await shop.bench.settle()
        status = await shop.status()
        assert status in {S.CANCELLED, S.REJECTED}
        assert cancelled == (status is S.CANCELLED)
        assert await shop.on_hand() == {"apple": 10, "pear": 10}
        payment = await shop.payment()
        assert payment is None or payment.provider_captured_minor == payment.provider_refunded_minor
        await shop.assert_books_agree()
        ends.add(tuple(path(await shop.order())))
        if gone_on and not gone_on[-1]:
            break
    else:
        raise AssertionError("the order was never quiet")
    assert len(ends) >= 2
