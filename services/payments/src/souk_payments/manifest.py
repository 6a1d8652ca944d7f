"""What the payments service owns, offers, calls, publishes and consumes."""

from souk_chassis.manifest import Consumer, Outside, Part, Service, Uses
from souk_contracts.orders import FindOrderStates, OrderCancelled, OrderOverdue, OrderReturned
from souk_contracts.payments import GetPaymentBooks, PaymentCaptured, PaymentDeclined, PaymentRefunded, RefundOwed
from souk_contracts.products import StockReserved
from souk_payments.charging import charge_reserved, give_refunds
from souk_payments.consumers import (
    cancel_payments,
    record_charges,
    record_refunds,
    refund_returns,
    say_outcomes_again,
)
from souk_payments.operations import get_payment_books
from souk_payments.records import Checkpoint, Payment, Refund, SandboxOrder

PROVIDER_ATTEMPTS = 12
"""About five minutes of tries: an outside system is away for longer than a database."""
CHARGE_LOOPS = 4
"""Batches of charges under way at once: a slow charge holds up its own batch alone."""

service = Service(
    "payments",
    "payment-service",
    keeps=[Payment, Refund, Checkpoint, SandboxOrder],
    implements={
        GetPaymentBooks: get_payment_books,
    },
    publishes=[PaymentCaptured, PaymentDeclined, PaymentRefunded, RefundOwed],
    consumes={
        StockReserved: Consumer(
            apply=record_charges, ask=charge_reserved, attempts=PROVIDER_ATTEMPTS, loops=CHARGE_LOOPS, writes=2
        ),
        OrderCancelled: Consumer(apply=cancel_payments, writes=2),
        OrderReturned: Consumer(apply=refund_returns, writes=2),
        OrderOverdue: Consumer(apply=say_outcomes_again),
        RefundOwed: Consumer(apply=record_refunds, ask=give_refunds, attempts=PROVIDER_ATTEMPTS, writes=2),
    },
    parts={
        Part.HTTP: Uses(reads=[Payment, SandboxOrder]),
        Part.EVENTS: Uses(calls=[FindOrderStates]),
    },
    reaches=[Outside("payment-provider", (443,), "SOUK_STRIPE_URL")],
)
