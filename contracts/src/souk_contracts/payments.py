"""Payments: charges and refunds."""

from souk_chassis.events.event import Event
from souk_chassis.operation import GET, Access, Operation
from souk_chassis.wire import Lenient
from souk_contracts.shop import BookRequest


class PaymentBook(Lenient, frozen=True, kw_only=True):
    """What the payments service and its provider know of one order. Amounts in minor units.

    `charges` counts the captures at the provider: more than one is a double charge. The provider's figures are null
    where it keeps no books by order.
    """

    order_id: str
    state: str
    captured_minor: int
    refunded_minor: int
    provider_captured_minor: int | None
    provider_refunded_minor: int | None
    charges: int | None


class PaymentBooks(Lenient, frozen=True, kw_only=True):
    """A page of the payments' books."""

    items: tuple[PaymentBook, ...]
    next: str | None


GetPaymentBooks = Operation(
    "get_payment_books",
    "payments",
    GET("/books/payments"),
    request=BookRequest,
    response=PaymentBooks,
    access=Access.ADMIN,
    summary="The payments' books, for the audit",
    idempotent=True,
)


class PaymentEvent(Event, frozen=True, kw_only=True):
    """Base of the payments service's events."""

    order_id: str

    @property
    def subject(self) -> str:
        """The order's id."""
        return self.order_id


class PaymentCaptured(PaymentEvent, frozen=True, kw_only=True):
    """An order was paid."""

    payment_id: str
    amount_minor: int


class PaymentDeclined(PaymentEvent, frozen=True, kw_only=True):
    """The provider would not charge."""

    reason: str


class PaymentRefunded(PaymentEvent, frozen=True, kw_only=True):
    """Money was given back. `refund_id` is the provider's."""

    refund_id: str
    amount_minor: int


class RefundOwed(PaymentEvent, frozen=True, kw_only=True):
    """Money is to be given back: decided and stored, not yet done. The payments service alone hears it.

    `refund_key` is the provider's idempotency key: one refund a key, however often it is heard.
    """

    refund_key: str
    payment_id: str
    amount_minor: int
    currency: str
