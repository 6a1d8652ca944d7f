"""What a payment is, which state may follow which, and how much may be given back."""

from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Final

from msgspec.structs import replace

from souk_payments.records import Payment, PaymentState

FOLLOWERS: Final = MappingProxyType(
    {
        None: frozenset({PaymentState.CAPTURED, PaymentState.DECLINED, PaymentState.CANCELLED}),
        PaymentState.CAPTURED: frozenset({PaymentState.REFUNDED}),
        PaymentState.DECLINED: frozenset(),
        PaymentState.CANCELLED: frozenset({PaymentState.REFUNDED}),
        PaymentState.REFUNDED: frozenset(),
    }
)
"""Which states may follow which; None is an order of which nothing is known."""

FREE: Final = "free"
"""The payment id of an order that costs nothing: no provider is asked for it."""


@dataclass(frozen=True, slots=True)
class Charge:
    """What the provider is asked for. The same `key` never charges twice."""

    order_id: str
    key: str
    amount_minor: int
    currency: str
    method: str


@dataclass(frozen=True, slots=True)
class Captured:
    """The provider took the money."""

    payment_id: str
    amount_minor: int


@dataclass(frozen=True, slots=True)
class Declined:
    """The provider would not. `reason` is its code, such as `insufficient_funds`."""

    reason: str


def cancel_key(order_id: str) -> str:
    """The refund key of a cancelled order."""
    return f"cancel:{order_id}"


def return_key(return_id: str) -> str:
    """The refund key of a return."""
    return f"return:{return_id}"


def outcome_of(charge: Charge, outcome: Captured | Declined, at: datetime) -> Payment:
    """The payment that a charge makes."""
    if isinstance(outcome, Declined):
        return Payment(
            order_id=charge.order_id,
            state=PaymentState.DECLINED,
            currency=charge.currency,
            created_at=at,
            method=charge.method,
            reason=outcome.reason,
        )
    return Payment(
        order_id=charge.order_id,
        state=PaymentState.CAPTURED,
        currency=charge.currency,
        created_at=at,
        method=charge.method,
        payment_id=outcome.payment_id,
        captured_minor=outcome.amount_minor,
        captured_since=at,
    )


def charged_late(cancelled: Payment, charged: Payment) -> Payment:
    """The payment of a cancelled order whose charge came in all the same. Its money is owed."""
    return replace(
        cancelled, payment_id=charged.payment_id, captured_minor=charged.captured_minor, method=charged.method
    )


def refund_due(payment: Payment, wanted_minor: int | None) -> int:
    """How much may be given back of what is wanted (None: of everything), in minor units."""
    left_minor = payment.captured_minor - payment.owed_minor
    return left_minor if wanted_minor is None else max(0, min(wanted_minor, left_minor))


def given_back(payment: Payment, amount_minor: int) -> Payment:
    """The payment after a refund was done. Raises ValueError where that is not owed."""
    refunded_minor = payment.refunded_minor + amount_minor
    if refunded_minor > payment.owed_minor:
        raise ValueError(f"{payment.order_id}: {refunded_minor} refunded, and {payment.owed_minor} owed")
    if refunded_minor < payment.captured_minor:
        return replace(payment, refunded_minor=refunded_minor)
    if PaymentState.REFUNDED not in FOLLOWERS[payment.state]:
        raise ValueError(f"{payment.order_id}: REFUNDED does not follow {payment.state}")
    return replace(payment, refunded_minor=refunded_minor, state=PaymentState.REFUNDED, captured_since=None)
