"""A hot product: never sold beyond its stock, whoever comes at once."""

import asyncio

from tests.topology.client import ANONYMOUS, Client, Customer, guest_order, lines


async def test_sixty_at_once_for_a_hundred_units(shop: Client) -> None:
    """The books are compared when the shop is stopped: see the fixture."""
    lamp = await shop.new_product("1.00", 100)
    receipts = await asyncio.gather(*(shop.place(guest_order((lamp, 3)), token=ANONYMOUS) for _ in range(60)))
    orders = await asyncio.gather(*(shop.until(r["orderId"], "CONFIRMED", "REJECTED") for r in receipts))
    statuses = [order["status"] for order in orders]
    assert (statuses.count("CONFIRMED"), statuses.count("REJECTED")) == (33, 27)
    for order in orders:
        short = [(item["productId"], item["requested"], item["available"]) for item in order["shortItems"]]
        assert short == ([(lamp, 3, 1)] if order["status"] == "REJECTED" else [])
    assert await shop.stock(lamp) == 1


async def test_orders_that_want_the_same_products_in_other_orders(shop: Client, ada: Customer) -> None:
    """Two products, each wanted first by half of the orders: nobody waits for nobody for ever."""
    one, two = await shop.new_product("1.00", 50), await shop.new_product("1.00", 50)
    bodies = [{"items": lines(*((one, 1), (two, 1))[:: 1 if number % 2 else -1])} for number in range(40)]
    receipts = await asyncio.gather(*(shop.place(body, token=ada.token) for body in bodies))
    for receipt in receipts:
        await shop.until(receipt["orderId"], "CONFIRMED")
    assert (await shop.stock(one), await shop.stock(two)) == (10, 10)
