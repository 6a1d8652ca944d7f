"""An estimate: the parts of one topology's bill under a load, their sum, and what the shop costs when nobody comes."""

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal

from souk_topologies.cost.assumptions import Assumptions
from souk_topologies.cost.containers import add_ecs, add_eks
from souk_topologies.cost.load import Load
from souk_topologies.cost.parts import Bill, Part
from souk_topologies.cost.prices import PriceList
from souk_topologies.cost.saga import Saga, read_saga
from souk_topologies.cost.serverless import add_lambda
from souk_topologies.cost.shape import read_shape
from souk_topologies.shop import manifests

_THOUSAND = 1000


def _add_lambda(bill: Bill, load: Load, saga: Saga, assumed: Assumptions) -> int:
    add_lambda(bill, load, saga, read_shape(list(manifests().values())), assumed)
    return 0


_ADD: dict[str, Callable[[Bill, Load, Saga, Assumptions], int]] = {
    "lambda": _add_lambda,
    "ecs": add_ecs,
    "eks": add_eks,
}
TOPOLOGIES = tuple(_ADD)


@dataclass(frozen=True, slots=True)
class Estimate:
    """What one topology costs a month, in US dollars that are not yet rounded."""

    topology: str
    orders: Decimal
    parts: Sequence[Part]
    idle_usd: Decimal
    """The same shop without an order."""
    notes: Sequence[str]

    @property
    def usd(self) -> Decimal:
        """The sum of the parts."""
        return _sum(self.parts)

    @property
    def per_thousand_orders_usd(self) -> Decimal | None:
        """The sum for each thousand orders; None without any."""
        return self.usd / self.orders * _THOUSAND if self.orders else None


def estimate(topology: str, load: Load, prices: PriceList, assumed: Assumptions) -> Estimate:
    """The bill of one of TOPOLOGIES. Raises CostError where a price is missing or an assumption does not fit."""
    saga = read_saga(list(manifests().values()), assumed.events_per_order)
    bill = Bill(prices)
    databases = _ADD[topology](bill, load, saga, assumed)
    idle = Bill(prices)
    _ADD[topology](idle, dataclasses.replace(load, orders=Decimal(0)), saga, assumed)
    notes = []
    if databases > len(saga.services):
        notes.append(
            f"{databases} database instances are needed, and Souk has {len(saga.services)} databases to part among them"
        )
    return Estimate(topology, load.orders, tuple(bill.parts), _sum(idle.parts), tuple(notes))


def _sum(parts: Sequence[Part]) -> Decimal:
    return sum((part.usd for part in parts), Decimal(0))
