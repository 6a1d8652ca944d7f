"""A figure: what was measured, what it is compared with, and whether that is enough; and how figures are shown."""

import json
from collections.abc import Sequence
from pathlib import Path

import msgspec
from rich.console import Console
from rich.table import Table

from trials.benchmarks.spread import median, ratios

NAME_WIDTH = 34


class Figure(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the table. `met` is whether `ratio` is `at_least` as great, whatever the figure is.

    `value` is the median of `values`, a value a round, and `against` that of the baseline. `ratio` is the median of the
    rounds' own ratios, so that what slowed both of a pair does not count; it is the baseline's part in the value where
    less is better. Where the aim is no ratio but a limit, `against` is the limit.
    """

    name: str
    value: float
    unit: str
    against: float
    ratio: float
    at_least: float
    met: bool
    stretch: float
    baseline: str
    values: list[float]
    ratios: list[float]
    note: str = ""


def compared(
    name: str,
    unit: str,
    values: Sequence[float],
    against: Sequence[float],
    *,
    baseline: str,
    at_least: float,
    stretch: float,
    less_is_better: bool = False,
    note: str = "",
) -> Figure:
    """A figure with a baseline that was measured beside it, round by round."""
    each = ratios(against, values) if less_is_better else ratios(values, against)
    return _figure(name, unit, values, median(against), each, baseline, at_least, stretch, note)


def limited(name: str, unit: str, values: Sequence[float], *, limit: float, stretch: float, note: str = "") -> Figure:
    """A figure that must not exceed a limit. `stretch` is a lower limit still."""
    each = [limit / value for value in values]
    return _figure(name, unit, values, limit, each, "limit", 1.0, limit / stretch, note)


def _figure(
    name: str,
    unit: str,
    values: Sequence[float],
    against: float,
    each: Sequence[float],
    baseline: str,
    at_least: float,
    stretch: float,
    note: str,
) -> Figure:
    ratio = median(each)
    return Figure(
        name=name,
        value=rounded(median(values)),
        unit=unit,
        against=rounded(against),
        ratio=rounded(ratio),
        at_least=at_least,
        met=ratio >= at_least,
        stretch=stretch,
        baseline=baseline,
        values=[rounded(value) for value in values],
        ratios=[rounded(value) for value in each],
        note=note,
    )


def rounded(value: float) -> float:
    """Four digits: more are noise."""
    return float(f"{value:.4g}")


def write_json(path: Path, figures: Sequence[Figure], *, audit_ok: bool) -> None:
    """Write the figures for programs. Where an audit failed there are none."""
    path.parent.mkdir(parents=True, exist_ok=True)
    kept = msgspec.to_builtins(list(figures)) if audit_ok else []
    path.write_text(json.dumps({"figures": kept, "audit_ok": audit_ok}, indent=1) + "\n")


def show(figures: Sequence[Figure], console: Console) -> None:
    """Print the table, and what there is to know of a figure below it."""
    table = Table(header_style="bold", box=None, pad_edge=False)
    table.add_column("figure", min_width=NAME_WIDTH)
    for name in ("median", "min..max", "against", "ratio", "min..max", "at least", "stretch"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("met")
    for each in figures:
        table.add_row(
            each.name,
            f"{shown(each.value)} {each.unit}",
            span(each.values),
            shown(each.against),
            shown(each.ratio),
            span(each.ratios),
            shown(each.at_least),
            shown(each.stretch),
            "yes" if each.met else "NO",
        )
    console.print(table)
    for each in figures:
        console.print(f"{each.name}: against {each.baseline}. {each.note}".rstrip(), highlight=False, soft_wrap=True)


def span(values: Sequence[float]) -> str:
    """The least and the greatest."""
    return f"{shown(min(values))}..{shown(max(values))}"


def shown(value: float) -> str:
    """A number for reading: whole from 100 on, three digits below."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"
