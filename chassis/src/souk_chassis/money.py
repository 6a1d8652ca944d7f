"""Money: decimal at the edge, integer minor units inside.

`Money` is an `int` of minor units (pence), so sums and comparisons are exact and cheap. On the wire it is a
decimal string with two places; JSON numbers are accepted too. Units are those of the shop's one currency.
"""

from decimal import Decimal, InvalidOperation

MAX_MINOR = 9_999_999_999
"""The largest amount, in minor units: 99,999,999.99, what `decimal(10,2)` holds."""


class Money(int):
    """An amount in minor units, 0 to `MAX_MINOR`. `Money(255)` is 2.55."""

    __slots__ = ()

    @classmethod
    def parse(cls, value: str | int | float) -> "Money":
        """Read an amount as the wire gives it: "2.55", 2.55 or 2.

        Raises ValueError, with a sentence for the caller, for anything that is no amount with at most two places
        between 0.00 and 99999999.99.
        """
        if isinstance(value, bool) or not isinstance(value, str | int | float):
            raise ValueError("Expected an amount such as 2.55")
        if isinstance(value, int) and not 0 <= value <= MAX_MINOR // 100:
            raise ValueError("Expected an amount from 0.00 to 99999999.99")  # and repr() refuses very long ones
        text = value if isinstance(value, str) else repr(value)
        if len(text) > 32:
            raise ValueError("Expected an amount of at most 32 characters")
        try:
            amount = Decimal(text)
        except InvalidOperation:
            raise ValueError("Expected an amount such as 2.55") from None
        if not amount.is_finite() or not text.isascii() or "_" in text or text != text.strip():
            raise ValueError("Expected an amount such as 2.55")
        if amount < 0 or amount.adjusted() > 7:
            raise ValueError("Expected an amount from 0.00 to 99999999.99")
        minor = int(amount * 100)
        if Decimal(minor) / 100 != amount:  # exact, where the product may have been rounded
            raise ValueError("Expected an amount with at most two decimal places")
        return cls(minor)

    def __str__(self) -> str:
        return f"{self // 100}.{self % 100:02d}"

    def __repr__(self) -> str:
        return f"Money({int(self)})"
