"""The rules of payments: what may be given back, and which state follows which."""

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from souk_payments.domain import (
    FOLLOWERS,
    Captured,
    Charge,
    Declined,
    given_back,
    outcome_of,
    refund_due,
)
from souk_payments.records import Payment, PaymentState

AT = datetime(2025, 6, 1, tzinfo=UTC)
CHARGE = Charge("o-1", "o-1", 1000, "GBP", "tok_ok")


def payment(state: PaymentState, **fields: Any) -> Payment:
    return Payment(order_id="o-1", state=state, currency="GBP", created_at=AT, **fields)


def test_a_captured_charge_makes_a_captured_payment() -> None:
    made = outcome_of(CHARGE, Captured("p-1", 1000), AT)
    assert (made.state, made.payment_id, made.captured_minor) == (PaymentState.CAPTURED, "p-1", 1000)
    assert not made.awaits_charge


def test_a_declined_charge_takes_no_money() -> None:
    made = outcome_of(CHARGE, Declined("card_declined"), AT)
    assert (made.state, made.captured_minor, made.reason) == (PaymentState.DECLINED, 0, "card_declined")


def test_a_cancellation_awaits_a_charge_until_one_comes() -> None:
    assert payment(PaymentState.CANCELLED).awaits_charge
    assert not payment(PaymentState.CANCELLED, payment_id="p-1", captured_minor=5).awaits_charge


@given(captured_minor=st.integers(0, 10**10), wishes=st.lists(st.none() | st.integers(0, 10**10), max_size=20))
def test_no_sequence_of_refunds_gives_back_more_than_was_captured(
    captured_minor: int, wishes: list[int | None]
) -> None:
    known = payment(PaymentState.CAPTURED, payment_id="p-1", captured_minor=captured_minor)
    for wanted_minor in wishes:
        due_minor = refund_due(known, wanted_minor)
        assert 0 <= due_minor <= (captured_minor if wanted_minor is None else wanted_minor)
        known = replace(known, owed_minor=known.owed_minor + due_minor)
        if due_minor:
            before = known.state
            known = given_back(known, due_minor)
            assert known.state == before or known.state in FOLLOWERS[before]
        assert known.refunded_minor == known.owed_minor <= captured_minor
    if None in wishes and captured_minor:
        assert known.state is PaymentState.REFUNDED


def test_more_than_is_owed_is_never_given_back() -> None:
    known = payment(PaymentState.CAPTURED, payment_id="p-1", captured_minor=10, owed_minor=4)
    with pytest.raises(ValueError, match="5 refunded, and 4 owed"):
        given_back(known, 5)


def test_what_is_refunded_or_declined_is_not_refunded_again() -> None:
    for state in (PaymentState.REFUNDED, PaymentState.DECLINED):
        with pytest.raises(ValueError, match="does not follow"):
            given_back(payment(state), 0)
