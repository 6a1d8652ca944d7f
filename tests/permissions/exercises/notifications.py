"""What the functions of the notifications service do."""

from typing import Any

from souk_chassis.ids import uuid7
from souk_chassis.manifest import Part
from souk_contracts.orders import OrderConfirmed
from souk_notifications.manifest import service
from tests.permissions.events import DONE, answer, batch, http
from tests.permissions.exercise import exercise, queues_exercises
from tests.permissions.exercises.users import registered
from tests.permissions.stage import Stage

HTTP, _, EVENTS = (service.function(part) for part in Part)
FACTS: dict[str, Any] = {"total_minor": 250, "currency": "GBP"}

queues_exercises(service)


def mailed(stage: Stage) -> tuple[str, str]:
    """The customer and the order of a mail that went out."""
    customer, order_id = uuid7(), uuid7()
    event = OrderConfirmed(order_id=order_id, customer_id=customer, email="ann@example.org", **FACTS)
    assert stage.prepare(EVENTS, batch("notifications-order-confirmed", event)) == DONE
    return customer, order_id


@exercise(HTTP)
def lists_mails(stage: Stage) -> None:
    customer, order_id = mailed(stage)
    own = {"role": "customer", "userId": customer}
    for event in (
        http("GET /mails"),
        http("GET /mails", query=f"orderId={order_id}"),
        http("GET /mails", caller=own),
    ):
        assert answer(stage.act(event), 200)["items"]


@exercise(HTTP)
def shows_its_books(stage: Stage) -> None:
    mailed(stage)
    assert answer(stage.act(http("GET /books/mails")), 200)["items"]


@exercise(EVENTS)
def mails_a_customer(stage: Stage) -> None:
    user_id, _ = registered(stage)
    event = OrderConfirmed(order_id=uuid7(), customer_id=user_id, **FACTS)
    assert stage.act(batch("notifications-order-confirmed", event)) == DONE
