"""What holds for every load: more of anything never costs less, and no figure is negative."""

from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from souk_topologies.cost import TOPOLOGIES, Assumptions, Load, PriceList, estimate, read_prices
from souk_topologies.cost.database import INSTANCES, choose

# Most steps of the bill are below a hundred million orders.
ORDERS = st.decimals(0, 10**8, places=2) | st.decimals(0, 10**11, places=2)
LOADS = st.builds(
    Load, ORDERS, st.integers(1, 2_000), st.decimals(0, 10_000, places=1), st.decimals(1, 1_000, places=1)
)
PRICES: PriceList = read_prices("us-east-1")


def usd(topology: str, load: Load) -> Decimal:
    return estimate(topology, load, PRICES, Assumptions()).usd


@pytest.mark.parametrize("topology", TOPOLOGIES)
@settings(max_examples=50)
@given(load=LOADS, more=ORDERS)
def test_more_orders_never_cost_less(topology: str, load: Load, more: Decimal) -> None:
    assert usd(topology, load) <= usd(topology, replace(load, orders=load.orders + more))


@pytest.mark.parametrize("topology", TOPOLOGIES)
@settings(max_examples=50)
@given(load=LOADS, more=st.integers(0, 1_000))
def test_wider_orders_and_more_reads_never_cost_less(topology: str, load: Load, more: int) -> None:
    assert usd(topology, load) <= usd(topology, replace(load, lines=load.lines + more))
    assert usd(topology, load) <= usd(topology, replace(load, reads_per_order=load.reads_per_order + more))


@pytest.mark.parametrize("topology", TOPOLOGIES)
@settings(max_examples=50)
@given(load=LOADS)
def test_no_part_is_negative_and_nobody_pays_less_than_the_idle_shop(topology: str, load: Load) -> None:
    made = estimate(topology, load, PRICES, Assumptions())
    assert min(part.quantity for part in made.parts) >= 0
    assert min(part.usd for part in made.parts) >= 0
    assert made.usd >= made.idle_usd > 0


@settings(max_examples=50)
@given(st.decimals(0, 1_000, places=3), st.decimals(0, 1, places=3))
def test_the_chosen_instances_carry_the_load(busy_vcpu: Decimal, mean_share: Decimal) -> None:
    instance, count = choose(busy_vcpu, busy_vcpu * mean_share, Decimal("0.6"))
    assert busy_vcpu <= instance.vcpu * count * Decimal("0.6")
    assert busy_vcpu * mean_share <= instance.lasting_vcpu * count * Decimal("0.6")
    if count > 1:
        assert busy_vcpu > INSTANCES[-1].vcpu * (count - 1) * Decimal("0.6")


@settings(max_examples=50)
@given(ORDERS, ORDERS)
def test_tiers_are_sums_of_their_pieces(first: Decimal, second: Decimal) -> None:
    for price in PRICES.prices.values():
        dearest = max(tier.usd for tier in price.tiers)
        assert 0 <= price.cost(first + second) - price.cost(first) <= second * dearest / price.per
