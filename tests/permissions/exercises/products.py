"""What the functions of the products service do."""

from collections.abc import Sequence
from typing import Any

from souk_chassis.aws.client import AwsClient
from souk_chassis.ids import uuid7
from souk_chassis.manifest import Part
from souk_chassis.storage.dynamodb.client import DynamoClient
from souk_contracts.orders import OrderCancelled, OrderCreated, OrderedItem, OrderOverdue, OrderReturned
from souk_contracts.products import Quote, QuoteRequest
from souk_products.manifest import service
from souk_products.storage.dynamodb_rows import order_key
from souk_products.storage.dynamodb_unit import WIDE_ABOVE
from souk_products.tables import RESERVATIONS
from tests.permissions.events import DONE, answer, batch, call, http
from tests.permissions.exercise import exercise, key_of, queues_exercises
from tests.permissions.stage import Stage

HTTP, CALLS, EVENTS = (service.function(part) for part in Part)
PLENTY = 1_000_000
CONTENT = {"name": "Mug", "price": "2.50", "inventory": PLENTY}
FACTS: dict[str, Any] = {"email": "ann@example.org", "total_minor": 250, "currency": "GBP"}

queues_exercises(service)


def product(stage: Stage) -> str:
    """A new product, of which there is plenty."""
    product_id = uuid7()
    answer(stage.prepare(HTTP, http("PUT /products/{productId}", CONTENT, productId=product_id)), 201)
    return product_id


def created(items: Sequence[str], units: int = 1) -> OrderCreated:
    """An order of these products was placed."""
    wanted = tuple(OrderedItem(product_id=each, quantity=units) for each in items)
    return OrderCreated(order_id=uuid7(), payment_method="tok_ok", items=wanted, **FACTS)


def cancelled(order_id: str) -> OrderCancelled:
    """An order was cancelled."""
    return OrderCancelled(order_id=order_id, reason="no more", **FACTS)


def reserved(stage: Stage, items: Sequence[str]) -> OrderCreated:
    """An order for which these products are held."""
    event = created(items)
    assert stage.prepare(EVENTS, batch("products-order-created", event)) == DONE
    return event


def many(stage: Stage) -> list[str]:
    """Products for an order that is wider than a transaction."""
    return [product(stage) for _ in range(WIDE_ABOVE + 1)]


@exercise(HTTP)
def makes_and_changes_a_product(stage: Stage) -> None:
    product_id = uuid7()
    for status in (201, 200):
        answer(stage.act(http("PUT /products/{productId}", CONTENT, productId=product_id)), status)


@exercise(HTTP)
def shows_a_product(stage: Stage) -> None:
    answer(stage.act(http("GET /products/{productId}", productId=product(stage))), 200)


@exercise(HTTP)
def lists_products(stage: Stage) -> None:
    product(stage)
    assert answer(stage.act(http("GET /products", query="limit=1")), 200)["items"]


@exercise(HTTP)
def corrects_stock(stage: Stage) -> None:
    event = http("PATCH /products/{productId}/inventory", {"delta": -1}, productId=product(stage))
    assert answer(stage.act(event), 200)["inventory"] == PLENTY - 1


@exercise(HTTP)
def shows_its_books(stage: Stage) -> None:
    product(stage)
    assert answer(stage.act(http("GET /books/stock")), 200)["items"]
    answer(stage.act(http("GET /books/reservations")), 200)


@exercise(CALLS)
def quotes(stage: Stage) -> None:
    event = call(Quote, QuoteRequest(product_ids=(product(stage),)), key_of(stage, "orders"))
    assert stage.act(event)["status"] == 200


@exercise(EVENTS)
def reserves(stage: Stage) -> None:
    assert stage.act(batch("products-order-created", created([product(stage)]))) == DONE


@exercise(EVENTS)
def rejects_what_is_short_in_all_shards(stage: Stage) -> None:
    product_id = product(stage)
    spread = http("PATCH /products/{productId}/inventory", {"delta": 0, "shards": 2}, productId=product_id)
    answer(stage.prepare(HTTP, spread), 200)
    assert stage.act(batch("products-order-created", created([product_id], PLENTY + 1))) == DONE


@exercise(EVENTS)
def reserves_and_releases_a_wide_order(stage: Stage) -> None:
    event = created(many(stage))
    assert stage.act(batch("products-order-created", event)) == DONE
    assert stage.act(batch("products-order-cancelled", cancelled(event.order_id))) == DONE


@exercise(EVENTS)
def undoes_what_was_left_half_done(stage: Stage) -> None:
    event = reserved(stage, many(stage))
    bucket, key = order_key(event.order_id)
    request = {
        "TableName": RESERVATIONS.name,
        "Key": {"bucket": {"S": bucket}, "id": {"S": key}},
        "UpdateExpression": "SET #s = :s, #t = :t, #u = :u",
        "ExpressionAttributeNames": {"#s": "state", "#t": "token", "#u": "until"},
        "ExpressionAttributeValues": {
            ":s": {"S": "RESERVING"},
            ":t": {"S": "a dead function's"},
            ":u": {"S": "2020-01-01T00:00:00.000000+00:00"},
        },
    }

    async def leave(_: AwsClient, dynamo: DynamoClient) -> None:
        await dynamo.call("UpdateItem", request)

    stage.as_owner(leave)
    assert stage.act(batch("products-order-created", event)) == DONE


@exercise(EVENTS)
def restocks(stage: Stage) -> None:
    event = reserved(stage, [product(stage)])
    back = OrderReturned(order_id=event.order_id, return_id=uuid7(), amount_minor=250, items=event.items, **FACTS)
    assert stage.act(batch("products-order-returned", back)) == DONE


@exercise(EVENTS)
def tells_again(stage: Stage) -> None:
    event = reserved(stage, [product(stage)])
    late = OrderOverdue(order_id=event.order_id, payment_method="tok_ok", items=event.items, **FACTS)
    assert stage.act(batch("products-order-overdue", late)) == DONE


@exercise(EVENTS)
def gives_back_what_no_order_has_and_watches_the_others(stage: Stage) -> None:
    product_id = product(stage)
    reserved(stage, [product_id])
    body = {"email": "ann@example.org", "items": [{"productId": product_id, "quantity": 1}]}
    placed = answer(stage.prepare("order-service", http("POST /orders", body, caller={"role": "anonymous"})), 201)
    items = (OrderedItem(product_id=product_id, quantity=1),)
    event = OrderCreated(order_id=placed["orderId"], payment_method="tok_ok", items=items, **FACTS)
    assert stage.prepare(EVENTS, batch("products-order-created", event)) == DONE
    stage.act_rounds()
