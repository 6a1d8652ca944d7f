"""Server-sent events of an order, from its placing to its end."""

import json
import time
from typing import Any

from souk_chassis.runtimes.lambda_http import STREAM_S
from tests.topology.client import ANONYMOUS, Client, guest_order

ENDED = {"CONFIRMED", "REJECTED", "CANCELLED"}


async def follow(shop: Client, order_id: str, token: str) -> list[dict[str, Any]]:
    """The events until the order has ended. A function ends its answer before, where that takes long: then this asks
    again, as browsers do."""
    deadline = time.monotonic() + shop.settle_s
    while True:
        asked = time.monotonic()
        answer = await shop.ask("GET", f"/orders/{order_id}/events", token=token)
        assert answer.status == 200, answer.body
        assert answer.headers["content-type"] == "text/event-stream"
        blocks = [block for block in answer.body.decode().split("\n\n") if block]
        assert all(block.startswith("data: ") for block in blocks), blocks
        events = [json.loads(block.removeprefix("data: ")) for block in blocks]
        now = time.monotonic()
        if events[-1]["status"] in ENDED:
            return events
        assert now - asked > STREAM_S - 1, f"the stream ended before the order did: {events}"
        assert now < deadline, f"the order did not end: {events}"


async def test_a_guest_follows_the_order_to_its_end(shop: Client) -> None:
    lamp = await shop.new_product()
    receipt = await shop.place(guest_order((lamp, 1), paymentMethod="tok_slow"), token=ANONYMOUS)
    order_id = receipt["orderId"]
    events = await follow(shop, order_id, receipt["token"])
    assert [event["status"] for event in events] == ["PENDING", "RESERVED", "CONFIRMED"]
    assert {event["orderId"] for event in events} == {order_id}
    assert all(set(event) == {"orderId", "status", "at", "reason"} for event in events)
    order = (await shop.ask("GET", f"/orders/{order_id}")).expect(200)
    assert [event["at"] for event in events] == [step["at"] for step in order["history"]]
    assert await follow(shop, order_id, receipt["token"]) == events


async def test_a_rejected_order_ends_its_stream_with_the_reason(shop: Client) -> None:
    none = await shop.new_product(inventory=0)
    receipt = await shop.place(guest_order((none, 1)), token=ANONYMOUS)
    events = await follow(shop, receipt["orderId"], receipt["token"])
    assert [event["status"] for event in events] == ["PENDING", "REJECTED"]
    assert none in events[-1]["reason"]


async def test_an_unknown_order_has_no_stream(shop: Client) -> None:
    (await shop.ask("GET", "/orders/no-such-order/events")).problem(404, "order_not_found")
