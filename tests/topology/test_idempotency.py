"""A repeat is safe: one order however often it is asked for, and the first answer again."""

import asyncio
import secrets
from typing import Any

import pytest

from tests.topology.client import ANONYMOUS, Client, Customer, lines

TIMES = 50
CALLERS = ("administrator", "customer", "guest")
WAYS = ("id", "key", "both")


def token_of(caller: str, ada: Customer) -> str | None:
    """The token that the caller sends; None is the client's own, the administrator's."""
    return {"administrator": None, "customer": ada.token, "guest": ANONYMOUS}[caller]


def request_of(caller: str, way: str, product_id: str) -> tuple[dict[str, Any], dict[str, str]]:
    """A body and headers that may be repeated."""
    body: dict[str, Any] = {"items": lines((product_id, 2)), "total": "5.00"}
    body |= {"email": "guest@example.org"} if caller == "guest" else {}
    body |= {"id": f"o-{secrets.token_hex(6)}"} if way in {"id", "both"} else {}
    return body, {"idempotency-key": secrets.token_hex(8)} if way in {"key", "both"} else {}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("caller", CALLERS)
async def test_many_at_once_make_one_order(shop: Client, ada: Customer, caller: str, way: str) -> None:
    lamp = await shop.new_product("2.50", 100)
    token = token_of(caller, ada)
    body, headers = request_of(caller, way, lamp)
    answers = await asyncio.gather(
        *(shop.ask("POST", "/orders", body, token=token, headers=headers) for _ in range(TIMES))
    )
    receipts = [answer.expect(201) for answer in answers]
    assert all(receipt == receipts[0] for receipt in receipts)
    assert ("token" in receipts[0]) == (caller == "guest")
    assert {answer.headers["location"] for answer in answers} == {f"/orders/{receipts[0]['orderId']}"}
    if "id" in body:
        assert receipts[0]["orderId"] == body["id"]
    await shop.until(receipts[0]["orderId"], "CONFIRMED")
    assert await shop.stock(lamp) == 98

    # The order has ended and the price has changed: the repeat still gets the first answer.
    (await shop.ask("PUT", f"/products/{lamp}", {"name": "Lamp", "price": "9.00"})).expect(200)
    again = await shop.ask("POST", "/orders", body, token=token, headers=headers)
    assert again.expect(201) == receipts[0]
    different = body | {"items": lines((lamp, 3)), "total": "27.00"}
    asked = await shop.ask("POST", "/orders", different, token=token, headers=headers)
    asked.problem(409, "idempotency_conflict")
    assert await shop.stock(lamp) == 98


async def test_a_repeat_after_the_price_changed_with_its_unit_price(shop: Client, ada: Customer) -> None:
    lamp = await shop.new_product("2.50")
    body = {"id": f"o-{secrets.token_hex(6)}", "items": [{"productId": lamp, "quantity": 1, "unitPrice": "2.50"}]}
    first = await shop.place(body, token=ada.token)
    (await shop.ask("PUT", f"/products/{lamp}", {"name": "Lamp", "price": "9.00"})).expect(200)
    assert await shop.place(body, token=ada.token) == first
    fresh = body | {"id": f"o-{secrets.token_hex(6)}"}
    (await shop.ask("POST", "/orders", fresh, token=ada.token)).problem(409, "price_changed", "items[0].unitPrice")


async def test_one_different_body_among_many_is_refused(shop: Client, ada: Customer) -> None:
    lamp = await shop.new_product("2.50", 100)
    body, headers = request_of("customer", "key", lamp)
    bodies = [body] * 25
    bodies[12] = {"items": lines((lamp, 1))}
    answers = await asyncio.gather(
        *(shop.ask("POST", "/orders", each, token=ada.token, headers=headers) for each in bodies)
    )
    receipts = {answer.json["orderId"] for answer in answers if answer.status == 201}
    refused = [answer for answer in answers if answer.status != 201]
    # Which of the two came first is open; the other one is refused.
    assert len(receipts) == 1
    assert len(refused) in {1, 24}
    for answer in refused:
        answer.problem(409, "idempotency_conflict")
    order = await shop.until(receipts.pop(), "CONFIRMED")
    assert await shop.stock(lamp) == 100 - sum(line["quantity"] for line in order["items"])


async def test_however_the_json_is_written_it_is_the_same_body(shop: Client, ada: Customer) -> None:
    lamp = await shop.new_product("2.50")
    order_id = f"o-{secrets.token_hex(6)}"
    first = await shop.place({"id": order_id, "items": lines((lamp, 2)), "total": "5.00"}, token=ada.token)
    data = f'{{ "total":5.0, "items" : [{{"quantity":2,"productId":"{lamp}"}}],\n"id":"{order_id}" }}'.encode()
    again = await shop.ask("POST", "/orders", data=data, token=ada.token)
    assert again.expect(201) == first


async def test_an_id_makes_a_repeat_safe_whatever_the_key(shop: Client, ada: Customer) -> None:
    lamp = await shop.new_product("2.50", 100)
    body: dict[str, Any] = {"id": f"o-{secrets.token_hex(6)}", "items": lines((lamp, 2))}
    receipts = []
    for headers in ({}, {"idempotency-key": secrets.token_hex(8)}, {"idempotency-key": secrets.token_hex(8)}):
        receipts.append((await shop.ask("POST", "/orders", body, token=ada.token, headers=headers)).expect(201))
    assert receipts[0] == receipts[1] == receipts[2]
    await shop.until(body["id"], "CONFIRMED")
    assert await shop.stock(lamp) == 98


async def test_the_same_key_of_another_customer_is_another_order(shop: Client, ada: Customer, bob: Customer) -> None:
    lamp = await shop.new_product("2.50", 100)
    body, headers = request_of("customer", "key", lamp)
    tokens = (ada.token, bob.token, None)
    answers = [await shop.ask("POST", "/orders", body, token=token, headers=headers) for token in tokens]
    order_ids = {answer.expect(201)["orderId"] for answer in answers}
    assert len(order_ids) == 3
    for order_id in order_ids:
        await shop.until(order_id, "CONFIRMED")
    assert await shop.stock(lamp) == 94


async def test_the_id_of_another_customers_order_is_taken(shop: Client, ada: Customer, bob: Customer) -> None:
    lamp = await shop.new_product("2.50", 100)
    body, _ = request_of("customer", "id", lamp)
    await shop.place(body, token=ada.token)
    for token in (bob.token, None, ANONYMOUS):
        asked = await shop.ask("POST", "/orders", body | {"email": "eve@example.org"}, token=token)
        problem = asked.problem(409, "idempotency_conflict")
        assert "token" not in problem
    await shop.until(body["id"], "CONFIRMED")
    assert await shop.stock(lamp) == 98


async def test_a_repeated_return_is_one_return(shop: Client, ada: Customer) -> None:
    lamp = await shop.new_product("2.50", 10)
    order = await shop.confirmed({"items": lines((lamp, 5))}, token=ada.token)
    path, headers = f"/orders/{order['orderId']}/returns", {"idempotency-key": secrets.token_hex(8)}
    body = {"items": lines((lamp, 2))}
    answers = await asyncio.gather(
        *(shop.ask("POST", path, body, token=ada.token, headers=headers) for _ in range(TIMES))
    )
    receipts = [answer.expect(201) for answer in answers]
    assert all(receipt == receipts[0] for receipt in receipts)
    await shop.money_settles(order["orderId"], 1250, 500)
    await shop.stock_settles(lamp, 7)
    different = await shop.ask("POST", path, {"items": lines((lamp, 1))}, token=ada.token, headers=headers)
    different.problem(409, "idempotency_conflict")
    rest = await shop.ask("POST", path, {"items": lines((lamp, 3))}, token=ada.token)
    assert rest.expect(201)["status"] == "RETURNED"
    again = await shop.ask("POST", path, body, token=ada.token, headers=headers)
    assert again.expect(201) == receipts[0]
    await shop.stock_settles(lamp, 10)
