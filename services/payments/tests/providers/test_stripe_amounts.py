"""Hundredths, as Souk counts, against the smallest unit of each currency, as Stripe counts."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from souk_payments.providers.stripe_amounts import from_stripe, to_stripe


@pytest.mark.parametrize(
    ("amount_minor", "currency", "amount"),
    [(255, "GBP", 255), (500, "JPY", 5), (550, "JPY", None), (255, "kwd", 2550), (0, "JPY", 0)],
)
def test_amounts_in_each_kind_of_currency(amount_minor: int, currency: str, amount: int | None) -> None:
    assert to_stripe(amount_minor, currency) == amount


@given(st.integers(0, 10**12), st.sampled_from(["GBP", "JPY", "KWD", "eur"]))
def test_an_amount_comes_back_as_it_went(amount_minor: int, currency: str) -> None:
    amount = to_stripe(amount_minor, currency)
    if amount is not None:
        assert from_stripe(amount, currency) == amount_minor
    else:
        assert amount_minor % 100
