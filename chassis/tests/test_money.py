"""Money: exact both ways, and nothing accepted that is no amount."""

from decimal import Decimal

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from souk_chassis import wire
from souk_chassis.money import MAX_MINOR, Money
from souk_chassis.wire import Message

amounts = st.integers(0, MAX_MINOR).map(Money)


class Price(Message, frozen=True, kw_only=True):
    amount: Money


@given(amounts)
def test_an_amount_survives_the_wire(amount: Money) -> None:
    sent = wire.encode(Price(amount=amount))
    assert sent == b'{"amount":"%d.%02d"}' % divmod(amount, 100)
    assert wire.decode(sent, Price) == Price(amount=amount)


@given(amounts)
def test_a_number_is_read_as_what_it_shows(amount: Money) -> None:
    assert wire.decode(b'{"amount":%s}' % str(amount).encode(), Price).amount == amount
    assert Money.parse(float(str(amount))) == amount


@given(amounts, amounts)
def test_sums_and_comparisons_are_exact(one: Money, other: Money) -> None:
    assert Decimal(str(one)) + Decimal(str(other)) == Decimal(int(one) + int(other)) / 100
    assert (one < other) == (Decimal(str(one)) < Decimal(str(other)))


@pytest.mark.parametrize(
    ("given", "minor"),
    [
        ("2.55", 255),
        ("2.5", 250),
        ("2", 200),
        ("0", 0),
        ("0.00", 0),
        ("-0", 0),
        ("002.50", 250),
        ("2.550", 255),
        ("1e2", 10_000),
        ("99999999.99", MAX_MINOR),
        (2, 200),
        (2.55, 255),
        (0.1, 10),
        (99999999.99, MAX_MINOR),
        (99_999_999, 9_999_999_900),
    ],
)
def test_what_is_an_amount(given: str | int | float, minor: int) -> None:
    amount = Money.parse(given)
    assert (amount, type(amount)) == (minor, Money)


NO_AMOUNTS = [
    "",
    " ",
    " 2.55",
    "2.55\n",
    "2,55",
    "2_000",
    "£2",
    "two",
    "0x10",
    "٢.٥٥",
    "١",
    "\uff12",
    "NaN",
    "sNaN",
    "Infinity",
    "-inf",
    "1e400",
    "1e-400",
    "1e9999999999999999999",
    "-0.01",
    "-1",
    "0.001",
    "2.555",
    "1.0000000000000000000000000001",
    "100000000",
    "99999999.991",
    "99999999.999999999999999999999999",
    "0" * 33,
    "9" * 100,
    True,
    False,
    None,
    [],
    -1,
    100_000_000,
    10**400,
    float("nan"),
    float("inf"),
    1e400,
    1e300,
    0.001,
    0.1 + 0.2,
    -0.01,
]


@pytest.mark.parametrize("given", NO_AMOUNTS)
def test_what_is_no_amount(given: object) -> None:
    with pytest.raises(ValueError, match="Expected an amount"):
        Money.parse(given)  # type: ignore[arg-type] # the point


def test_numbers_too_long_for_python_to_print_are_no_amounts() -> None:
    for number in (10**5_000, -(10**5_000)):
        with pytest.raises(ValueError, match="Expected an amount"):
            Money.parse(number)


@given(st.text(max_size=40) | st.text("0123456789.-+eE_ ", max_size=12))
@example("1e-2")
def test_any_text_is_an_exact_amount_or_refused(text: str) -> None:
    try:
        amount = Money.parse(text)
    except ValueError as error:
        assert str(error).startswith("Expected an amount")  # noqa: PT017 - most texts are none, some are
    else:
        assert 0 <= amount <= MAX_MINOR
        assert Decimal(int(amount)) / 100 == Decimal(text)


@pytest.mark.parametrize("given", [b'"2.555"', b"true", b"null", b"[]", b"{}", b"1e400", b"-1", b"9" * 30])
def test_the_wire_refuses_as_a_validation_error(given: bytes) -> None:
    with pytest.raises(msgspec.ValidationError):
        wire.decode(b'{"amount":' + given + b"}", Price)
