"""What holds for every load: more of anything never costs less, and no figure is negative."""

from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from souk_topologies.cost.data import read_prices
from souk_topologies.cost.estimate import TOPOLOGIES, Estimate, Load, estimate, names_of
from topologies.tests.cost.conftest import SHOP, assume

# Most steps of the bill are below a hundred million orders.
ORDERS = st.decimals(0, 10**8, places=2) | st.decimals(0, 10**11, places=2)
LOADS = st.builds(
    Load, ORDERS, st.integers(1, 2_000), st.decimals(0, 10_000, places=1), st.decimals(1, 1_000, places=1)
)
PRICES = read_prices("us-east-1").regions["us-east-1"]
ASSUMED = assume()


def made_for(topology: str, load: Load) -> Estimate:
    return estimate(topology, load, SHOP, PRICES, ASSUMED)


def usd(topology: str, load: Load) -> Decimal:
    return made_for(topology, load).usd


@pytest.mark.parametrize("topology", TOPOLOGIES)
@settings(max_examples=50)
@given(load=LOADS, more=ORDERS)
def test_more_orders_never_cost_less(topology: str, load: Load, more: Decimal) -> None:
    assert usd(topology, load) <= usd(topology, load._replace(orders=load.orders + more))


@pytest.mark.parametrize("topology", TOPOLOGIES)
@settings(max_examples=50)
@given(load=LOADS, more=st.integers(0, 1_000))
def test_wider_orders_and_more_reads_never_cost_less(topology: str, load: Load, more: int) -> None:
    assert usd(topology, load) <= usd(topology, load._replace(lines=load.lines + more))
    assert usd(topology, load) <= usd(topology, load._replace(reads_per_order=load.reads_per_order + more))


@pytest.mark.parametrize("topology", TOPOLOGIES)
@settings(max_examples=50)
@given(load=LOADS)
def test_no_part_is_negative_and_nobody_pays_less_than_the_idle_shop(topology: str, load: Load) -> None:
    made = made_for(topology, load)
    assert min(part.quantity for part in made.parts) >= 0
    assert min(part.usd for part in made.parts) >= 0
    assert made.usd >= made.idle_usd > 0


@settings(max_examples=50)
@given(load=LOADS)
def test_the_chosen_instances_carry_the_load(load: Load) -> None:
    names = names_of(SHOP, load, ASSUMED)
    most, lasting = (
        names[vcpu][names["instance"]] * names["databases"] * names["target_utilisation"]
        for vcpu in ("database_vcpu", "database_lasting_vcpu")
    )
    busy = names["cores"]("postgresql", max(names["busy_rate"], names["quiet_rate"]))
    assert busy <= most
    assert names["cores"]("postgresql", load.orders / names["seconds"]) <= lasting


@settings(max_examples=50)
@given(ORDERS, ORDERS)
def test_tiers_are_sums_of_their_pieces(first: Decimal, second: Decimal) -> None:
    for price in PRICES.values():
        dearest = max(tier.usd for tier in price.tiers)
        assert 0 <= price.cost(first + second) - price.cost(first) <= second * dearest / price.per
