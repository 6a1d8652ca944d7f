"""`souk cost`: what a load costs a month on AWS."""

from collections.abc import Callable, Sequence
from decimal import Decimal, InvalidOperation
from pathlib import Path

import click

from souk_chassis import wire
from souk_chassis.clock import SystemClock
from souk_contracts.shop import MAX_LINES
from souk_topologies.cli.options import F, UsedWronglyError
from souk_topologies.cost import TOPOLOGIES, CostError, Load, estimate, read_assumptions, read_prices
from souk_topologies.cost.load import SECONDS
from souk_topologies.cost.report import as_object, as_text, assumptions_as_text

DEFAULT_ORDERS = 1_000_000
"""Orders a month where no load is given."""
MAX_ORDERS = 100_000_000_000
"""The most orders a month: some 38,000 a second."""
MAX_READS = 10_000
"""The most reads an order."""
MAX_PEAK = 1_000
"""The most that the busiest hours may have over the average."""


def _number(name: str, least: int, most: int, text: str, default: str | None = None) -> Callable[[F], F]:
    """An option that takes an exact decimal number within bounds."""

    def read(_: click.Context, __: click.Parameter, value: str | None) -> Decimal | None:
        if value is None:
            return None
        try:
            number = Decimal(value)
        except InvalidOperation:
            raise click.BadParameter(f"{value!r} is not a number.") from None
        if not number.is_finite() or not least <= number <= most:
            raise click.BadParameter(f"{value} is not in the range {least}<=x<={most}.")
        return number

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
@click.option("--topology", "topologies", type=click.Choice([*TOPOLOGIES, "all"]), help="Which one; all if left out.")
@click.option("--prices", "prices_file", type=click.Path(path_type=Path), help="Another file of prices.")
@click.option("--assume", type=click.Path(path_type=Path), help="A TOML file with assumptions of your own.")
@click.option("--assumptions", is_flag=True, help="Print what is assumed, and why, in the form that --assume reads.")
@click.option("--json", "as_json", is_flag=True, help="Print one object, with assumptions and sources.")
def cost(
    orders_per_month: Decimal | None,
    orders_per_second: Decimal | None,
    lines: int,
    reads_per_order: Decimal,
    peak: Decimal,
    region: str,
    topologies: str | None,
    prices_file: Path | None,
    assume: Path | None,
    assumptions: bool,
    as_json: bool,
) -> None:
    """Say what a load costs a month on AWS in each topology, from published prices."""
    load = Load(_orders(orders_per_month, orders_per_second), lines, reads_per_order, peak)
    try:
        assumed = read_assumptions(assume)
        if assumptions:
            _print(list(assumptions_as_text(assumed)))
            return
        prices = read_prices(region, prices_file)
        chosen = TOPOLOGIES if topologies in {None, "all"} else (topologies,)
        estimates = [estimate(each, load, prices, assumed) for each in chosen if each]
    except CostError as error:
        raise UsedWronglyError(str(error)) from None
    today = SystemClock().now().date()
    for warning in prices.warnings(today):
        click.echo(f"souk: {warning}", err=True)
    if as_json:
        click.echo(wire.encode(as_object(estimates, load, prices, assumed, today)).decode())
    else:
        _print(list(as_text(estimates, load, prices)))


def _orders(per_month: Decimal | None, per_second: Decimal | None) -> Decimal:
    """Orders a month, by either option. Raises UsedWronglyError."""
    if per_month is not None and per_second is not None:
        raise UsedWronglyError("give --orders-per-month or --orders-per-second, not both")
    if per_second is None:
        return Decimal(DEFAULT_ORDERS) if per_month is None else per_month
    orders = per_second * SECONDS
    if orders > MAX_ORDERS:
        raise UsedWronglyError(f"--orders-per-second {per_second} is more than {MAX_ORDERS:,} orders a month")
    return orders


def _print(lines: Sequence[str]) -> None:
    click.echo("\n".join(lines))
