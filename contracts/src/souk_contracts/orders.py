"""Orders: placing, following, cancelling, shipping and returning them."""

from datetime import datetime
from typing import Annotated

import msgspec

from souk_chassis.errors import ErrorKind, ErrorType
from souk_chassis.events.event import Event
from souk_chassis.ids import Id
from souk_chassis.money import Money
from souk_chassis.operation import GET, POST, Access, Operation
from souk_chassis.text import Cursor, Email
from souk_chassis.wire import Lenient, Message
from souk_contracts.order_books import OrderBooks, OrderStates, OrderStatesQuery
from souk_contracts.order_status import OrderStatus
from souk_contracts.products import ShortItem
from souk_contracts.shop import MAX_LINES, BookRequest, Limit, Quantity

OrderNotFound = ErrorType(ErrorKind.NOT_FOUND, "order_not_found", "There is no such order.")
OrderDiffers = ErrorType(
    ErrorKind.CONFLICT, "idempotency_conflict", "An order with this id or key was placed with a different body."
)
PriceChanged = ErrorType(ErrorKind.CONFLICT, "price_changed", "A price is no longer what the order says.")
UnknownProduct = ErrorType(ErrorKind.INVALID, "unknown_product", "The shop has no such product.")
WrongTotal = ErrorType(ErrorKind.INVALID, "wrong_total", "The total is not the sum of the items.")
OutOfRange = ErrorType(ErrorKind.INVALID, "out_of_range", "The order's total is more than 99,999,999.99.")
EmailNeeded = ErrorType(ErrorKind.INVALID, "email_needed", "A guest gives an e-mail address.")
NotForOthers = ErrorType(ErrorKind.FORBIDDEN, "not_for_others", "A customer orders for himself.")
TooLate = ErrorType(ErrorKind.CONFLICT, "too_late", "The order can no longer be cancelled.")
NotNow = ErrorType(ErrorKind.CONFLICT, "not_in_this_state", "The order's state does not allow this.")
ReturnDiffers = ErrorType(
    ErrorKind.CONFLICT, "idempotency_conflict", "A return of this order with this key had a different body."
)
TooManyReturned = ErrorType(ErrorKind.CONFLICT, "too_many_returned", "That is more than was bought and not returned.")


MAX_IDEMPOTENCY_KEY = 255
MAX_PAYMENT_METHOD = 64
"""The most characters of each."""

PaymentMethod = Annotated[
    str,
    msgspec.Meta(
        pattern=r"^[A-Za-z0-9_-]+(?!\n)$",
        max_length=MAX_PAYMENT_METHOD,
        description="A token of the payment provider, never a card",
    ),
]
IdempotencyKey = Annotated[
    str,
    msgspec.Meta(
        pattern=r"^[\x21-\x7e]+(?!\n)$", max_length=MAX_IDEMPOTENCY_KEY, description="1 to 255 visible characters"
    ),
]


class NewOrderItem(Message, frozen=True, kw_only=True):
    """A line of a new order. `unit_price` must be the price now; administrators and services may set it."""

    product_id: Id
    quantity: Quantity
    unit_price: Money | None = None


class NewOrder(Message, frozen=True, kw_only=True):
    """An order to be placed. `id` or the header `Idempotency-Key` makes a repeat safe."""

    items: Annotated[tuple[NewOrderItem, ...], msgspec.Meta(min_length=1, max_length=MAX_LINES)]
    id: Id | None = None
    customer_id: Id | None = None
    total: Money | None = None
    email: Email | None = None
    payment_method: PaymentMethod = "tok_ok"
    idempotency_key: IdempotencyKey | None = None


class OrderReceipt(Lenient, frozen=True, kw_only=True, omit_defaults=True):
    """The answer to a placed order. `token` is for guests; `cached` says that last known prices were used."""

    order_id: str
    status: OrderStatus
    total: Money
    currency: str
    token: str | None = None
    cached: bool = False


class OrderRef(Message, frozen=True, kw_only=True):
    """One order, by id."""

    order_id: Id


class OrderQuery(Message, frozen=True, kw_only=True):
    """A list of orders, newest first: a customer's own, for administrators anyone's or all."""

    customer_id: Id | None = None
    status: OrderStatus | None = None
    limit: Limit = 50
    cursor: Cursor | None = None


class OrderSummary(Lenient, frozen=True, kw_only=True):
    """An order in a list."""

    order_id: str
    customer_id: str | None
    status: OrderStatus
    total: Money
    currency: str
    created_at: datetime


class OrderPage(Lenient, frozen=True, kw_only=True):
    """A page of orders."""

    items: tuple[OrderSummary, ...]
    next: str | None


class OrderLine(Lenient, frozen=True, kw_only=True):
    """A line of an order. `returned` are the units that came back."""

    item_id: int
    product_id: str
    quantity: int
    unit_price: Money
    returned: int


class StatusChange(Lenient, frozen=True, kw_only=True):
    """A step in an order's history."""

    status: OrderStatus
    at: datetime
    reason: str | None = None


class ShortLine(Lenient, frozen=True, kw_only=True):
    """A product that kept an order from being accepted."""

    product_id: str
    requested: int
    available: int


class OrderDetails(Lenient, frozen=True, kw_only=True):
    """An order, whole."""

    order_id: str
    customer_id: str | None
    status: OrderStatus
    total: Money
    currency: str
    items: tuple[OrderLine, ...]
    history: tuple[StatusChange, ...]
    short_items: tuple[ShortLine, ...]
    prices_cached: bool
    created_at: datetime
    updated_at: datetime


class OrderUpdate(Lenient, frozen=True, kw_only=True):
    """One of the server-sent events of an order."""

    order_id: str
    status: OrderStatus
    at: datetime
    reason: str | None = None


class ReturnItem(Message, frozen=True, kw_only=True):
    """Units of a product that come back."""

    product_id: Id
    quantity: Quantity


class NewReturn(Message, frozen=True, kw_only=True):
    """A return of some or all items. The header `Idempotency-Key` makes a repeat safe."""

    order_id: Id
    items: Annotated[tuple[ReturnItem, ...], msgspec.Meta(min_length=1, max_length=MAX_LINES)]
    idempotency_key: IdempotencyKey | None = None


class ReturnReceipt(Lenient, frozen=True, kw_only=True):
    """The answer to a return."""

    order_id: str
    return_id: str
    status: OrderStatus
    refund: Money
    currency: str


PlaceOrder = Operation(
    "place_order",
    "orders",
    POST("/orders"),
    request=NewOrder,
    response=OrderReceipt,
    status=201,
    access=Access.PUBLIC,
    summary="Place an order",
    idempotent=True,
    errors=[UnknownProduct, WrongTotal, OutOfRange, EmailNeeded, NotForOthers, PriceChanged, OrderDiffers],
    headers={"idempotency_key": "Idempotency-Key"},
    location="/orders/{orderId}",
    token_optional=True,
)
GetOrder = Operation(
    "get_order",
    "orders",
    GET("/orders/{orderId}"),
    request=OrderRef,
    response=OrderDetails,
    access=Access.OWNER,
    summary="An order with its items, status and history",
    idempotent=True,
    errors=[OrderNotFound],
)
ListOrders = Operation(
    "list_orders",
    "orders",
    GET("/orders"),
    request=OrderQuery,
    response=OrderPage,
    access=Access.CUSTOMER,
    summary="Orders, newest first",
    idempotent=True,
    errors=[NotForOthers],
)
CancelOrder = Operation(
    "cancel_order",
    "orders",
    POST("/orders/{orderId}/cancel"),
    request=OrderRef,
    response=OrderDetails,
    access=Access.OWNER,
    summary="Cancel an order that is not shipped",
    idempotent=True,
    errors=[OrderNotFound, TooLate],
)
ShipOrder = Operation(
    "ship_order",
    "orders",
    POST("/orders/{orderId}/ship"),
    request=OrderRef,
    response=OrderDetails,
    access=Access.ADMIN,
    summary="Say that a confirmed order was shipped",
    idempotent=True,
    errors=[OrderNotFound, NotNow],
)
DeliverOrder = Operation(
    "deliver_order",
    "orders",
    POST("/orders/{orderId}/deliver"),
    request=OrderRef,
    response=OrderDetails,
    access=Access.ADMIN,
    summary="Say that a shipped order was delivered",
    idempotent=True,
    errors=[OrderNotFound, NotNow],
)
ReturnItems = Operation(
    "return_items",
    "orders",
    POST("/orders/{orderId}/returns"),
    request=NewReturn,
    response=ReturnReceipt,
    status=201,
    access=Access.OWNER,
    summary="Return items: they are restocked and refunded",
    errors=[OrderNotFound, NotNow, TooManyReturned, ReturnDiffers],
    headers={"idempotency_key": "Idempotency-Key"},
)
FollowOrder = Operation(
    "follow_order",
    "orders",
    GET("/orders/{orderId}/events"),
    request=OrderRef,
    response=OrderUpdate,
    access=Access.OWNER,
    summary="Server-sent events of an order until it ends",
    idempotent=True,
    errors=[OrderNotFound],
    streams=True,
    timeout_s=300.0,
)
FindOrderStates = Operation(
    "find_order_states",
    "orders",
    None,
    request=OrderStatesQuery,
    response=OrderStates,
    access=Access.SERVICE,
    summary="The states of orders, for reconcilers",
    idempotent=True,
)
GetOrderBooks = Operation(
    "get_order_books",
    "orders",
    GET("/books/orders"),
    request=BookRequest,
    response=OrderBooks,
    access=Access.ADMIN,
    summary="The orders' books, for the audit",
    idempotent=True,
)


class OrderedItem(Lenient, frozen=True, kw_only=True):
    """Units of a product, summed over an order's lines."""

    product_id: str
    quantity: int


class SoldItem(Lenient, frozen=True, kw_only=True):
    """Units of a product at one price, summed over an order's lines."""

    product_id: str
    quantity: int
    unit_price_minor: int


class OrderEvent(Event, frozen=True, kw_only=True):
    """Base of the orders service's events: whose order it is. `email` is a guest's."""

    order_id: str
    customer_id: str | None = None
    email: str | None = None
    total_minor: int
    currency: str

    @property
    def subject(self) -> str:
        """The order's id."""
        return self.order_id


class OrderCreated(OrderEvent, frozen=True, kw_only=True):
    """An order was placed."""

    payment_method: str
    items: tuple[OrderedItem, ...]


class OrderOverdue(OrderEvent, frozen=True, kw_only=True):
    """An order has not ended in time: whoever knows something of it says it again."""

    payment_method: str
    items: tuple[OrderedItem, ...]


class OrderConfirmed(OrderEvent, frozen=True, kw_only=True):
    """An order was reserved and paid. `items` is empty only in events of release 0.1.0."""

    items: tuple[SoldItem, ...] = ()


class OrderRejected(OrderEvent, frozen=True, kw_only=True):
    """An order could not be reserved."""

    short_items: tuple[ShortItem, ...]


class OrderCancelled(OrderEvent, frozen=True, kw_only=True):
    """An order was cancelled: what was taken is given back."""

    reason: str


class OrderShipped(OrderEvent, frozen=True, kw_only=True):
    """An order was shipped."""


class OrderDelivered(OrderEvent, frozen=True, kw_only=True):
    """An order was delivered."""


class OrderReturned(OrderEvent, frozen=True, kw_only=True):
    """Items came back: they are restocked, and `amount_minor` is refunded."""

    return_id: str
    amount_minor: int
    items: tuple[OrderedItem, ...]
