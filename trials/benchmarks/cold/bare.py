"""The function with the standard library alone: what nobody writes for long, and the floor of the others."""

import json
import re
from typing import Any

_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")


def handler(event: dict[str, Any], _: object) -> dict[str, Any]:
    """The handler."""
    try:
        order = json.loads(event["body"])
    except ValueError:
        return _answer(422, {"detail": "no JSON"})
    wrong = _wrong(order)
    if wrong:
        return _answer(422, {"detail": wrong})
    units = sum(item["quantity"] for item in order["items"])
    return _answer(201, {"orderId": order["id"], "status": "PENDING", "units": units})


def _wrong(order: Any) -> str:
    if not isinstance(order, dict) or order.keys() != {"id", "items"}:
        return "an order has an id and items"
    if not (isinstance(order["id"], str) and _ID.fullmatch(order["id"])):
        return "id"
    items = order["items"]
    if not isinstance(items, list) or not 1 <= len(items) <= 2_000:
        return "items"
    return next((f"items[{place}]" for place, item in enumerate(items) if not _is_item(item)), "")


def _is_item(item: Any) -> bool:
    if not isinstance(item, dict) or item.keys() != {"productId", "quantity"}:
        return False
    product_id, quantity = item["productId"], item["quantity"]
    if not isinstance(product_id, str) or not _ID.fullmatch(product_id):
        return False
    return type(quantity) is int and 1 <= quantity <= 1_000_000


def _answer(status: int, body: dict[str, Any]) -> dict[str, Any]:
    return {"statusCode": status, "headers": {"content-type": "application/json"}, "body": json.dumps(body)}
