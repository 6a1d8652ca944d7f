"""The shipped prices and assumptions, and an estimate by name of its parts."""

from collections.abc import Callable, Mapping
from decimal import Decimal

import pytest

from souk_topologies import shop
from souk_topologies.cost import Assumptions, Estimate, Load, PriceList, estimate, read_prices
from souk_topologies.cost.parts import Part

Parts = Mapping[str, Part]
MILLION = Load(Decimal(1_000_000))
SHIPPED = ("users", "products", "orders", "payments", "notifications")
"""The services whose bills are worked out in these tests: a shop of one's own may have more."""


@pytest.fixture(autouse=True)
def shipped(monkeypatch: pytest.MonkeyPatch) -> tuple[str, ...]:
    """The shop as it is shipped, whatever was added to it."""
    monkeypatch.setattr(shop, "SERVICES", SHIPPED)
    return SHIPPED


@pytest.fixture(scope="session")
def prices() -> PriceList:
    return read_prices("us-east-1")


@pytest.fixture
def bill(prices: PriceList) -> Callable[..., tuple[Estimate, Parts]]:
    def make(topology: str, load: Load = MILLION, assumed: Assumptions | None = None) -> tuple[Estimate, Parts]:
        made = estimate(topology, load, prices, assumed or Assumptions())
        return made, {part.name: part for part in made.parts}

    return make
