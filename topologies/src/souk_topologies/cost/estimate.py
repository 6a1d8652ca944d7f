"""An estimate: the lines of one topology's bill under a load, and what the shop costs when nobody comes."""

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal, DecimalException
from types import SimpleNamespace
from typing import Any, NamedTuple

from souk_topologies.cost.data import Assumption, CostError, Price, read_bills
from souk_topologies.cost.quantities import Load, Quantities, Shop

TOPOLOGIES = {"lambda": ("lambda",), "ecs": ("ecs", "containers"), "eks": ("eks", "containers")}
"""The ways to run the shop on AWS, and the lines of bill.toml that the bill of each has."""


class Part(NamedTuple):
    """A line of a bill. `usd` is what it costs a month, not rounded."""

    name: str
    quantity: Decimal
    price_name: str
    price: Price
    usd: Decimal


class Estimate(NamedTuple):
    """The bill of one topology. `idle_usd` is what the same shop costs without an order. Sums are not rounded."""

    topology: str
    parts: Sequence[Part]
    usd: Decimal
    idle_usd: Decimal
    notes: Sequence[str]


def estimate(
    topology: str, load: Load, shop: Shop, prices: Mapping[str, Price], assumed: Mapping[str, Assumption]
) -> Estimate:
    """The bill of one of TOPOLOGIES. Raises CostError where a price is missing or an assumption does not fit."""
    names, idle = (names_of(shop, each, assumed) for each in (load, load._replace(orders=Decimal(0))))
    parts, idle_parts = (list(_parts(topology, each, prices)) for each in (names, idle))
    usd, idle_usd = (sum((part.usd for part in each), Decimal(0)) for each in (parts, idle_parts))
    needed, own = names["databases"], names["services"]
    note = f"{needed} database instances are needed, and Souk has {own} databases to part among them"
    return Estimate(topology, parts, usd, idle_usd, [note] if topology != "lambda" and needed > own else [])


def names_of(shop: Shop, load: Load, assumed: Mapping[str, Assumption]) -> Mapping[str, Any]:
    """What the lines of bill.toml stand on, by name. Raises CostError where an assumption does not fit."""
    has = SimpleNamespace(**{name: each.value for name, each in assumed.items()})
    if unknown := sorted(has.events_per_order.keys() - shop.publishers.keys()):
        raise CostError(f"events_per_order: no service publishes {unknown[0]}")
    try:
        names = Quantities(shop, load, has).names() | {"max": max, "min": min, "__builtins__": {}}
        for name, formula in read_bills().names.items():
            names[name] = eval(formula, names)  # noqa: S307 - the formulas ship with the package
    except DecimalException:
        raise CostError("an assumption that others are divided by can't be 0") from None
    return names


def _parts(topology: str, names: Mapping[str, Any], prices: Mapping[str, Price]) -> Iterator[Part]:
    lines = read_bills().lines
    for line in (line for table in TOPOLOGIES[topology] for line in lines[table]):
        price_name = line["price"].format_map(names)
        if not eval(line.get("when", "1"), dict(names)):  # noqa: S307 - as above
            continue
        if price_name not in prices:
            raise CostError(f"the prices have no {price_name}")
        units = eval(line["units"], dict(names))  # noqa: S307 - as above
        for name, quantity in units.items() if isinstance(units, dict) else [("", Decimal(units))]:
            usd = prices[price_name].cost(quantity)
            yield Part(line["part"].format(name, **names), quantity, price_name, prices[price_name], usd)
