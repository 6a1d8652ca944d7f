"""What a load costs a month on AWS: quantities from the saga and measurements, money from a dated file of prices."""

from souk_topologies.cost.assumptions import Assumptions, read_assumptions
from souk_topologies.cost.faults import CostError
from souk_topologies.cost.load import Load
from souk_topologies.cost.model import TOPOLOGIES, Estimate, estimate
from souk_topologies.cost.prices import PriceList, read_prices

__all__ = [
    "TOPOLOGIES",
    "Assumptions",
    "CostError",
    "Estimate",
    "Load",
    "PriceList",
    "estimate",
    "read_assumptions",
    "read_prices",
]
