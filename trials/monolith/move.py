"""Moves the corner shop's products and orders to Souk, through its API. Run again it repeats nothing.

`python -m trials.monolith.move` with `CORNER_DB`, and `SOUK_URL` and `SOUK_TOKEN` of an administrator. The orders go
their whole way there: while the payment provider is the sandbox and mails go to the mailbox, nobody is charged or told.
"""

import json
import os
import time
import urllib.error
import urllib.request
from typing import Any

from trials.monolith.app import database

PATIENCE_S = 30.0


def ask(method: str, path: str, body: object = None) -> Any:
    """What Souk answers. Raises HTTPError for a refusal."""
    headers = {"authorization": f"Bearer {os.environ['SOUK_TOKEN']}"}
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(os.environ["SOUK_URL"] + path, data, headers, method=method)
    with urllib.request.urlopen(request, timeout=10) as answer:
        return json.load(answer)


def exists(path: str) -> bool:
    """Whether Souk has it."""
    try:
        ask("GET", path)
    except urllib.error.HTTPError as error:
        if error.code != 404:
            raise
        return False
    return True


def main() -> None:
    """Products first, with the stock that there was before the orders; then the orders, at the prices of their time."""
    with database() as db:
        products = [dict(row) for row in db.execute("SELECT * FROM products")]
        sold = dict(map(tuple, db.execute("SELECT sku, sum(qty) FROM lines GROUP BY sku")))
        orders: dict[int, list[Any]] = {}
        for row in db.execute("SELECT * FROM lines ORDER BY order_id"):
            orders.setdefault(row["order_id"], []).append(row)
        emails = dict(map(tuple, db.execute("SELECT id, email FROM orders")))
    for each in products:
        path = f"/products/{each['sku']}"
        if not exists(path):  # PUT again would undo what was sold meanwhile
            stock = each["stock"] + sold.get(each["sku"], 0)
            ask("PUT", path, {"name": each["name"], "price": f"{each['pence'] / 100:.2f}", "inventory": stock})
    for number, lines in orders.items():
        items = [
            {"productId": row["sku"], "quantity": row["qty"], "unitPrice": f"{row['pence'] / 100:.2f}"} for row in lines
        ]
        ask("POST", "/orders", {"id": f"corner-{number}", "email": emails[number], "items": items})
    for number in orders:
        wait(f"corner-{number}")
    print(f"moved {len(products)} products, {len(orders)} orders")


def wait(order_id: str) -> None:
    """Until the order has ended its way. Raises TimeoutError, and ValueError where it was not confirmed."""
    until = time.monotonic() + PATIENCE_S
    while (status := ask("GET", f"/orders/{order_id}")["status"]) in {"PENDING", "RESERVED"}:
        if time.monotonic() > until:
            raise TimeoutError(f"{order_id} is still {status}")
        time.sleep(0.05)
    if status != "CONFIRMED":
        raise ValueError(f"{order_id} is {status}")


if __name__ == "__main__":
    main()
