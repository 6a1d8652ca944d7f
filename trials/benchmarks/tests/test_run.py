"""The command line, and that every figure has one name and one group."""

import json
from itertools import chain
from pathlib import Path

import pytest

from souk_topologies.data import sample_month_path
from trials.benchmarks.generator import PRODUCTS, one_hot_line, three_hot_lines, three_lines
from trials.benchmarks.run import GROUPS, settings_of


def test_quick_is_shorter(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("QUICK", raising=False)
    full, short = settings_of([]), settings_of(["--quick"])
    assert short.rounds * short.seconds < full.rounds * full.seconds
    monkeypatch.setenv("QUICK", "1")
    assert settings_of([]) == short


def test_quick_leaves_out_variants_unless_they_are_named() -> None:
    short = settings_of(["--quick"])
    assert short.wants("saga")
    assert not short.wants("saga_simple")
    assert settings_of(["--quick", "--only", "saga_simple"]).wants("saga_simple")
    assert short.left_out < set(chain.from_iterable(GROUPS))


def test_all_is_wanted_unless_some_are_named() -> None:
    assert settings_of([]).wants("placing")
    assert settings_of([]).wants("saga_simple")
    some = settings_of(["--only", "placing,saga"])
    assert some.wants("saga", "hot_product")
    assert not some.wants("hot_product")


def test_an_unknown_figure_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        settings_of(["--only", "placng"])
    assert ended.value.code == 2
    assert "placng" in capsys.readouterr().err


def test_the_shipped_month_is_replayed_unless_others_are_named() -> None:
    assert settings_of([]).history == (sample_month_path(),)
    assert settings_of(["--history", "a.csv", "b.csv"]).history == (Path("a.csv"), Path("b.csv"))


def test_each_figure_belongs_to_one_group() -> None:
    names = list(chain.from_iterable(GROUPS))
    assert len(names) == len(set(names))
    asked = {
        *("placing", "saga", "hot_product", "replay_lines", "placing_p99_ms_at_70_percent", "one_process_cpu"),
        *("stored_orders", "in_process_call_us", "fastapi", "memory_mb"),
    }
    assert asked <= set(names)


def test_the_orders_are_what_they_are_called() -> None:
    plain = [json.loads(body)["items"] for body in three_lines(1)]
    assert {len(items) for items in plain} == {3}
    assert len({item["productId"] for items in plain for item in items}) > 0.99 * PRODUCTS
    [hot] = [json.loads(body)["items"] for body in three_hot_lines()]
    assert [(item["productId"], item["quantity"]) for item in hot] == [(str(PRODUCTS), 1)] * 3
    assert [json.loads(body) for body in one_hot_line()] == [{"items": [{"productId": str(PRODUCTS), "quantity": 3}]}]
