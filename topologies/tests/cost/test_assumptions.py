"""Assumptions: what they say of themselves, how a file changes them, and that the events are those of the manifests."""

from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import pytest

from souk_topologies.cli.costing import as_toml
from souk_topologies.cost.data import CostError, read_assumptions, read_prices
from souk_topologies.cost.estimate import estimate, names_of
from topologies.tests.cost.conftest import MILLION, SHOP, assume

Write = Callable[[str], Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def to_file(text: str) -> Path:
        path = tmp_path / "mine.toml"
        path.write_text(text, "utf-8")
        return path

    return to_file


def test_each_has_a_reason() -> None:
    for name, each in read_assumptions().items():
        assert len(each.why) >= 3, name


def test_what_is_printed_can_be_read_back(write: Write) -> None:
    assert read_assumptions(write("\n".join(as_toml(read_assumptions())))) == read_assumptions()
    assert read_assumptions(write("\n".join(as_toml(assume(zones=3, api="rest"))))) == assume(zones=3, api="rest")


def test_a_file_changes_what_it_names(write: Write) -> None:
    mine = read_assumptions(
        write(
            'lambda_memory_mb = 1024\napi = "rest"\nevents_on_sns = true\ncold_start_share = 0.5\n'
            'events_per_order = { OrderReturned = "0.3" }'
        )
    )
    assert (mine["lambda_memory_mb"].value, mine["api"].value, mine["events_on_sns"].value) == (1024, "rest", True)
    assert mine["cold_start_share"].value == Decimal("0.5")
    assert mine["events_per_order"].value["OrderReturned"] == Decimal("0.3")
    assert mine["events_per_order"].value["OrderCreated"] == 1
    assert mine["zones"].value == read_assumptions()["zones"].value


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("colour = 1", "no assumption colour"),
        ("zones = -1", "zones: can't be -1"),
        ("zones = nan", "zones: can't be"),
        ("zones = inf", "zones: can't be"),
        ('zones = "two"', "zones"),
        ("zones = [1]", "zones"),
        ("cold_start_share = 1.1", "cold_start_share: can't be 1.1"),
        ("events_on_sns = 3", "events_on_sns"),
        ("events_per_order = 3", "events_per_order"),
        ("read_cpu_us = { gateway = -1 }", "gateway can't be -1"),
        ("zones", "TOML"),
    ],
)
def test_a_wrong_file_is_refused(text: str, said: str, write: Write) -> None:
    with pytest.raises(CostError, match=said):
        read_assumptions(write(text))


def test_an_event_that_nobody_publishes() -> None:
    with pytest.raises(CostError, match="no service publishes OrderEaten"):
        names_of(SHOP, MILLION, assume(events_per_order={"OrderEaten": 1}))


def test_what_others_are_divided_by_is_not_nothing() -> None:
    with pytest.raises(CostError, match="divided by can't be 0"):
        names_of(SHOP, MILLION, assume(task_vcpu=0))


def test_a_word_that_has_no_price() -> None:
    with pytest.raises(CostError, match="no api_soap_request"):
        estimate("lambda", MILLION, SHOP, read_prices("us-east-1").regions["us-east-1"], assume(api="soap"))
