"""What the payments service keeps, and what its sandbox provider keeps, which stands for an outside system."""

from datetime import datetime
from enum import StrEnum

import msgspec

from souk_chassis.record import Listed, Record


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


class Payment(Record, key="order_id"):
    """An order's payment. Amounts in minor units: 0 <= refunded <= owed <= captured.

    `owed_minor` is what was ever decided to be given back, `refunded_minor` the part that has been.
    """

    order_id: str
    state: PaymentState
    currency: str
    created_at: datetime
    method: str | None = None
    payment_id: str | None = None
    captured_minor: int = 0
    owed_minor: int = 0
    refunded_minor: int = 0
    reason: str | None = None
    captured_since: datetime | None = None
    """When it was made, while it is CAPTURED."""
    check_at: datetime | None = None
    """When the reconciler compares it with its order once more."""
    told_to: str | None = None
    """The last event that asked for the outcome and was answered."""

    every = Listed()
    captured = Listed(ordered_by="captured_since", spread=True)
    to_check = Listed(ordered_by="check_at", spread=True)

    @property
    def awaits_charge(self) -> bool:
        """Whether the order was cancelled, and no charge has come in since."""
        return self.state is PaymentState.CANCELLED and self.payment_id is None


class Refund(Record, key="refund_key"):
    """Money given back, or to be: `refund_id` is the provider's, None until it is done."""

    refund_key: str
    order_id: str
    payment_id: str
    amount_minor: int
    currency: str
    refund_id: str | None = None


class Checkpoint(Record, key="name"):
    """How far a round has come in a list: a cursor."""

    name: str
    cursor: str


class SandboxCharge(msgspec.Struct, frozen=True):
    """A charge in the sandbox's books. `declined` is the reason, None where the money was taken."""

    key: str
    payment_id: str
    amount_minor: int
    currency: str
    declined: str | None = None


class SandboxRefund(msgspec.Struct, frozen=True):
    """A refund in the sandbox's books."""

    key: str
    refund_id: str
    amount_minor: int


class SandboxOrder(Record, key="order_id"):
    """What the sandbox did for one order."""

    order_id: str
    charges: tuple[SandboxCharge, ...] = ()
    refunds: tuple[SandboxRefund, ...] = ()

    every = Listed()

    @property
    def captured(self) -> tuple[SandboxCharge, ...]:
        """The charges that took money."""
        return tuple(charge for charge in self.charges if charge.declined is None)

    @property
    def captured_minor(self) -> int:
        """What was taken, in minor units."""
        return sum(charge.amount_minor for charge in self.captured)

    @property
    def refunded_minor(self) -> int:
        """What was given back, in minor units."""
        return sum(refund.amount_minor for refund in self.refunds)
