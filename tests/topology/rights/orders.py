"""Right requests to the orders service."""

import secrets

from tests.topology.client import Client, Customer, lines
from tests.topology.wrong import Right


async def rights(shop: Client, _: Customer) -> dict[str, Right]:
    """One for each operation: those that move an order have one each."""
    lamp = await shop.new_product("2.50", 1_000)
    orders = [(await shop.place({"items": lines((lamp, 2))}))["orderId"] for _ in range(5)]
    for order_id in orders:
        await shop.until(order_id, "CONFIRMED")
    for order_id in orders[3:]:
        (await shop.ask("POST", f"/orders/{order_id}/ship")).expect(200)
    to_cancel, to_return, to_ship, to_deliver, to_see = ({"orderId": order_id} for order_id in orders)
    item = {"productId": lamp, "quantity": 1, "unitPrice": "2.50"}
    order = {"items": [item], "id": f"o-{secrets.token_hex(6)}", "customerId": "17", "total": "2.50"}
    order |= {"email": "guest@example.org", "paymentMethod": "tok_ok"}
    return {
        "place_order": Right(body=order),
        "list_orders": Right(),
        "get_order": Right(to_see),
        "cancel_order": Right(to_cancel),
        "ship_order": Right(to_ship),
        "deliver_order": Right(to_deliver),
        "follow_order": Right(to_see),
        "return_items": Right(to_return, {"items": [{"productId": lamp, "quantity": 1}]}),
        "get_order_books": Right(),
    }
