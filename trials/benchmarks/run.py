"""Measures the shop against bare SQL and its peers, each pair interleaved in one run, and says whether that is enough.

    python -m trials.benchmarks.run [--quick] [--only placing,saga] [--history FILE...]

Starts what it needs and leaves nothing. Prints one table, and writes build/bench.json and two plots beside it. Every
group of figures ends with an audit of its shop: where one fails no figure is printed, and the exit status is 1.
"""

import argparse
import asyncio
import os
import sys
import time
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

from rich.console import Console

from souk_topologies.data import sample_month_path
from trials.benchmarks.figures import hot_product, in_process, placing, replaying, stored, topologies, whole_saga
from trials.benchmarks.findings import Findings
from trials.benchmarks.generator import ROOT
from trials.benchmarks.report import show, write_json
from trials.benchmarks.settings import Settings, quick, thorough

BUILD = ROOT / "build"
Measure = Callable[[Settings, Findings], Awaitable[None]]
GROUPS: dict[tuple[str, ...], Measure] = {
    placing.NAMES: placing.measure,
    whole_saga.NAMES: whole_saga.measure,
    hot_product.NAMES: hot_product.measure,
    replaying.NAMES: replaying.measure,
    topologies.NAMES: topologies.measure,
    in_process.NAMES: in_process.measure,
    stored.NAMES: stored.measure,
}


def settings_of(arguments: Sequence[str] | None = None) -> Settings:
    """What the command line asks for. Exits with 2 where it can't be read."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--quick", action="store_true", default=os.environ.get("QUICK") == "1", help="within 2 minutes")
    parser.add_argument("--only", default="", metavar="NAME,...", help="these figures alone")
    parser.add_argument(
        "--history", nargs="+", type=Path, help="trade histories to replay; the shipped month if left out"
    )
    given = parser.parse_args(arguments)
    only = frozenset(filter(None, given.only.split(",")))
    known = {name for names in GROUPS for name in names}
    if unknown := only - known:
        parser.error(f"no such figure: {', '.join(sorted(unknown))}; there are {', '.join(sorted(known))}")
    make = quick if given.quick else thorough
    return make(tuple(given.history or [sample_month_path()]), only)


async def measure(settings: Settings, console: Console) -> Findings:
    """All that is wanted. Raises RuntimeError where an audit fails, or something does not run."""
    findings = Findings()
    for names, group in GROUPS.items():
        if not settings.wants(*names):
            continue
        began, known = time.monotonic(), len(findings.figures)
        await group(settings, findings)
        took_s = time.monotonic() - began
        if len(findings.figures) == known:
            continue
        console.print(f"[dim]{', '.join(f.name for f in findings.figures[known:])}: {took_s:.0f} s[/dim]")
    return findings


def write_plots(findings: Findings) -> None:
    """Draw what there are points for."""
    from trials.benchmarks import plots  # it costs a second: not before the figures are there

    if findings.latency:
        plots.throughput_latency(BUILD / "throughput-latency.svg", findings.latency)
    if findings.stored:
        plots.cost_stored(BUILD / "cost-stored.svg", findings.stored)


def main() -> int:
    """The command line."""
    settings = settings_of()
    out, err = Console(width=160), Console(stderr=True)
    try:
        findings = asyncio.run(measure(settings, err))
    except RuntimeError as error:  # a failed audit, or something that did not run
        write_json(BUILD / "bench.json", (), audit_ok=False)
        err.print(f"no figures: {error}")
        return 1
    show(findings.figures, out)
    write_json(BUILD / "bench.json", findings.figures, audit_ok=True)
    write_plots(findings)
    return 0


if __name__ == "__main__":
    sys.exit(main())
