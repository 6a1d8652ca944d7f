"""What reconcilers and the audit ask of orders: states and books."""

from typing import Annotated

import msgspec

from souk_chassis.ids import Id
from souk_chassis.wire import Lenient, Message
from souk_contracts.order_status import OrderStatus


class OrderStatesQuery(Message, frozen=True, kw_only=True):
    """The orders whose states are asked for."""

    order_ids: Annotated[tuple[Id, ...], msgspec.Meta(max_length=1000)]


class OrderState(Lenient, frozen=True, kw_only=True):
    """The state of one order."""

    order_id: str
    status: OrderStatus


class OrderStates(Lenient, frozen=True, kw_only=True):
    """The states of those orders that exist, in no order."""

    items: tuple[OrderState, ...]


class OrderBook(Lenient, frozen=True, kw_only=True):
    """What the orders service knows of one order, for the audit. Amounts in minor units, age in seconds."""

    order_id: str
    status: OrderStatus
    total_minor: int
    returned_minor: int
    units: int
    returned_units: int
    age_s: float
    idle_s: float


class OrderBooks(Lenient, frozen=True, kw_only=True):
    """A page of the orders' books."""

    items: tuple[OrderBook, ...]
    next: str | None
    saga_limit_s: float
