"""The manifests declare what the functions do at AWS, and nothing else: every exercise on a model of AWS."""

from collections.abc import Iterator

import pytest

from souk_chassis.auth.keys import load_or_create_keys
from souk_chassis.manifest import Part
from souk_topologies.shop import ISSUERS
from tests.permissions.declared import differences, granted, undeclared, unheard
from tests.permissions.exercise import days
from tests.permissions.exercises import EXERCISES
from tests.permissions.model import ModelOfAws
from tests.permissions.stage import Place, Stage, in_place, write_edge


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    folder = tmp_path_factory.mktemp("edge")
    write_edge(folder)
    place = ModelOfAws(load_or_create_keys(tmp_path_factory.mktemp("keys"), ISSUERS), folder)
    with in_place(place):
        yield place


@pytest.mark.parametrize("function", sorted(granted()))
def test_what_a_function_does_is_granted_and_what_is_granted_it_does(model: Place, function: str) -> None:
    stage = Stage(model, function, days())
    asked = {grant for work in EXERCISES.get(function, ()) for grant in stage.asked(work)}
    found = [*unheard(function, stage.heard), *differences(function, asked)]
    assert not found, f"{function}:\n" + "\n".join(found)


def test_a_handler_without_an_exercise_is_caught() -> None:
    heard = {"orders-stock-reserved", "orders-stock-rejected", "orders-payment-declined"}
    assert unheard("order-service-events", heard) == ["no exercise hears an event of orders-payment-captured"]
    assert unheard("notification-service-events", {"notifications-order-shipped"}) == []
    assert unheard("order-service", set()) == []


def test_a_planted_difference_is_caught() -> None:
    function, provable = "order-service-calls", {("dynamodb:BatchGetItem", "table/Orders")}
    assert differences(function, provable) == []
    assert differences(function, set()) == ["reading on table/Orders is granted and never asked for"]
    wrong = "dynamodb:Scan", "table/Orders"
    assert differences(function, {*provable, wrong}) == ["dynamodb:Scan on table/Orders is asked for and not granted"]


def test_what_a_topology_has_seen_is_compared_by_the_same_names() -> None:
    orders = "orders", Part.HTTP
    assert undeclared({orders: {("Orders", "PutItem"), ("Orders", "Query:byTime")}}) == []
    assert undeclared({orders: {("Orders", "Query:byShoeSize"), ("Orders", "Scan")}}) == [
        "order-service: dynamodb:Query on index/Orders/byShoeSize",
        "order-service: dynamodb:Scan on table/Orders",
    ]
