"""`souk cost`: what a load costs a month on AWS."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import timedelta
from decimal import Decimal, DecimalException
from itertools import pairwise
from pathlib import Path
from typing import Any

import click
import msgspec

from souk_chassis import wire
from souk_chassis.clock import SystemClock
from souk_contracts.shop import MAX_LINES
from souk_topologies.cli.options import F, UsedWronglyError
from souk_topologies.cost.data import Assumption, CostError, PriceList, read_assumptions, read_prices
from souk_topologies.cost.estimate import SECONDS, TOPOLOGIES, Estimate, Load, Part, estimate, plain, read_shop
from souk_topologies.shop import manifests

DEFAULT_ORDERS = 1_000_000
MAX_ORDERS = 100_000_000_000
"""Orders a month where no load is given, and at most: some 38,000 a second."""
MAX_READS = 10_000
MAX_PEAK = 1_000
"""The most reads an order, and the most that the busiest hours may have over the average."""
OLD_AFTER = timedelta(days=365)
"""AWS changes its prices: a file that is older gets a warning."""


def _number(name: str, least: int, most: int, text: str, default: str | None = None) -> Callable[[F], F]:
    """An option that takes an exact decimal number within bounds."""

    def read(_: click.Context, __: click.Parameter, value: str | None) -> Decimal | None:
        try:
            number = None if value is None else Decimal(value)
            if number is None or least <= number <= most:
                return number
        except DecimalException:
            pass
        raise click.BadParameter(f"{value!r} is not a number from {least} to {most}.")

    return click.option(
        name, callback=read, default=default, show_default=default is not None, metavar="NUMBER", help=text
    )


@click.command()
@_number("--orders-per-month", 0, MAX_ORDERS, f"Orders a month; {DEFAULT_ORDERS:,} if left out.")
@_number("--orders-per-second", 0, MAX_ORDERS, "Instead of that: orders a second, on average.")
@click.option("--lines", type=click.IntRange(1, MAX_LINES), default=3, show_default=True, help="Lines of an order.")
@_number("--reads-per-order", 0, MAX_READS, "Reads for each order.", default="20")
@_number("--peak", 1, MAX_PEAK, "The rate of the busiest hours over the average.", default="4")
@click.option("--region", default="us-east-1", show_default=True, help="An AWS region that the file has prices for.")
@click.option("--topology", type=click.Choice([*TOPOLOGIES, "all"]), default="all", help="Which one; all if left out.")
@click.option("--prices", "prices_file", type=click.Path(path_type=Path), help="Another file of prices.")
@click.option("--assume", type=click.Path(path_type=Path), help="A TOML file with assumptions of your own.")
@click.option("--assumptions", is_flag=True, help="Print what is assumed, and why, in the form that --assume reads.")
@click.option("--json", "as_json", is_flag=True, help="Print one object, with assumptions and sources.")
def cost(lines: int, reads_per_order: Decimal, peak: Decimal, region: str, topology: str, **given: Any) -> None:
    """Say what a load costs a month on AWS in each topology, from published prices."""
    load = Load(_orders(given["orders_per_month"], given["orders_per_second"]), lines, reads_per_order, peak)
    chosen = TOPOLOGIES if topology == "all" else [topology]
    try:
        assumed = read_assumptions(given["assume"])
        if given["assumptions"]:
            click.echo("\n".join(as_toml(assumed)))
            return
        prices, shop = read_prices(region, given["prices_file"]), read_shop(list(manifests().values()))
        estimates = [estimate(each, load, shop, prices.regions[region], assumed) for each in chosen]
    except CostError as error:
        raise UsedWronglyError(str(error)) from None
    is_old = SystemClock().now().date() - prices.as_of > OLD_AFTER
    warning = f"the prices are of {prices.as_of}, more than a year ago: AWS may have changed them since"
    if is_old:
        click.echo(f"souk: {warning}", err=True)
    if given["as_json"]:
        head = {"region": region, "warnings": [warning] if is_old else []}
        click.echo(wire.encode(head | _as_object(estimates, load, prices, assumed)).decode())
    else:
        click.echo("\n".join(_as_text(estimates, load, region, prices)))


def _orders(per_month: Decimal | None, per_second: Decimal | None) -> Decimal:
    """Orders a month, by either option. Raises UsedWronglyError."""
    if per_month is not None and per_second is not None:
        raise UsedWronglyError("give --orders-per-month or --orders-per-second, not both")
    if per_second is None:
        return Decimal(DEFAULT_ORDERS) if per_month is None else per_month
    if per_second * SECONDS > MAX_ORDERS:
        raise UsedWronglyError(f"--orders-per-second {per_second} is more than {MAX_ORDERS:,} orders a month")
    return per_second * SECONDS


def _as_object(
    estimates: Sequence[Estimate], load: Load, prices: PriceList, assumed: Mapping[str, Assumption]
) -> dict[str, Any]:
    """Everything that an estimate says and stands on. Numbers are strings, so that they stay exact."""
    rates = {"orders_per_month": plain(load.orders), "orders_per_second": plain(load.orders / SECONDS)}
    told = [{"name": n, "value": each.value, "unit": each.unit, "reason": each.why} for n, each in assumed.items()]
    return {
        "currency": prices.currency,
        "prices_as_of": prices.as_of,
        "oldest_source": oldest_source(prices),
        "load": _exact({"lines": load.lines, "reads_per_order": load.reads_per_order, "peak": load.peak} | rates),
        "estimates": _exact(msgspec.to_builtins(estimates, builtin_types=[Decimal])),
        "assumptions": _exact(told),
        "sources": prices.sources,
    }


def _as_text(estimates: Sequence[Estimate], load: Load, region: str, prices: PriceList) -> Iterator[str]:
    """A table for each topology."""
    rate = load.orders / SECONDS
    yield (
        f"{load.orders:,.0f} orders a month ({rate:,.{2 if rate < 100 else 0}f}/s, {load.peak:f} times that at "
        f"the peak), {load.lines} lines and {load.reads_per_order:f} reads an order"
    )
    yield (
        f"AWS list prices of {region} as of {prices.as_of}, the oldest source of {oldest_source(prices)}; "
        "US dollars, no free tier, no savings plan, no tax"
    )
    for each in estimates:
        yield f"\n{each.topology:<38} {'quantity':>16} {'unit':<24} {'unit price':>24} {'a month':>12}"
        for part in each.parts:
            places = 0 if part.quantity == int(part.quantity) or part.quantity >= 1000 else 2
            row = f"{part.part:<36} {part.quantity:>16,.{places}f} {part.unit:<24} {unit_price(part):>24}"
            yield f"  {row} {part.usd:>12,}"
        yield f"  {'total':<103} {each.usd:>12,}"
        if each.per_thousand_orders_usd is not None:
            yield f"  {'per 1,000 orders':<103} {each.per_thousand_orders_usd:>12}"
        yield f"  {'an idle shop, 0 orders':<103} {each.idle_usd:>12,}"
        yield from (f"  note: {note}" for note in each.notes)
    yield "\nWhat is assumed: souk cost --assumptions. What a price is based on: souk cost --json."


def unit_price(part: Part) -> str:
    """A price as `0.20 per million`, or as `1.00..0.90 per million` where the quantity reaches a lower one."""
    steps = part.tiers
    reached = [step.usd for before, step in pairwise(steps) if before.up_to and part.quantity > before.up_to]
    money = f"{steps[0].usd:f}" + (f"..{reached[-1]:f}" if reached else "")
    return money + {1: "", 1_000_000: " per million"}.get(part.per, f" per {part.per:,}")


def oldest_source(prices: PriceList) -> str:
    """The earliest date of a source, as ISO 8601; empty where none has one."""
    return min((each["dated"] for each in prices.sources.values() if each["dated"] != "undated"), default="")


def _exact(value: Any) -> Any:
    """Numbers as text without an exponent, wherever they are."""
    if isinstance(value, dict):
        return {key: _exact(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_exact(each) for each in value]
    return f"{value:f}" if isinstance(value, Decimal) else value


def as_toml(assumed: Mapping[str, Assumption]) -> Iterator[str]:
    """Each assumption on a line of its own, in the form of a TOML file that changes it."""
    for name, each in assumed.items():
        plain = _exact(each.value)
        if isinstance(plain, dict):
            plain = "{ " + ", ".join(f"{key} = {number}" for key, number in plain.items()) + " }"
        elif not isinstance(each.value, Decimal):
            plain = wire.encode(plain).decode()
        yield f"{name} = {plain}  # {each.unit}: {each.why}"
