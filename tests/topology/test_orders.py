"""Placing orders, and who may see them: customers, guests, administrators."""

import secrets

from tests.topology.client import ANONYMOUS, Client, Customer, guest_order, lines

ORDER = {
    *("orderId", "customerId", "status", "total", "currency", "items", "history", "shortItems"),
    *("pricesCached", "createdAt", "updatedAt"),
}


async def test_an_order_is_placed_confirmed_and_shown(shop: Client, ada: Customer) -> None:
    lamp, mug = await shop.new_product("2.55"), await shop.new_product("0.10")
    placed = await shop.ask("POST", "/orders", {"items": lines((lamp, 3), (mug, 7))}, token=ada.token)
    receipt = placed.expect(201)
    assert set(receipt) == {"orderId", "status", "total", "currency"}
    assert (receipt["status"], receipt["total"], receipt["currency"]) == ("PENDING", "8.35", "GBP")
    assert placed.headers["location"] == f"/orders/{receipt['orderId']}"

    await shop.until(receipt["orderId"], "CONFIRMED")
    order = (await shop.ask("GET", placed.headers["location"], token=ada.token)).expect(200)
    assert set(order) == ORDER
    assert (order["customerId"], order["total"], order["pricesCached"]) == (ada.user_id, "8.35", False)
    assert [(line["productId"], line["quantity"], line["unitPrice"], line["returned"]) for line in order["items"]] == [
        (lamp, 3, "2.55", 0),
        (mug, 7, "0.10", 0),
    ]
    # The news of the payment may overtake that of the reservation.
    assert [step["status"] for step in order["history"] if step["status"] != "RESERVED"] == ["PENDING", "CONFIRMED"]
    assert await shop.stock(lamp) == 97
    await shop.money_settles(receipt["orderId"], 835, 0)
    mails = await shop.mails(receipt["orderId"], "confirmed")
    assert [mail["to"] for mail in mails] == [ada.email]


async def test_a_product_may_stand_in_several_lines_at_several_prices(shop: Client) -> None:
    lamp = await shop.new_product("2.55")
    items = [
        {"productId": lamp, "quantity": 1, "unitPrice": "1.00"},
        {"productId": lamp, "quantity": 2, "unitPrice": 3},
        {"productId": lamp, "quantity": 3},
    ]
    order = await shop.confirmed({"items": items, "total": 14.65})
    assert [(line["quantity"], line["unitPrice"]) for line in order["items"]] == [(1, "1.00"), (2, "3.00"), (3, "2.55")]
    assert order["total"] == "14.65"
    assert await shop.stock(lamp) == 94


async def test_a_wide_order(shop: Client) -> None:
    products = [await shop.new_product("1.00") for _ in range(20)]
    items = [{"productId": products[number % 20], "quantity": 1 + number % 3} for number in range(1_200)]
    units = sum(item["quantity"] for item in items if isinstance(item["quantity"], int))
    for product_id in products:
        (await shop.ask("PATCH", f"/products/{product_id}/inventory", {"delta": 1_000})).expect(200)
    order = await shop.confirmed(guest_order(items=items, total=units), token=ANONYMOUS)
    assert len(order["items"]) == 1_200
    assert order["total"] == f"{units}.00"
    assert sum([await shop.stock(product_id) for product_id in products]) == 20 * 1_100 - units


async def test_a_guest_has_a_token_for_this_order_alone(shop: Client) -> None:
    lamp = await shop.new_product()
    mine = await shop.place(guest_order((lamp, 1)), token=ANONYMOUS)
    other = await shop.place(guest_order((lamp, 1)), token=ANONYMOUS)
    await shop.until(mine["orderId"], "CONFIRMED")
    token = mine["token"]
    own = (await shop.ask("GET", f"/orders/{mine['orderId']}", token=token)).expect(200)
    assert own["customerId"] is None
    for method, path in (("GET", ""), ("GET", "/events"), ("POST", "/cancel")):
        asked = await shop.ask(method, f"/orders/{other['orderId']}{path}", token=token)
        asked.problem(403, "not_yours")
    returned = await shop.ask("POST", f"/orders/{other['orderId']}/returns", {"items": lines((lamp, 1))}, token=token)
    returned.problem(403, "not_yours")
    (await shop.ask("GET", "/orders", token=token)).problem(403, "not_allowed")
    await shop.mails(mine["orderId"], "confirmed")
    own_mails = await shop.items("/mails", token=token)
    assert {mail["orderId"] for mail in own_mails} == {mine["orderId"]}
    assert {mail["to"] for mail in own_mails} == {"guest@example.org"}
    asked = await shop.ask("GET", "/mails", token=token, query={"orderId": other["orderId"]})
    asked.problem(403, "not_yours")


async def test_a_guest_gives_an_address_and_no_customer(shop: Client, ada: Customer) -> None:
    lamp = await shop.new_product()
    nameless = await shop.ask("POST", "/orders", {"items": lines((lamp, 1))}, token=ANONYMOUS)
    nameless.problem(422, "email_needed", "email")
    as_ada = await shop.ask("POST", "/orders", guest_order((lamp, 1), customerId=ada.user_id), token=ANONYMOUS)
    as_ada.problem(403, "not_for_others", "customerId")
    assert await shop.stock(lamp) == 100


async def test_a_customer_orders_for_himself_and_an_administrator_for_anyone(
    shop: Client, ada: Customer, bob: Customer
) -> None:
    lamp = await shop.new_product()
    body = {"items": lines((lamp, 1)), "customerId": ada.user_id}
    (await shop.ask("POST", "/orders", body, token=bob.token)).problem(403, "not_for_others", "customerId")
    assert (await shop.confirmed(body, token=ada.token))["customerId"] == ada.user_id
    assert (await shop.confirmed(body))["customerId"] == ada.user_id
    stranger = await shop.confirmed(body | {"customerId": "no-account.17"})
    assert stranger["customerId"] == "no-account.17"
    mails = await shop.mails(stranger["orderId"], "confirmed")
    assert [(mail["to"], mail["status"]) for mail in mails] == [(None, "NO_ADDRESS")]


async def test_an_order_is_for_its_customer_and_administrators(shop: Client, ada: Customer, bob: Customer) -> None:
    lamp = await shop.new_product()
    order = await shop.confirmed({"items": lines((lamp, 2))}, token=ada.token)
    path = f"/orders/{order['orderId']}"
    before = (await shop.ask("GET", path)).expect(200)
    for method, rest, body in (
        ("GET", "", None),
        ("GET", "/events", None),
        ("POST", "/cancel", None),
        ("POST", "/returns", {"items": lines((lamp, 1))}),
    ):
        (await shop.ask(method, path + rest, body, token=bob.token)).problem(403, "not_yours")
        (await shop.ask(method, path + rest, body, token=ANONYMOUS)).problem(401, "sign_in")
    for rest in ("/ship", "/deliver"):
        (await shop.ask("POST", path + rest, token=ada.token)).problem(403, "not_allowed")
    assert (await shop.ask("GET", path)).expect(200) == before
    (await shop.ask("GET", "/orders/no-such-order")).problem(404, "order_not_found")


async def test_lists_are_newest_first_page_by_page(shop: Client, bob: Customer) -> None:
    customer = await shop.new_customer("Cleo")
    lamp = await shop.new_product("1.00")
    placed = [(await shop.place({"items": lines((lamp, 1))}, token=customer.token))["orderId"] for _ in range(5)]
    for order_id in placed:
        await shop.until(order_id, "CONFIRMED")
    page = (await shop.ask("GET", "/orders", token=customer.token, query={"limit": "2"})).expect(200)
    assert set(page) == {"items", "next"}
    assert set(page["items"][0]) == {"orderId", "customerId", "status", "total", "currency", "createdAt"}
    own = await shop.items("/orders", {"limit": "2"}, token=customer.token)
    assert [order["orderId"] for order in own] == placed[::-1]
    assert own == await shop.items("/orders", {"customerId": customer.user_id, "limit": "3"})
    confirmed = await shop.items("/orders", {"status": "CONFIRMED", "limit": "4"}, token=customer.token)
    assert confirmed == own
    assert await shop.items("/orders", {"status": "REJECTED"}, token=customer.token) == []
    assert (await shop.items("/orders", {"limit": "200"}))[0]["createdAt"] >= own[0]["createdAt"]
    asked = await shop.ask("GET", "/orders", token=bob.token, query={"customerId": customer.user_id})
    asked.problem(403, "not_for_others", "customerId")


async def test_a_price_that_is_not_the_price_now(shop: Client, ada: Customer) -> None:
    lamp, mug = await shop.new_product("2.50"), await shop.new_product("1.00")
    items = [{"productId": mug, "quantity": 1, "unitPrice": "1.00"}, {"productId": lamp, "quantity": 1}]
    right = {"items": [items[0], items[1] | {"unitPrice": 2.5}], "total": "3.50"}
    wrong = {"items": [items[0], items[1] | {"unitPrice": "2.49"}]}
    for token in (ada.token, ANONYMOUS):
        asked = await shop.ask("POST", "/orders", wrong | {"email": "guest@example.org"}, token=token)
        problem = asked.problem(409, "price_changed", "items[1].unitPrice")
        assert [error["field"] for error in problem["errors"]] == ["items[1].unitPrice"]
    assert (await shop.confirmed(right, token=ada.token))["total"] == "3.50"
    assert (await shop.confirmed(wrong))["total"] == "3.49"
    assert (await shop.stock(lamp), await shop.stock(mug)) == (98, 98)


async def test_a_total_that_is_not_the_sum(shop: Client, ada: Customer) -> None:
    lamp = await shop.new_product("2.50")
    for token in (ada.token, None):
        wrong = await shop.ask("POST", "/orders", {"items": lines((lamp, 2)), "total": "5.01"}, token=token)
        wrong.problem(422, "wrong_total", "total")
    assert await shop.stock(lamp) == 100
    assert (await shop.confirmed({"items": lines((lamp, 2)), "total": 5}, token=ada.token))["total"] == "5.00"


async def test_an_unknown_product_and_too_large_a_total(shop: Client) -> None:
    dear = await shop.new_product("99999999.99", 10)
    unknown = await shop.ask("POST", "/orders", {"items": lines((dear, 1), ("nothing", 1))})
    unknown.problem(422, "unknown_product", "items[1].productId")
    too_much = await shop.ask("POST", "/orders", {"items": lines((dear, 2))})
    too_much.problem(422, "out_of_range", "items")
    assert (await shop.confirmed({"items": lines((dear, 1))}))["total"] == "99999999.99"


async def test_ids_that_the_shop_brings_are_kept(shop: Client) -> None:
    order_id = f"{'A-z.0_' * 9}{secrets.token_hex(5)}"
    assert len(order_id) == 64
    lamp = await shop.new_product()
    order = await shop.confirmed({"id": order_id, "customerId": "12345", "items": lines((lamp, 1))})
    assert (order["orderId"], order["customerId"]) == (order_id, "12345")
