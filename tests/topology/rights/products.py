"""Right requests to the products service."""

from tests.topology.client import Client, Customer
from tests.topology.wrong import Right


async def rights(shop: Client, _: Customer) -> dict[str, Right]:
    """One for each operation."""
    lamp = {"productId": await shop.new_product("2.50", 1_000)}
    content = {"name": "Lamp", "price": "2.50", "inventory": 5, "description": "Bright", "currency": "GBP"}
    return {
        "list_products": Right(),
        "get_product": Right(lamp),
        "put_product": Right(lamp, content),
        "adjust_inventory": Right(lamp, {"delta": 1}),
        "get_stock_books": Right(),
        "get_reservation_books": Right(),
    }
