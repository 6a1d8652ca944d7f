"""The rules of payments: what may be given back, and which state follows which."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from souk_payments.domain import (
    FOLLOWERS,
    Captured,
    Charge,
    Declined,
    Payment,
    PaymentState,
    given_back,
    outcome_of,
    refund_due,
)

CHARGE = Charge("o-1", "o-1", 1000, "GBP", "tok_ok")


def test_a_captured_charge_makes_a_captured_payment() -> None:
    payment = outcome_of(CHARGE, Captured("p-1", 1000))
    assert (payment.state, payment.payment_id, payment.captured_minor) == (PaymentState.CAPTURED, "p-1", 1000)
    assert not payment.awaits_charge


def test_a_declined_charge_takes_no_money() -> None:
    payment = outcome_of(CHARGE, Declined("card_declined"))
    assert (payment.state, payment.captured_minor, payment.reason) == (PaymentState.DECLINED, 0, "card_declined")


def test_a_cancellation_awaits_a_charge_until_one_comes() -> None:
    assert Payment("o-1", PaymentState.CANCELLED, "GBP").awaits_charge
    assert not Payment("o-1", PaymentState.CANCELLED, "GBP", payment_id="p-1", captured_minor=5).awaits_charge


@given(captured_minor=st.integers(0, 10**10), wishes=st.lists(st.none() | st.integers(0, 10**10), max_size=20))
def test_no_sequence_of_refunds_gives_back_more_than_was_captured(
    captured_minor: int, wishes: list[int | None]
) -> None:
    payment = Payment("o-1", PaymentState.CAPTURED, "GBP", payment_id="p-1", captured_minor=captured_minor)
    for wanted_minor in wishes:
        due_minor = refund_due(payment, wanted_minor)
        assert 0 <= due_minor <= (captured_minor if wanted_minor is None else wanted_minor)
        payment = Payment(
            "o-1",
            payment.state,
            "GBP",
            payment_id="p-1",
            captured_minor=captured_minor,
            owed_minor=payment.owed_minor + due_minor,
            refunded_minor=payment.refunded_minor,
        )
        if due_minor:
            before = payment.state
            payment = given_back(payment, due_minor)
            assert payment.state == before or payment.state in FOLLOWERS[before]
        assert payment.refunded_minor == payment.owed_minor <= captured_minor
    if None in wishes and captured_minor:
        assert payment.state is PaymentState.REFUNDED


def test_more_than_is_owed_is_never_given_back() -> None:
    payment = Payment("o-1", PaymentState.CAPTURED, "GBP", payment_id="p-1", captured_minor=10, owed_minor=4)
    with pytest.raises(ValueError, match="5 refunded, and 4 owed"):
        given_back(payment, 5)


def test_what_is_refunded_or_declined_is_not_refunded_again() -> None:
    for state in (PaymentState.REFUNDED, PaymentState.DECLINED):
        with pytest.raises(ValueError, match="does not follow"):
            given_back(Payment("o-1", state, "GBP"), 0)
