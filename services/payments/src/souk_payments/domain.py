"""What a payment is, which state may follow which, and how much may be given back."""

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType
from typing import Final


class PaymentState(StrEnum):
    """The states of an order's payment."""

    CAPTURED = "CAPTURED"
    """The money was taken; some of it may have been given back."""
    DECLINED = "DECLINED"
    """The provider would not charge."""
    CANCELLED = "CANCELLED"
    """The order was cancelled before a charge was known here. What is charged all the same is given back."""
    REFUNDED = "REFUNDED"
    """All that was taken was given back."""


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


@dataclass(frozen=True, slots=True)
class Payment:
    """An order's payment. Amounts in minor units: 0 <= refunded <= owed <= captured.

    `owed_minor` is what was ever decided to be given back, `refunded_minor` the part that has been.
    """

    order_id: str
    state: PaymentState
    currency: str
    method: str | None = None
    payment_id: str | None = None
    captured_minor: int = 0
    owed_minor: int = 0
    refunded_minor: int = 0
    reason: str | None = None
    created_at: datetime | None = None

    @property
    def awaits_charge(self) -> bool:
        """Whether the order was cancelled, and no charge has come in since."""
        return self.state is PaymentState.CANCELLED and self.payment_id is None


@dataclass(frozen=True, slots=True)
class Refund:
    """Money given back, or to be: `refund_id` is the provider's, None until it is done."""

    refund_key: str
    order_id: str
    payment_id: str
    amount_minor: int
    currency: str
    refund_id: str | None = None


def cancel_key(order_id: str) -> str:
    """The refund key of a cancelled order."""
    return f"cancel:{order_id}"


def return_key(return_id: str) -> str:
    """The refund key of a return."""
    return f"return:{return_id}"


def outcome_of(charge: Charge, outcome: Captured | Declined) -> Payment:
    """The payment that a charge makes."""
    if isinstance(outcome, Declined):
        return Payment(
            charge.order_id, PaymentState.DECLINED, charge.currency, method=charge.method, reason=outcome.reason
        )
    return Payment(
        charge.order_id,
        PaymentState.CAPTURED,
        charge.currency,
        method=charge.method,
        payment_id=outcome.payment_id,
        captured_minor=outcome.amount_minor,
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
    return replace(payment, refunded_minor=refunded_minor, state=PaymentState.REFUNDED)
