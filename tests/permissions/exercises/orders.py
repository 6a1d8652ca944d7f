"""What the functions of the orders service do."""

from typing import Any

from souk_chassis.ids import uuid7
from souk_chassis.manifest import Part
from souk_contracts.order_books import OrderStatesQuery
from souk_contracts.orders import FindOrderStates
from souk_contracts.payments import PaymentCaptured, PaymentDeclined
from souk_contracts.products import ShortItem, StockRejected, StockReserved
from souk_orders.manifest import service
from tests.permissions.events import DONE, answer, batch, call, http, with_key
from tests.permissions.exercise import exercise, key_of, queues_exercises
from tests.permissions.exercises.products import product
from tests.permissions.stage import Stage

HTTP, CALLS, EVENTS = (service.function(part) for part in Part)
WIDE = 400
"""Lines of an order that has a part beside it."""

queues_exercises(service)


def wanted(*products: str, **more: str) -> dict[str, Any]:
    """A request to place an order, with prices that an administrator has agreed."""
    lines = [{"productId": each, "quantity": 1, "unitPrice": "2.50"} for each in products]
    return http("POST /orders", {"items": lines, "email": "ann@example.org", **more})


def placed(stage: Stage, lines: int = 1, **more: str) -> str:
    """An order that waits."""
    event = wanted(*(f"product-{number}" for number in range(lines)), **more)
    return str(answer(stage.prepare(HTTP, event), 201)["orderId"])


def confirmed(stage: Stage) -> str:
    """An order that was paid."""
    order_id = placed(stage)
    paid = PaymentCaptured(order_id=order_id, payment_id="1", amount_minor=250)
    assert stage.prepare(EVENTS, batch("orders-payment-captured", paid)) == DONE
    return order_id


def delivered(stage: Stage) -> str:
    """An order that has arrived."""
    order_id = confirmed(stage)
    for step in ("ship", "deliver"):
        answer(stage.prepare(HTTP, http(f"POST /orders/{{orderId}}/{step}", orderId=order_id)), 200)
    return order_id


@exercise(HTTP)
def places_an_order_of_a_guest(stage: Stage) -> None:
    body = {"email": "ann@example.org", "items": [{"productId": product(stage), "quantity": 1}]}
    assert answer(stage.act(http("POST /orders", body, caller={"role": "anonymous"})), 201)["token"]


@exercise(HTTP)
def places_wide_orders_with_a_key_once(stage: Stage) -> None:
    event = with_key(wanted(*(f"product-{number}" for number in range(WIDE))), uuid7())
    first, again = (answer(stage.act(event), 201)["orderId"] for _ in range(2))
    assert first == again


@exercise(HTTP)
def answers_again_what_is_sold_no_more(stage: Stage) -> None:
    key, guest = uuid7(), {"role": "anonymous"}
    body = {"email": "ann@example.org", "items": [{"productId": uuid7(), "quantity": 1}]}
    answer(stage.act(with_key(http("POST /orders", body, caller=guest), key)), 422)


@exercise(HTTP)
def shows_an_order(stage: Stage) -> None:
    order_id = placed(stage, WIDE)
    assert len(answer(stage.act(http("GET /orders/{orderId}", orderId=order_id)), 200)["items"]) == WIDE


@exercise(HTTP)
def lists_orders(stage: Stage) -> None:
    placed(stage, customerId="ann")
    for query in ("", "status=PENDING", "customerId=ann"):
        assert answer(stage.act(http("GET /orders", query=query)), 200)["items"]


@exercise(HTTP)
def shows_its_books(stage: Stage) -> None:
    placed(stage)
    assert answer(stage.act(http("GET /books/orders")), 200)["items"]


@exercise(HTTP)
def ships(stage: Stage) -> None:
    answer(stage.act(http("POST /orders/{orderId}/ship", orderId=confirmed(stage))), 200)


@exercise(HTTP)
def takes_items_back(stage: Stage) -> None:
    body = {"items": [{"productId": "product-0", "quantity": 1}]}
    event = with_key(http("POST /orders/{orderId}/returns", body, orderId=delivered(stage)), uuid7())
    answer(stage.act(event), 201)


@exercise(CALLS)
def finds_states(stage: Stage) -> None:
    query = OrderStatesQuery(order_ids=(placed(stage),))
    assert stage.act(call(FindOrderStates, query, key_of(stage, "products")))["status"] == 200


@exercise(EVENTS)
def hears_that_stock_is_reserved(stage: Stage) -> None:
    event = StockReserved(order_id=placed(stage), total_minor=250, currency="GBP", payment_method="tok_ok")
    assert stage.act(batch("orders-stock-reserved", event)) == DONE


@exercise(EVENTS)
def hears_that_it_is_paid(stage: Stage) -> None:
    event = PaymentCaptured(order_id=placed(stage), payment_id="1", amount_minor=250)
    assert stage.act(batch("orders-payment-captured", event)) == DONE


@exercise(EVENTS)
def hears_that_it_is_not_paid(stage: Stage) -> None:
    event = PaymentDeclined(order_id=placed(stage), reason="card_declined")
    assert stage.act(batch("orders-payment-declined", event)) == DONE


@exercise(EVENTS)
def keeps_what_a_wide_order_is_short_of(stage: Stage) -> None:
    short = tuple(ShortItem(product_id=f"product-{number}", requested=1, available=0) for number in range(WIDE))
    event = StockRejected(order_id=placed(stage, WIDE), short_items=short)
    assert stage.act(batch("orders-stock-rejected", event)) == DONE


@exercise(EVENTS)
def asks_after_wide_orders_and_forgets_old_keys(stage: Stage) -> None:
    event = with_key(wanted(*(f"product-{number}" for number in range(WIDE))), uuid7())
    answer(stage.prepare(HTTP, event), 201)
    stage.act_rounds()
