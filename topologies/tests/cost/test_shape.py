"""The shop is counted as its manifests and Terraform have it; what Terraform decides is assumed as Terraform has it."""

import re
from pathlib import Path

import pytest

from souk_topologies.containers import GATEWAY_LABEL as GATEWAY
from souk_topologies.containers import size_of
from souk_topologies.cost.data import read_assumptions
from souk_topologies.cost.estimate import AUTHORIZER, read_shop
from souk_topologies.infrastructure import terraform_inputs
from souk_topologies.infrastructure.containers import fargate_size
from souk_topologies.shop import manifests

TERRAFORM = Path(__file__).parents[3] / "infra/terraform"
TOLD = read_assumptions()
ASSUMED = {name: each.value for name, each in TOLD.items()}
SCALES = {"target_utilisation": 100}
"""How much larger Terraform's figure is."""


def default_of(variable: str) -> str:
    """The default of a variable of environments/aws, or of a part of one, such as `scaling.cpu_percent`."""
    name, _, part = variable.partition(".")
    text = (TERRAFORM / "environments/aws/variables.tf").read_text("utf-8")
    block = re.search(rf'^variable "{name}" {{\n(.*?)^}}', text, re.MULTILINE | re.DOTALL)
    assert block, variable
    pattern = rf"^ +{part} += optional\(\w+, (.*)\)$" if part else r"^  default += (.*)$"
    found = re.search(pattern, block[1], re.MULTILINE)
    assert found, variable
    return found[1].strip('"')


@pytest.mark.parametrize("name", [name for name, each in TOLD.items() if each.terraform])
def test_defaults_are_those_of_terraform(name: str) -> None:
    value = ASSUMED[name]
    told = str(value).lower() if isinstance(value, bool) else f"{value * SCALES.get(name, 1):f}"
    assert default_of(TOLD[name].terraform) == told.removesuffix(".0")


def test_functions_have_the_memory_that_is_priced() -> None:
    inputs = terraform_inputs(list(manifests().values()), {})
    made = [function for each in inputs["services"].values() for function in each["functions"].values()]
    assert {function["memory_mb"] for function in made} == {ASSUMED["lambda_memory_mb"]}


def test_containers_have_the_size_that_is_priced() -> None:
    for name in (*manifests(), GATEWAY):
        size = size_of(name)
        assert fargate_size(size) == (ASSUMED["task_vcpu"] * 1024, ASSUMED["task_gb"] * 1024), name
        assert size.replicas == ASSUMED["tasks_at_least"].get(name, ASSUMED["tasks_at_least"]["other"]), name


def test_the_database_of_terraform_has_a_price() -> None:
    found = default_of("database.instance_class")
    assert found.removeprefix("db.").replace(".", "_") in ASSUMED["database_vcpu"]
    assert default_of("database.multi_az") == "true"


def test_nodes_are_those_of_terraform() -> None:
    assert default_of("kubernetes.node_type") in TOLD["node_vcpu"].why
    assert f"volume_size = {ASSUMED['node_disk_gb']}\n" in (TERRAFORM / "modules/kubernetes/main.tf").read_text("utf-8")


def test_the_shop_is_counted() -> None:
    services = list(manifests().values())
    shop, inputs = read_shop(services), terraform_inputs(services, {})
    assert shop.services == tuple(inputs["services"])
    queues = [queue for each in inputs["services"].values() for queue in each["queues"]]
    assert sorted(heard.queue for heard in shop.subscriptions) == sorted(queues)
    assert sorted(shop.publishers) == sorted(event.__name__ for service in services for event in service.publishes)
    assert {GATEWAY, AUTHORIZER} == inputs["gateway"]["functions"].keys()
    assert shop.functions > shop.published > 2
    asked = {(each.by, each.event) for each in shop.subscriptions if each.asks}
    assert {("payments", "StockReserved"), ("notifications", "OrderConfirmed")} <= asked


def test_what_is_measured_is_of_steps_and_services_that_exist() -> None:
    """A step that was renamed would be priced as `other`, silently."""
    services = manifests().values()
    steps = {service.queue(event) for service in services for event in service.consumes}
    steps |= {operation.name for service in services for operation in service.implements}
    steps |= {"relay", "authorize", "other"}
    for name in ("write_units", "read_units", "aws_calls", "write_units_per_line", "read_units_per_line"):
        assert ASSUMED[name].keys() <= steps, name
    for name in ("order_cpu_us", "read_cpu_us", "sign_in_cpu_us"):
        assert ASSUMED[name].keys() <= {*manifests(), GATEWAY, "postgresql"}, name
    for name in ("schedule_calls", "schedule_read_units", "tasks_at_least"):
        assert ASSUMED[name].keys() <= {*manifests(), "other"}, name


def test_keys_are_those_of_terraform() -> None:
    shop = (TERRAFORM / "modules/shop/main.tf").read_text("utf-8")
    of_functions = re.search(r"names = toset\(concat\(\n    \[(.*?)\],\n", shop)
    assert of_functions
    of_the_state = 1
    assert len(of_functions[1].split(", ")) + of_the_state == ASSUMED["kms_keys"]


def test_alarms_are_those_of_terraform() -> None:
    """The kinds that the bill of functions adds up are the module's."""
    alarms = (TERRAFORM / "modules/alarms/main.tf").read_text("utf-8")
    kinds = re.search(r"for_each = merge\(\n    (.*?),\n", alarms)
    assert kinds
    assert kinds[1].split(", ") == ["local.errors", "local.throttles", "local.answers", "local.ages", "local.letters"]
