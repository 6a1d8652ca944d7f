"""Assumptions: what they say of themselves, how a file changes them, and that the events are those of the manifests."""

import re
from collections.abc import Callable
from dataclasses import fields
from decimal import Decimal
from itertools import pairwise
from pathlib import Path

import pytest

from souk_topologies.cost import Assumptions, CostError, read_assumptions
from souk_topologies.cost.assumptions import told
from souk_topologies.cost.report import assumptions_as_text
from souk_topologies.cost.saga import read_saga
from souk_topologies.shop import manifests

DOCS = Path(__file__).parents[3] / "docs"
Write = Callable[[str], Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def to_file(text: str) -> Path:
        path = tmp_path / "mine.toml"
        path.write_text(text, "utf-8")
        return path

    return to_file


def test_each_has_a_unit_and_a_reason() -> None:
    listed = list(told(Assumptions()))
    assert len(listed) == len(fields(Assumptions))
    for name, _, unit, reason in listed:
        assert unit, name
        assert len(reason) >= 3, name


def test_the_page_of_assumptions_says_what_the_code_says() -> None:
    page = (DOCS / "explanation/what-a-shop-costs.md").read_text("utf-8")
    rows = re.findall(r"^\| `(\w+)` \| (.+?) \| (.+?) \| (.+?) \|$", page, re.MULTILINE)
    assert rows == [(name, _shown(value), unit, reason) for name, value, unit, reason in told(Assumptions())]


def _shown(value: object) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{key} {each:,}" for key, each in value.items())
    return {True: "yes", False: "no"}[value] if isinstance(value, bool) else str(value)


def test_what_is_printed_can_be_read_back(write: Write) -> None:
    assert read_assumptions(write("\n".join(assumptions_as_text(Assumptions())))) == Assumptions()


def test_a_file_changes_what_it_names(write: Write) -> None:
    mine = read_assumptions(
        write(
            'lambda_memory_mb = 1024\napi = "rest"\nevents_on_sns = true\ncold_start_share = 0.5\n'
            'events_per_order = { OrderReturned = "0.3" }'
        )
    )
    assert (mine.lambda_memory_mb, mine.api, mine.events_on_sns) == (1024, "rest", True)
    assert mine.cold_start_share == Decimal("0.5")
    assert mine.events_per_order["OrderReturned"] == Decimal("0.3")
    assert mine.events_per_order["OrderCreated"] == 1
    assert mine.zones == Assumptions().zones


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("colour = 1", "no assumption colour"),
        ("zones = -1", "zones can't be -1"),
        ("zones = nan", "zones can't be"),
        ("zones = inf", "zones can't be"),
        ('zones = "two"', "zones"),
        ("zones = [1]", "zones"),
        ("task_vcpu = 0", "task_vcpu can't be 0"),
        ("cold_start_share = 1.1", "cold_start_share can't be 1.1"),
        ('api = "soap"', "api"),
        ("events_on_sns = 3", "events_on_sns"),
        ("events_per_order = 3", "events_per_order"),
        ("read_cpu_us = { gateway = -1 }", "gateway can't be -1"),
        ("zones", "TOML"),
    ],
)
def test_a_wrong_file_is_refused(text: str, said: str, write: Write) -> None:
    with pytest.raises(CostError, match=said):
        read_assumptions(write(text))


def test_the_saga_is_that_of_the_manifests(shipped: tuple[str, ...]) -> None:
    services = list(manifests().values())
    saga = read_saga(services, Assumptions().events_per_order)
    assert saga.services == shipped
    assert saga.queues == sum(len(service.consumes) for service in services)
    assert {(each.event, each.by) for each in saga.heard} == {
        (event.__name__, service.name)
        for service in services
        for event in service.consumes
        if event.__name__ in Assumptions().events_per_order
    }


def test_the_events_follow_from_each_other() -> None:
    """Each event of the saga itself is published by a service that heard the one before it."""
    saga = read_saga(list(manifests().values()), Assumptions().events_per_order)
    way = ["OrderCreated", "StockReserved", "PaymentCaptured", "OrderConfirmed"]
    assert [each.event for each in saga.published][:4] == way
    publishers = {each.event: each.by for each in saga.published}
    hearers = {event: {each.by for each in saga.heard if each.event == event} for event in way}
    for before, after in pairwise(way):
        assert publishers[after] in hearers[before]


def test_who_asks_outside() -> None:
    saga = read_saga(list(manifests().values()), Assumptions().events_per_order)
    asked = {(each.by, each.event) for each in saga.heard if each.asks}
    assert {("payments", "StockReserved"), ("payments", "RefundOwed"), ("notifications", "OrderConfirmed")} <= asked
    assert "orders" not in {service for service, _ in asked}


def test_an_event_that_nobody_publishes() -> None:
    with pytest.raises(CostError, match="no service publishes OrderEaten"):
        read_saga(list(manifests().values()), {"OrderEaten": Decimal(1)})


def test_work_is_measured_for_services_that_exist(shipped: tuple[str, ...]) -> None:
    known = {*shipped, "gateway", "postgresql"}
    assert Assumptions().order_cpu_us.keys() == known
    assert Assumptions().read_cpu_us.keys() | Assumptions().sign_in_cpu_us.keys() <= known
