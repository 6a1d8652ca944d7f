"""Terraform's inputs say of each service what its manifest says, wherever it runs, and nothing else."""

import json
from typing import Any

import pytest

from souk_chassis.http.api_gateway import Runtime
from souk_chassis.manifest import DYNAMODB, POSTGRES, Part, Service
from souk_topologies.containers import Size, size_of
from souk_topologies.infrastructure import terraform_inputs
from souk_topologies.infrastructure.containers import fargate_size
from souk_topologies.infrastructure.secrets import Server, database_secrets, read_servers
from souk_topologies.shop import manifests

ON_ECS = [name for name, service in manifests().items() if POSTGRES in service.stores]
ON_LAMBDA = [name for name, service in manifests().items() if DYNAMODB in service.stores]
ALL_ECS = dict.fromkeys(ON_ECS, Runtime.ECS)
MIXED = {"orders": Runtime.ECS, "products": Runtime.EKS}
BUS = {"sns:Publish", "kms:Decrypt", "kms:GenerateDataKey", "sqs:GetQueueUrl", "sqs:SendMessage"} | {
    f"sqs:{action}" for action in ("ReceiveMessage", "DeleteMessage", "GetQueueAttributes", "ChangeMessageVisibility")
}


@pytest.fixture(scope="module")
def services() -> dict[str, Service]:
    return dict(manifests())


@pytest.fixture(scope="module")
def movable(services: dict[str, Service]) -> dict[str, Service]:
    """Those that run wherever they are told to."""
    return {name: service for name, service in services.items() if name in ON_ECS and name in ON_LAMBDA}


def inputs(services: dict[str, Service], runtimes: dict[str, Runtime] | None = None, **settings: Any) -> dict[str, Any]:
    return terraform_inputs(list(services.values()), {"keys": []}, settings, runtimes)


def differences(service: Service, said: dict[str, Any]) -> list[str]:
    """Where what the inputs say of a service in containers is not what its manifest says."""
    granted = {
        (action, resource)
        for each in said["container"]["permissions"]
        for action in each["actions"]
        for resource in each["resources"]
    }
    queues = [service.queue(event) for event in service.consumes]
    wanted = {
        "calls": sorted({operation.service for operation in service.calls}),
        "topics": [event.topic() for event in service.publishes],
        "queues": {queue: event.topic() for queue, event in zip(queues, service.consumes, strict=True)},
        "publishes": {f"topic/{event.topic()}" for event in service.publishes},
        "takes": {f"{kind}/{queue}" for kind in ("queue", "dead-letters") for queue in queues},
        "sends": {f"{kind}/{queue}" for kind in ("queue", "dead-letters") for queue in queues},
    }
    there = {
        "calls": said["calls"],
        "topics": said["publishes"],
        "queues": {name: queue["topic"] for name, queue in said["queues"].items()},
        "publishes": {resource for action, resource in granted if action == "sns:Publish"},
        "takes": {resource for action, resource in granted if action == "sqs:ReceiveMessage"},
        "sends": {resource for action, resource in granted if action == "sqs:SendMessage"},
    }
    return [name for name, value in wanted.items() if there[name] != value]


@pytest.mark.parametrize("name", ON_ECS)
def test_a_service_in_containers_has_what_its_manifest_says(services: dict[str, Service], name: str) -> None:
    said = inputs(services, ALL_ECS)["services"][name]
    assert differences(services[name], said) == []
    assert (said["functions"], said["tables"], said["schedule"]) == ({}, {}, None)


@pytest.mark.parametrize(
    ("member", "planted", "found"),
    [
        ("publishes", ["order-created"], ["topics"]),
        ("calls", [], ["calls"]),
        ("queues", {}, ["queues"]),
    ],
)
def test_a_planted_difference_is_caught(services: dict[str, Service], member: str, planted: Any, found: Any) -> None:
    said = inputs(services, ALL_ECS)["services"]["orders"]
    assert differences(services["orders"], said | {member: planted}) == found


def test_a_planted_permission_is_caught(services: dict[str, Service]) -> None:
    said = inputs(services, ALL_ECS)["services"]["orders"]
    [published] = [each for each in said["container"]["permissions"] if each["sid"] == "Publishes"]
    published["resources"].append("topic/payment-captured")
    assert differences(services["orders"], said) == ["publishes"]


@pytest.mark.parametrize("name", ON_ECS)
def test_a_containers_role_speaks_to_the_bus_and_reads_no_table_and_no_secret(
    services: dict[str, Service], name: str
) -> None:
    permissions = inputs(services, ALL_ECS)["services"][name]["container"]["permissions"]
    assert {action for each in permissions for action in each["actions"]} <= BUS
    assert len({each["sid"] for each in permissions}) == len(permissions)


def test_a_container_is_given_its_own_secrets(services: dict[str, Service]) -> None:
    said = inputs(services, ALL_ECS)["services"]
    for name in ON_ECS:
        secrets = said[name]["container"]["secrets"]
        assert secrets["DATABASE_URL"] == f"secret/{name}/database"
        assert secrets.get("SOUK_KEY") == (f"secret/{name}" if services[name].signs else None)


def test_functions_among_its_callees_may_be_invoked(services: dict[str, Service]) -> None:
    said = inputs(services, {"payments": Runtime.ECS})["services"]["payments"]["container"]
    invoked = [each["resources"] for each in said["permissions"] if each["actions"] == ["lambda:InvokeFunction"]]
    assert invoked == [["function/order-service-calls"]]
    assert said["reaches"] == []
    assert json.loads(said["environment"]["SOUK_FUNCTIONS"]) == {"orders": "order-service-calls"}


def test_mails_go_by_ses_only_where_it_is_set(services: dict[str, Service]) -> None:
    ses = {"SOUK_MAIL_TRANSPORT": "ses", "SOUK_MAIL_FROM": "Souk <shop@example.org>"}
    said = inputs(services, ALL_ECS, notifications=ses)["services"]["notifications"]["container"]
    mails = [each["resources"] for each in said["permissions"] if "ses:SendEmail" in each["actions"]]
    assert mails == [["identity/shop@example.org"]]
    assert said["environment"]["SOUK_MAIL_TRANSPORT"] == "ses"


def test_functions_are_told_where_the_containers_are_that_they_call(movable: dict[str, Service]) -> None:
    said = inputs(movable, MIXED)
    reaching = {
        function["name"]: function["reaches"]
        for group in [*said["services"].values(), said["gateway"]]
        for function in group["functions"].values()
        if function["reaches"]
    }
    assert reaching == {"payment-service-events": ["orders"], "gateway": ["orders", "products"]}
    events = said["services"]["payments"]["functions"]["events"]
    assert json.loads(events["environment"]["SOUK_URLS"]) == {"orders": "http://order-service.souk.internal"}
    assert not [each for each in events["permissions"] if each["actions"] == ["lambda:InvokeFunction"]]


def test_containers_and_functions_are_told_of_the_ports_outside(services: dict[str, Service]) -> None:
    on_lambda, on_ecs = (inputs(services, runtimes)["services"] for runtimes in ({}, ALL_ECS))
    for name, service in services.items():
        ports = sorted({port for outside in service.reaches for port in outside.ports})
        if name in ON_ECS:
            assert on_ecs[name]["container"]["ports_outside"] == ports
        if name in ON_LAMBDA:
            found = [each["ports_outside"] for each in on_lambda[name]["functions"].values()]
            assert found == [ports] * (2 + service.is_called)
    assert any(on_ecs[name]["container"]["ports_outside"] for name in ON_ECS)


def test_a_shop_of_functions_is_told_nothing_of_containers(services: dict[str, Service]) -> None:
    functions = {name: services[name] for name in ON_LAMBDA}
    said = inputs(functions)
    assert said["provision"] is None
    for name, service in said["services"].items():
        assert service["container"] is None
        assert len(service["functions"]) == 2 + services[name].is_called
        assert service["functions"]["events"]["environment"]["SOUK_PART"] == Part.EVENTS
        assert not [each for each in service["functions"].values() if "SOUK_URLS" in each["environment"]]


def test_what_makes_databases_knows_the_services_in_containers(movable: dict[str, Service]) -> None:
    made = inputs(movable, MIXED)["provision"]
    assert made["image"] == "souk/gateway"
    assert json.loads(made["environment"]["SOUK_PROCESSES"]) == {"products": 10, "orders": 10}


@pytest.mark.parametrize("name", ON_ECS)
def test_a_task_of_fargate_has_the_services_size(services: dict[str, Service], name: str) -> None:
    assert fargate_size(size_of(name)) == (256, 512)


def test_a_larger_service_gets_a_larger_task() -> None:
    assert fargate_size(Size(cpu_m=251, memory_limit_mib=512)) == (512, 1_024)
    assert fargate_size(Size(cpu_m=250, memory_limit_mib=3_000)) == (512, 3_072)
    with pytest.raises(ValueError, match="Fargate has no task"):
        fargate_size(Size(cpu_m=5_000))


def test_each_service_gets_the_url_of_its_own_database() -> None:
    servers = read_servers(["db.example.org"], ["orders", "users"])
    values = database_secrets(servers, {"souk_orders": "o/1", "souk_users": "u", "souk_payments": "p"})
    assert values == {
        "souk/orders/database": "postgresql://souk_orders:o%2F1@db.example.org:5432/souk_orders?sslmode=require",
        "souk/users/database": "postgresql://souk_users:u@db.example.org:5432/souk_users?sslmode=require",
        "souk/passwords/shop": '{"souk_orders": "o/1", "souk_users": "u"}',
    }


def test_each_service_may_have_a_server_of_its_own() -> None:
    servers = read_servers(["orders=a.example.org", "users=b.example.org"], ["orders", "users"])
    assert servers == {"orders": Server("a.example.org", ("orders",)), "users": Server("b.example.org", ("users",))}
    assert "souk/passwords/orders" in database_secrets(servers, {"souk_orders": "o", "souk_users": "u"})


@pytest.mark.parametrize(
    ("entries", "contained", "said"),
    [
        (["db.example.org"], [], "no service is in containers"),
        (["orders=a.example.org"], ["orders", "users"], "of users is missing"),
        (["moon=a.example.org"], ["orders"], "not the host of a service"),
        (["orders="], ["orders"], "not the host of a service"),
        (["null"], ["orders"], "'null' is no host"),
        (["orders=a.example.org:5432"], ["orders"], "is no host such as .*, without a port"),
        (["orders=a.example.org", "orders=b.example.org"], ["orders"], "of orders is given twice"),
        ([], ["orders"], "of orders is missing"),
    ],
)
def test_hosts_that_say_too_little_are_refused(entries: list[str], contained: list[str], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        read_servers(entries, contained)
