"""The program's figures add up, are the same in every run, and end at the limit of an item."""

from dataclasses import replace

import pytest

from souk_chassis.testing.virtual_time import run_virtually
from trials.benchmarks import hot_product_dynamodb as trial
from trials.benchmarks.hot_product_dynamodb import CASES, GOAL, Case, play


def test_the_goal_is_one_of_the_cases() -> None:
    assert GOAL in CASES
    assert GOAL.seconds == trial.SECONDS


def test_a_plain_update_an_order_ends_at_the_limit_of_an_item() -> None:
    row = run_virtually(play(Case(1, 1, 64, plain=True, seconds=3)))
    assert (row["reached_per_s"], row["oversold"]) == (1_000, 0)


def test_batches_and_shards_carry_what_is_offered_and_stop_at_the_stock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trial, "OFFERED", 2_000)
    case = Case(4, 50, 4, stock=3_000, seconds=2)
    row = run_virtually(play(case))
    assert 1_800 <= row["reached_per_s"] <= 2_100
    assert (row["held"], row["oversold"]) == (3_000, 0)
    assert row["rejected"] > 500
    assert run_virtually(play(case)) == row
    assert run_virtually(play(replace(case, stock=100_000)))["rejected"] == 0
