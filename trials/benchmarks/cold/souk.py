"""The function as a Souk service: its manifest and its bootstrap, run by the Lambda runtime itself.

The runtime starts all that an order function has: the clients of AWS, DynamoDB's and the queues' among them, the ways
to other services, spans and logs. The operation needs none of it.
"""

import os
from typing import Annotated, Any

import msgspec

from souk_chassis.context import Context
from souk_chassis.ids import Id
from souk_chassis.manifest import Service
from souk_chassis.observability.logs import Log
from souk_chassis.operation import POST, Access, Operation
from souk_chassis.runtimes.instance import Foundation, Instance
from souk_chassis.runtimes.lambda_ import handler
from souk_chassis.wire import Message

__all__ = ["build", "handler", "service"]

os.environ |= {"SOUK_PART": "http", "SOUK_BOOTSTRAP": __name__, "AWS_REGION": "eu-west-2"}


class NewItem(Message, frozen=True, kw_only=True):
    """A line."""

    product_id: Id
    quantity: Annotated[int, msgspec.Meta(ge=1, le=1_000_000)]


class NewOrder(Message, frozen=True, kw_only=True):
    """An order."""

    id: Id
    items: Annotated[tuple[NewItem, ...], msgspec.Meta(min_length=1, max_length=2_000)]


class Receipt(Message, frozen=True, kw_only=True):
    """The answer."""

    order_id: str
    status: str
    units: int


PlaceOrder = Operation(
    "place_order",
    "stand_ins",
    POST("/orders"),
    request=NewOrder,
    response=Receipt,
    access=Access.PUBLIC,
    summary="Place an order",
    status=201,
)


async def place_order(_: Context[Any], order: NewOrder) -> Receipt:
    """Place an order."""
    return Receipt(order_id=order.id, status="PENDING", units=sum(item.quantity for item in order.items))


service = Service("stand_ins", "stand-in-service", owns=(), implements={PlaceOrder: place_order})


async def build(base: Foundation) -> Instance:
    """The service, which has no store."""
    return Instance(service, None, None, base.clock, Log(service.label))  # type: ignore[arg-type] # nothing asks for it
