"""A bill in the making: each part a quantity of something that has a price."""

from dataclasses import dataclass, field
from decimal import ROUND_HALF_UP, Decimal

from souk_topologies.cost.prices import Price, PriceList

GB = Decimal(2**30)
"""Bytes of a gigabyte, as AWS counts them."""
_CENT = Decimal("0.01")


@dataclass(frozen=True, slots=True)
class Part:
    """One line of a bill."""

    name: str
    quantity: Decimal
    price: Price

    @property
    def usd(self) -> Decimal:
        """US dollars a month, not rounded."""
        return self.price.cost(self.quantity)


@dataclass
class Bill:
    """Collects parts at the prices of one region."""

    prices: PriceList
    parts: list[Part] = field(default_factory=list)

    def add(self, name: str, quantity: Decimal | int, price: str) -> None:
        """Add a part. Raises CostError where the region has no such price."""
        self.parts.append(Part(name, Decimal(quantity), self.prices[price]))


def cents(usd: Decimal) -> Decimal:
    """Rounded to a cent, a half upwards."""
    return usd.quantize(_CENT, ROUND_HALF_UP)
