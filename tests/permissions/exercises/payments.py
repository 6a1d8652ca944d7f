"""What the functions of the payments service do."""

import json
from typing import Any

from souk_chassis import wire
from souk_chassis.aws.client import AwsClient
from souk_chassis.ids import uuid7
from souk_chassis.manifest import Part
from souk_chassis.record import Record
from souk_chassis.storage.dynamodb.client import DynamoClient
from souk_chassis.storage.dynamodb.record_rows import table_of
from souk_contracts.orders import OrderCancelled, OrderOverdue, OrderReturned
from souk_contracts.payments import RefundOwed
from souk_contracts.products import StockReserved
from souk_payments.domain import cancel_key
from souk_payments.manifest import service
from souk_payments.records import Payment, SandboxOrder
from tests.permissions.events import DONE, answer, batch, http
from tests.permissions.exercise import exercise, queues_exercises
from tests.permissions.exercises.orders import placed
from tests.permissions.stage import Stage

HTTP, _, EVENTS = (service.function(part) for part in Part)
PRICE = 250
FACTS: dict[str, Any] = {"email": "ann@example.org", "total_minor": PRICE, "currency": "GBP"}

queues_exercises(service)


def reserved(order_id: str) -> StockReserved:
    """What an order wants is held, and is to be paid."""
    return StockReserved(order_id=order_id, total_minor=PRICE, currency="GBP", payment_method="tok_ok")


def paid(stage: Stage, order_id: str | None = None) -> str:
    """An order that was paid, though there need be none of this id."""
    order = order_id or uuid7()
    assert stage.prepare(EVENTS, batch("payments-stock-reserved", reserved(order))) == DONE
    return order


def refund_owed(stage: Stage) -> RefundOwed:
    """A paid order was cancelled: its money is to be given back."""
    order_id = paid(stage)
    event = OrderCancelled(order_id=order_id, reason="no more", **FACTS)
    assert stage.prepare(EVENTS, batch("payments-order-cancelled", event)) == DONE
    return RefundOwed(
        order_id=order_id, refund_key=cancel_key(order_id), payment_id="1", amount_minor=PRICE, currency="GBP"
    )


def change(stage: Stage, kind: type[Record], key: str, **fields: Any) -> None:
    """Change fields of a record behind the service's back."""
    table = table_of(kind).name

    async def update(_: AwsClient, dynamo: DynamoClient) -> None:
        item = (await dynamo.call("GetItem", {"TableName": table, "Key": {"key": {"S": key}}}))["Item"]
        record = {**wire.decode(item["record"]["S"], dict[str, Any]), **fields}
        await dynamo.call("PutItem", {"TableName": table, "Item": {**item, "record": {"S": json.dumps(record)}}})

    stage.as_owner(update)


@exercise(HTTP)
def shows_its_books(stage: Stage) -> None:
    paid(stage)
    assert answer(stage.act(http("GET /books/payments")), 200)["items"]


@exercise(EVENTS)
def charges(stage: Stage) -> None:
    assert stage.act(batch("payments-stock-reserved", reserved(uuid7()))) == DONE


@exercise(EVENTS)
def asks_the_provider_whether_it_has_charged(stage: Stage) -> None:
    assert stage.act(batch("payments-stock-reserved", reserved(uuid7()), attempt=2)) == DONE


@exercise(EVENTS)
def owes_what_was_cancelled(stage: Stage) -> None:
    event = OrderCancelled(order_id=paid(stage), reason="no more", **FACTS)
    assert stage.act(batch("payments-order-cancelled", event)) == DONE


@exercise(EVENTS)
def owes_what_came_back(stage: Stage) -> None:
    event = OrderReturned(order_id=paid(stage), return_id=uuid7(), amount_minor=PRICE, items=(), **FACTS)
    assert stage.act(batch("payments-order-returned", event)) == DONE


@exercise(EVENTS)
def tells_again(stage: Stage) -> None:
    event = OrderOverdue(order_id=paid(stage), payment_method="tok_ok", items=(), **FACTS)
    assert stage.act(batch("payments-order-overdue", event)) == DONE


@exercise(EVENTS)
def refunds(stage: Stage) -> None:
    assert stage.act(batch("payments-refund-owed", refund_owed(stage))) == DONE


@exercise(EVENTS)
def looks_twice_at_a_refund_that_is_too_much(stage: Stage) -> None:
    owed = refund_owed(stage)
    change(stage, Payment, owed.order_id, owed_minor=0)
    assert stage.act(batch("payments-refund-owed", owed)) != DONE


@exercise(EVENTS)
def looks_twice_at_a_refund_that_the_provider_refuses(stage: Stage) -> None:
    owed = refund_owed(stage)
    change(stage, SandboxOrder, owed.order_id, charges=())
    assert stage.act(batch("payments-refund-owed", owed)) != DONE


@exercise(EVENTS)
def gives_back_what_no_order_has_and_watches_the_others(stage: Stage) -> None:
    paid(stage)
    paid(stage, placed(stage))
    stage.act_rounds()
