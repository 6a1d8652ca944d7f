"""The catalogue and its stock."""

import asyncio
import secrets

from tests.topology.client import ANONYMOUS, Client, Customer

CONTENT = {"name": "Lamp", "price": "2.50", "inventory": 7, "description": "Bright"}


async def test_a_product_is_made_shown_and_changed(shop: Client) -> None:
    path = f"/products/p-{secrets.token_hex(6)}"
    made = await shop.ask("PUT", path, CONTENT)
    product = made.expect(201)
    assert made.headers["location"] == path
    assert set(product) == {"productId", "name", "description", "price", "currency", "inventory", "updatedAt"}
    assert (product["price"], product["currency"], product["inventory"]) == ("2.50", "GBP", 7)
    assert (await shop.ask("GET", path, token=ANONYMOUS)).expect(200) == product

    changed = (await shop.ask("PUT", path, {"name": "Lamp", "price": 3})).expect(200)
    assert (changed["price"], changed["inventory"], changed["description"]) == ("3.00", 7, "")
    assert (await shop.ask("PUT", path, CONTENT | {"inventory": 0})).expect(200)["inventory"] == 0


async def test_prices_are_numbers_or_strings_with_two_places(shop: Client) -> None:
    product_id = await shop.new_product()
    for given, shown in ((2, "2.00"), (2.5, "2.50"), ("2.55", "2.55"), (0.1, "0.10"), ("99999999.99", "99999999.99")):
        put = await shop.ask("PUT", f"/products/{product_id}", {"name": "Lamp", "price": given})
        assert put.expect(200)["price"] == shown
    for given in ("0.00", "0.001", "1e-3", "100000000.00", -1, "NaN", "Infinity", "1_0", " 1"):
        (await shop.ask("PUT", f"/products/{product_id}", {"name": "Lamp", "price": given})).expect(422)
    assert (await shop.ask("GET", f"/products/{product_id}")).expect(200)["price"] == "99999999.99"


async def test_another_currency_is_refused(shop: Client) -> None:
    product_id = await shop.new_product()
    put = await shop.ask("PUT", f"/products/{product_id}", CONTENT | {"currency": "EUR"})
    put.problem(422, "wrong_currency", "currency")


async def test_stock_is_corrected_and_never_below_zero(shop: Client) -> None:
    path = f"/products/{await shop.new_product(inventory=5)}/inventory"
    assert (await shop.ask("PATCH", path, {"delta": 4})).expect(200)["inventory"] == 9
    assert (await shop.ask("PATCH", path, {"delta": -9})).expect(200)["inventory"] == 0
    (await shop.ask("PATCH", path, {"delta": -1})).problem(409, "stock_below_zero", "delta")
    (await shop.ask("PATCH", "/products/nothing/inventory", {"delta": 1})).problem(404, "product_not_found")


async def test_many_corrections_at_once_lose_none(shop: Client) -> None:
    product_id = await shop.new_product(inventory=30)
    answers = await asyncio.gather(
        *(shop.ask("PATCH", f"/products/{product_id}/inventory", {"delta": -1}) for _ in range(40))
    )
    assert sorted(answer.status for answer in answers) == [200] * 30 + [409] * 10
    assert sorted(answer.json["inventory"] for answer in answers if answer.status == 200) == list(range(30))
    assert await shop.stock(product_id) == 0


async def test_the_catalogue_is_searched_page_by_page(shop: Client) -> None:
    word = secrets.token_hex(6)
    made = [await shop.new_product(name=f"{word} {number}") for number in range(5)]
    first = (await shop.ask("GET", "/products", token=ANONYMOUS, query={"q": word, "limit": "2"})).expect(200)
    assert set(first) == {"items", "next"}
    assert [item["name"] for item in first["items"]] == [f"{word} 0", f"{word} 1"]
    assert first["next"]
    found = await shop.items("/products", {"q": word.upper(), "limit": "2"}, token=ANONYMOUS)
    assert [item["productId"] for item in found] == made
    by_id = (await shop.ask("GET", "/products", query={"q": made[3]})).expect(200)
    assert [item["productId"] for item in by_id["items"]] == [made[3]]
    assert by_id["next"] is None


async def test_only_administrators_change_the_catalogue(shop: Client, ada: Customer) -> None:
    product_id = await shop.new_product(inventory=5)
    for token, status, code in ((ANONYMOUS, 401, "sign_in"), (ada.token, 403, "not_allowed")):
        (await shop.ask("PUT", f"/products/{product_id}", CONTENT, token=token)).problem(status, code)
        path = f"/products/{product_id}/inventory"
        (await shop.ask("PATCH", path, {"delta": 1}, token=token)).problem(status, code)
    assert await shop.stock(product_id) == 5


async def test_an_unknown_product_is_not_found(shop: Client) -> None:
    (await shop.ask("GET", "/products/nothing", token=ANONYMOUS)).problem(404, "product_not_found")
