"""Figures: what is met, what is written, what is shown."""

import io
import json
from pathlib import Path

import pytest
from rich.console import Console

from trials.benchmarks.report import Figure, compared, limited, show, write_json


def figure(values: list[float], against: list[float], *, less_is_better: bool = False) -> Figure:
    return compared(
        "placing",
        "orders/s",
        values,
        against,
        baseline="pgbench",
        at_least=1.2,
        stretch=2.0,
        less_is_better=less_is_better,
    )


def test_the_ratio_is_the_median_of_the_rounds_own() -> None:
    found = figure([10.0, 40.0, 30.0], [10.0, 20.0, 10.0])
    assert (found.value, found.against, found.ratio) == (30.0, 10.0, 2.0)
    assert found.ratios == [1.0, 2.0, 3.0]
    assert found.met


def test_a_ratio_that_is_rounded_up_to_the_aim_does_not_meet_it() -> None:
    found = figure([1.19999], [1.0])
    assert found.ratio == 1.2
    assert not found.met


def test_where_less_is_better_the_ratio_is_turned() -> None:
    found = figure([2.0, 2.0], [6.0, 8.0], less_is_better=True)
    assert (found.value, found.against, found.ratio) == (2.0, 7.0, 3.5)


@pytest.mark.parametrize(("value", "met"), [(49.9, True), (50.0, True), (50.1, False)])
def test_a_limit_is_met_by_what_does_not_exceed_it(value: float, met: bool) -> None:
    found = limited("p99", "ms", [value], limit=50.0, stretch=20.0)
    assert (found.against, found.at_least, found.stretch) == (50.0, 1.0, 2.5)
    assert found.met is met


def test_the_json_has_what_was_promised(tmp_path: Path) -> None:
    write_json(tmp_path / "build" / "bench.json", [figure([3.0], [2.0])], audit_ok=True)
    written = json.loads((tmp_path / "build" / "bench.json").read_text())
    assert written.keys() == {"figures", "audit_ok"}
    assert written["audit_ok"] is True
    [one] = written["figures"]
    assert {"name", "value", "unit", "against", "ratio", "at_least", "met"} <= one.keys()
    assert (one["name"], one["value"], one["against"], one["ratio"], one["met"]) == ("placing", 3.0, 2.0, 1.5, True)


def test_a_failed_audit_leaves_no_figure(tmp_path: Path) -> None:
    write_json(tmp_path / "bench.json", [figure([3.0], [2.0])], audit_ok=False)
    assert json.loads((tmp_path / "bench.json").read_text()) == {"figures": [], "audit_ok": False}


def test_the_table_names_what_is_not_met() -> None:
    console = Console(width=160, record=True, file=io.StringIO())
    show([figure([1.0], [1.0]), limited("p99", "ms", [10.0], limit=50.0, stretch=20.0)], console)
    lines = console.export_text().splitlines()
    assert any(line.startswith("placing") and line.rstrip().endswith("NO") for line in lines)
    assert any(line.startswith("p99") and line.rstrip().endswith("yes") for line in lines)
