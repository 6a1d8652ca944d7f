"""What becomes of an order after it was placed: paid or not, cancelled, shipped, returned; and its mails."""

import asyncio
import re

import pytest

from tests.topology.client import ANONYMOUS, Client, Customer, guest_order, lines


def kinds(mails: list[dict[str, str]]) -> list[str]:
    """What each mail is about, by the word of its subject."""
    words = re.compile("confirmed|fulfilled|cancelled|on its way|arrived|return")
    return sorted(match[0] for mail in mails for match in words.finditer(mail["subject"]))


async def test_shipped_delivered_and_told(shop: Client) -> None:
    lamp = await shop.new_product()
    receipt = await shop.place(guest_order((lamp, 1)), token=ANONYMOUS)
    path = f"/orders/{receipt['orderId']}"
    (await shop.ask("POST", f"{path}/deliver")).problem(409, "not_in_this_state")
    await shop.until(receipt["orderId"], "CONFIRMED")
    assert (await shop.ask("POST", f"{path}/ship")).expect(200)["status"] == "SHIPPED"
    assert (await shop.ask("POST", f"{path}/ship")).expect(200)["status"] == "SHIPPED"
    (await shop.ask("POST", f"{path}/cancel", token=receipt["token"])).problem(409, "too_late")
    assert (await shop.ask("POST", f"{path}/deliver")).expect(200)["status"] == "DELIVERED"
    (await shop.ask("POST", f"{path}/ship")).problem(409, "not_in_this_state")
    (await shop.ask("POST", f"{path}/cancel")).problem(409, "too_late")
    mails = await shop.mails(receipt["orderId"], "confirmed", "on its way", "arrived")
    assert kinds(mails) == ["arrived", "confirmed", "on its way"]
    assert {mail["to"] for mail in mails} == {"guest@example.org"}
    await shop.money_settles(receipt["orderId"], 250, 0)


@pytest.mark.parametrize("state", ["PENDING", "RESERVED", "CONFIRMED"])
async def test_cancelling_gives_back_stock_and_money(shop: Client, ada: Customer, state: str) -> None:
    lamp = await shop.new_product("2.50", 10)
    # A slow payment keeps the order reserved for a second.
    method = "tok_ok" if state == "CONFIRMED" else "tok_slow"
    receipt = await shop.place({"items": lines((lamp, 4)), "paymentMethod": method}, token=ada.token)
    if state != "PENDING":
        await shop.until(receipt["orderId"], state)
    path = f"/orders/{receipt['orderId']}/cancel"
    cancelled = (await shop.ask("POST", path, token=ada.token)).expect(200)
    assert cancelled["status"] == "CANCELLED"
    assert (await shop.ask("POST", path, token=ada.token)).expect(200)["history"] == cancelled["history"]
    await shop.stock_settles(lamp, 10)
    if state != "PENDING":  # a charge was asked for, and whenever it came it went back
        await shop.money_settles(receipt["orderId"], 1000, 1000)
    assert kinds(await shop.mails(receipt["orderId"], "cancelled")).count("cancelled") == 1
    assert (await shop.until(receipt["orderId"], "CANCELLED"))["history"] == cancelled["history"]


async def test_cancelling_while_the_saga_runs(shop: Client) -> None:
    """Wherever each order was caught, nothing is kept of it."""
    lamp = await shop.new_product("1.00", 1_000)

    async def place_and_cancel(pause_s: float) -> str:
        receipt = await shop.place(guest_order((lamp, 3)), token=ANONYMOUS)
        await asyncio.sleep(pause_s)
        cancelled = await shop.ask("POST", f"/orders/{receipt['orderId']}/cancel", token=receipt["token"])
        assert cancelled.expect(200)["status"] == "CANCELLED"
        return str(receipt["orderId"])

    order_ids = await asyncio.gather(*(place_and_cancel(0.003 * number) for number in range(16)))
    await shop.stock_settles(lamp, 1_000)
    for order_id in order_ids:
        await shop.mails(order_id, "cancelled")
    books = {book["orderId"]: book for book in await shop.items("/books/payments")}
    for order_id in order_ids:
        if order_id in books:
            captured = books[order_id]["capturedMinor"]
            await shop.money_settles(order_id, captured, captured)


async def test_a_whole_return_in_parts(shop: Client, ada: Customer) -> None:
    lamp, mug = await shop.new_product("2.50", 10), await shop.new_product("1.00", 10)
    items = [*lines((lamp, 1), (mug, 2)), {"productId": lamp, "quantity": 2, "unitPrice": "2.50"}]
    order = await shop.confirmed({"items": items}, token=ada.token)
    path = f"/orders/{order['orderId']}/returns"

    part = (await shop.ask("POST", path, {"items": lines((lamp, 2))}, token=ada.token)).expect(201)
    assert set(part) == {"orderId", "returnId", "status", "refund", "currency"}
    assert (part["status"], part["refund"], part["currency"]) == ("CONFIRMED", "5.00", "GBP")
    await shop.stock_settles(lamp, 9)
    await shop.money_settles(order["orderId"], 950, 500)
    shown = (await shop.ask("GET", f"/orders/{order['orderId']}", token=ada.token)).expect(200)
    assert [line["returned"] for line in shown["items"]] == [1, 0, 1]

    too_many = await shop.ask("POST", path, {"items": lines((lamp, 2))}, token=ada.token)
    too_many.problem(409, "too_many_returned", "items")
    never_bought = await shop.ask("POST", path, {"items": lines(("nothing", 1))}, token=ada.token)
    never_bought.problem(409, "too_many_returned", "items")

    rest = (await shop.ask("POST", path, {"items": lines((mug, 1), (lamp, 1), (mug, 1))}, token=ada.token)).expect(201)
    assert (rest["status"], rest["refund"]) == ("RETURNED", "4.50")
    assert rest["returnId"] != part["returnId"]
    await shop.stock_settles(lamp, 10)
    await shop.stock_settles(mug, 10)
    await shop.money_settles(order["orderId"], 950, 950)
    (await shop.ask("POST", path, {"items": lines((mug, 1))}, token=ada.token)).problem(409, "not_in_this_state")
    (await shop.ask("POST", f"/orders/{order['orderId']}/cancel", token=ada.token)).problem(409, "too_late")
    deadline = asyncio.get_running_loop().time() + 20
    while kinds(mails := await shop.mails(order["orderId"])) != ["confirmed", "return", "return"]:
        assert asyncio.get_running_loop().time() < deadline, mails
        await asyncio.sleep(0.02)


async def test_returns_refund_at_the_prices_of_the_lines(shop: Client) -> None:
    lamp = await shop.new_product("9.99")
    items = [{"productId": lamp, "quantity": 2, "unitPrice": price} for price in ("1.00", "3.00")]
    order = await shop.confirmed({"items": items})
    (await shop.ask("PUT", f"/products/{lamp}", {"name": "Lamp", "price": "50.00"})).expect(200)
    returned = await shop.ask("POST", f"/orders/{order['orderId']}/returns", {"items": lines((lamp, 3))})
    assert returned.expect(201)["refund"] == "5.00"
    await shop.money_settles(order["orderId"], 800, 500)


async def test_returns_at_once_take_back_no_more_than_was_bought(shop: Client) -> None:
    lamp = await shop.new_product("1.00", 10)
    order = await shop.confirmed({"items": lines((lamp, 5))})
    path = f"/orders/{order['orderId']}/returns"
    answers = await asyncio.gather(*(shop.ask("POST", path, {"items": lines((lamp, 2))}) for _ in range(6)))
    assert sorted(answer.status for answer in answers) == [201, 201, 409, 409, 409, 409]
    await shop.stock_settles(lamp, 9)
    await shop.money_settles(order["orderId"], 500, 400)


async def test_a_delivered_order_comes_back(shop: Client) -> None:
    lamp = await shop.new_product("1.00", 10)
    order = await shop.confirmed({"items": lines((lamp, 1))})
    path = f"/orders/{order['orderId']}"
    for step in ("ship", "deliver"):
        (await shop.ask("POST", f"{path}/{step}")).expect(200)
    back = (await shop.ask("POST", f"{path}/returns", {"items": lines((lamp, 1))})).expect(201)
    assert back["status"] == "RETURNED"
    await shop.stock_settles(lamp, 10)


@pytest.mark.parametrize("method", ["tok_declined", "tok_insufficient_funds", "tok_nobody_knows"])
async def test_a_declined_payment(shop: Client, method: str) -> None:
    lamp = await shop.new_product("2.50", 10)
    receipt = await shop.place(guest_order((lamp, 4), paymentMethod=method), token=ANONYMOUS)
    order = await shop.until(receipt["orderId"], "CANCELLED")
    assert order["history"][-1]["reason"].startswith("payment declined: ")
    await shop.stock_settles(lamp, 10)
    mails = await shop.mails(receipt["orderId"], "cancelled")
    assert kinds(mails) == ["cancelled"]
    assert "declined" in mails[0]["body"]
    path = f"/orders/{receipt['orderId']}"
    (await shop.ask("POST", f"{path}/ship")).problem(409, "not_in_this_state")
    (await shop.ask("POST", f"{path}/returns", {"items": lines((lamp, 1))})).problem(409, "not_in_this_state")


@pytest.mark.parametrize("method", ["tok_slow", "tok_lost_answer", "tok_lost_request"])
async def test_whatever_is_lost_the_customer_is_charged_once(shop: Client, method: str) -> None:
    lamp = await shop.new_product("2.50", 10)
    order = await shop.confirmed(guest_order((lamp, 4), paymentMethod=method), token=ANONYMOUS)
    book = await shop.money_settles(order["orderId"], 1000, 0)
    assert book["charges"] == 1
    assert await shop.stock(lamp) == 6
    assert kinds(await shop.mails(order["orderId"], "confirmed")) == ["confirmed"]


async def test_a_rejected_order_names_each_short_item_and_takes_nothing(shop: Client) -> None:
    plenty, few, none = [await shop.new_product("1.00", stock) for stock in (100, 3, 0)]
    body = guest_order((plenty, 5), (few, 2), (none, 1), (few, 2))
    receipt = await shop.place(body, token=ANONYMOUS)
    order = await shop.until(receipt["orderId"], "REJECTED")
    short = {item["productId"]: (item["requested"], item["available"]) for item in order["shortItems"]}
    assert short == {few: (4, 3), none: (1, 0)}
    assert [await shop.stock(product_id) for product_id in (plenty, few, none)] == [100, 3, 0]
    mails = await shop.mails(receipt["orderId"], "fulfilled")
    assert kinds(mails) == ["fulfilled"]
    assert few in mails[0]["body"]
    assert plenty not in mails[0]["body"]
    assert await shop.payment(receipt["orderId"]) is None
    path = f"/orders/{receipt['orderId']}"
    (await shop.ask("POST", f"{path}/cancel")).problem(409, "too_late")
    (await shop.ask("POST", f"{path}/ship")).problem(409, "not_in_this_state")
