"""Souk counts hundredths in every currency; Stripe counts in each currency's smallest unit.

The currencies that are no hundredths are those of https://docs.stripe.com/currencies (zero-decimal, three-decimal).
"""

from typing import Final

WHOLE: Final = frozenset(
    "BIF CLP DJF GNF JPY KMF KRW MGA PYG RWF VND VUV XAF XOF XPF".split()  # noqa: SIM905 - a table reads better
)
"""Currencies without a smaller unit."""
THOUSANDTHS: Final = frozenset({"BHD", "JOD", "KWD", "OMR", "TND"})
"""Currencies of a thousand smaller units."""


def to_stripe(amount_minor: int, currency: str) -> int | None:
    """Stripe's amount for hundredths; None where the currency has no such amount."""
    code = currency.upper()
    if code in WHOLE:
        units, rest = divmod(amount_minor, 100)
        return None if rest else units
    return amount_minor * 10 if code in THOUSANDTHS else amount_minor


def from_stripe(amount: int, currency: str) -> int:
    """Hundredths for Stripe's amount, rounded down."""
    code = currency.upper()
    if code in WHOLE:
        return amount * 100
    return amount // 10 if code in THOUSANDTHS else amount
