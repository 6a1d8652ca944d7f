"""The shop of functions is counted as Terraform makes it."""

import re
from pathlib import Path

from souk_topologies.cost import Assumptions
from souk_topologies.cost.serverless import OTHER
from souk_topologies.cost.shape import read_shape
from souk_topologies.shop import manifests

MODULES = Path(__file__).parents[3] / "infra/terraform/modules"


def test_what_the_shop_has(shipped: tuple[str, ...]) -> None:
    shape = read_shape(list(manifests().values()))
    # Three functions of users, products and orders, two of payments and notifications, the gateway, the authorizer.
    assert (shape.functions, shape.published) == (15, 7)
    assert (shape.tables, shape.queues, shape.relays, shape.secrets) == (17, 20, 5, 5)
    assert shape.scheduled == shipped
    # Errors of 15 functions, throttles, 5xx, ages and dead letters of 20 queues, 5 queues of what was not relayed.
    assert shape.alarms == 62


def test_keys_are_those_of_terraform() -> None:
    shop = (MODULES / "shop/main.tf").read_text("utf-8")
    of_functions = re.search(r"names = toset\(concat\(\n    \[(.*?)\],\n", shop)
    assert of_functions
    of_the_state = 1
    assert len(of_functions[1].split(", ")) + of_the_state == Assumptions().kms_keys


def test_alarms_are_those_of_terraform() -> None:
    """The kinds that `Shape.alarms` adds up are the module's."""
    alarms = (MODULES / "alarms/main.tf").read_text("utf-8")
    kinds = re.search(r"for_each = merge\(\n    (.*?),\n    (.*?),\n  \)", alarms)
    assert kinds
    assert kinds[1].split(", ") == ["local.errors", "local.throttles", "local.answers", "local.ages", "local.letters"]
    # Of services in containers: none where there are none.
    assert kinds[2].split(", ") == [
        "local.faults",
        "local.unready",
        "local.balancer",
        "local.processors",
        "local.storage",
    ]


def test_clock_is_that_of_the_manifests(shipped: tuple[str, ...]) -> None:
    measured = Assumptions().schedule_calls.keys()
    assert measured == Assumptions().schedule_read_units.keys()
    assert measured - {OTHER} <= set(shipped)
    assert OTHER in measured
