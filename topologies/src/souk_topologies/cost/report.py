"""Estimates as a user reads them: tables of text, or one JSON object. Money is rounded here, and nowhere before."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from decimal import Decimal
from itertools import pairwise
from typing import Any

from souk_topologies.cost.assumptions import Assumptions, told
from souk_topologies.cost.load import SECONDS, Load
from souk_topologies.cost.model import Estimate
from souk_topologies.cost.parts import Part, cents
from souk_topologies.cost.prices import PriceList

_SMALL = Decimal("0.0001")


def as_object(
    estimates: Sequence[Estimate], load: Load, prices: PriceList, assumed: Assumptions, today: date
) -> Mapping[str, Any]:
    """Everything that an estimate says and stands on. Numbers are strings, so that they stay exact."""
    return {
        "region": prices.region,
        "currency": "USD",
        "prices_as_of": prices.as_of.isoformat(),
        "oldest_source": prices.oldest_source,
        "warnings": list(prices.warnings(today)),
        "load": {
            "orders_per_month": _plain(load.orders),
            "orders_per_second": _plain(load.orders / SECONDS),
            "lines": load.lines,
            "reads_per_order": _plain(load.reads_per_order),
            "peak": _plain(load.peak),
        },
        "estimates": [_estimate(each) for each in estimates],
        "assumptions": [
            {"name": name, "value": _value(value), "unit": unit, "reason": reason}
            for name, value, unit, reason in told(assumed)
        ],
        "sources": {
            name: {"page": each.page, "read": each.read, "dated": each.dated} for name, each in prices.sources.items()
        },
    }


def as_text(estimates: Sequence[Estimate], load: Load, prices: PriceList) -> Iterator[str]:
    """A table for each topology."""
    yield (
        f"{load.orders:,.0f} orders a month ({_round(load.orders / SECONDS)}/s, "
        f"{_plain(load.peak)} times that at the peak), "
        f"{load.lines} lines and {_plain(load.reads_per_order)} reads an order"
    )
    yield (
        f"AWS list prices of {prices.region} as of {prices.as_of}, the oldest source of {prices.oldest_source}; "
        "US dollars, no free tier, no savings plan, no tax"
    )
    for each in estimates:
        yield ""
        yield f"{each.topology:<38} {'quantity':>16} {'unit':<24} {'unit price':>24} {'a month':>12}"
        for part in each.parts:
            yield (
                f"  {part.name:<36} {_quantity(part.quantity):>16} {part.price.unit:<24} "
                f"{unit_price(part):>24} {cents(part.usd):>12,}"
            )
        yield f"  {'total':<36} {'':>16} {'':<24} {'':>24} {cents(each.usd):>12,}"
        thousand = each.per_thousand_orders_usd
        if thousand is not None:
            yield f"  {'per 1,000 orders':<36} {'':>16} {'':<24} {'':>24} {thousand:>12.4f}"
        yield f"  {'an idle shop, 0 orders':<36} {'':>16} {'':<24} {'':>24} {cents(each.idle_usd):>12,}"
        for note in each.notes:
            yield f"  note: {note}"
    yield ""
    yield "What is assumed: souk cost --assumptions. What a price is based on: souk cost --json."


def assumptions_as_text(assumed: Assumptions) -> Iterator[str]:
    """Each assumption on a line of its own, in the form of a TOML file that changes it."""
    for name, value, unit, reason in told(assumed):
        yield f"{name} = {_toml(value)}  # {unit}: {reason}"


def unit_price(part: Part) -> str:
    """A price as `0.20 per million`, or as `1.00..0.90 per million` where the quantity reaches a lower one."""
    reached = [part.price.tiers[0]]
    for below, tier in pairwise(part.price.tiers):
        if below.up_to is not None and part.quantity > below.up_to:
            reached.append(tier)
    money = f"{reached[0].usd:f}" if len(reached) == 1 else f"{reached[0].usd:f}..{reached[-1].usd:f}"
    return money if part.price.per == 1 else f"{money} per {_short(part.price.per)}"


def _estimate(each: Estimate) -> Mapping[str, Any]:
    thousand = each.per_thousand_orders_usd
    return {
        "topology": each.topology,
        "parts": [_part(part) for part in each.parts],
        "usd": str(cents(each.usd)),
        "per_thousand_orders_usd": None if thousand is None else str(thousand.quantize(_SMALL)),
        "idle_usd": str(cents(each.idle_usd)),
        "notes": list(each.notes),
    }


def _part(part: Part) -> Mapping[str, Any]:
    return {
        "part": part.name,
        "quantity": _plain(part.quantity),
        "unit": part.price.unit,
        "price": part.price.name,
        "per": part.price.per,
        "tiers": [
            {"usd": f"{tier.usd:f}", "up_to": None if tier.up_to is None else _plain(tier.up_to)}
            for tier in part.price.tiers
        ],
        "source": part.price.source,
        "usd": str(cents(part.usd)),
    }


def _value(value: object) -> object:
    if isinstance(value, Mapping):
        return {key: _plain(each) for key, each in value.items()}
    return _plain(value) if isinstance(value, Decimal) else value


def _toml(value: object) -> str:
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{key} = {_plain(each)}" for key, each in value.items()) + " }"
    if isinstance(value, bool):
        return str(value).lower()
    return _plain(value) if isinstance(value, Decimal) else f'"{value}"'


def _plain(value: Decimal) -> str:
    """Without an exponent, and without zeros at the end; six places at most."""
    text = f"{value:.6f}"
    return text.rstrip("0").rstrip(".")


def _round(value: Decimal) -> str:
    return f"{value:,.2f}" if value < 100 else f"{value:,.0f}"


def _quantity(value: Decimal) -> str:
    return f"{value:,.0f}" if value == value.to_integral_value() or value >= 1000 else f"{value:,.2f}"


def _short(per: int) -> str:
    return {1_000_000: "million", 10_000: "10,000"}.get(per, f"{per:,}")
