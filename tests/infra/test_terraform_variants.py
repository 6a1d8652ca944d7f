"""Every variant of the shop plans offline: all functions, all on ECS, all on EKS, and a mix of the three. Each has what
its manifests ask for, and the security groups let through their edges and no other."""

import json
import re
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

import pytest

from souk_chassis.config import ConfigError
from souk_chassis.edge.takeover import Takeover
from souk_chassis.http.api_gateway import Runtime
from souk_topologies.aws_local.terraform import Terraform, TerraformError
from souk_topologies.containers import Place
from souk_topologies.kubernetes import files
from souk_topologies.network import AGENT, DNS_PORT, edges
from souk_topologies.shop import SERVICES, manifests
from souk_topologies.takeover import deployed_inputs
from tests.infra.refused import REFUSED
from tests.infra.variants import (
    NETWORK,
    VARIANTS,
    Planner,
    declared,
    declared_outside,
    differences,
    inputs_of,
    let_in,
    let_out,
    let_outside,
    of_type,
    settings_of,
)
from tests.kubernetes.objects import SOURCES as KUBERNETES
from tests.kubernetes.objects import read

Planned = list[dict[str, Any]]
GROUPS = {"aws": "endpoints", "database": "database-shop"}
"""Groups by what docs/reference/network.md calls them."""
TARGETS, SECRETS = "TargetGroupBinding", "ExternalSecret"
CONTAINERS_ALONE = ("aws_vpc", "aws_lb", "aws_db_instance", "aws_ecs_cluster", "aws_ecr_repository", "aws_route53_zone")


@pytest.fixture(scope="module")
def planner(tmp_path_factory: pytest.TempPathFactory) -> Planner:
    try:
        return Planner(Terraform(tmp_path_factory.mktemp("terraform")), tmp_path_factory.mktemp("shop"))
    except ConfigError as missing:
        pytest.fail(str(missing))


@pytest.fixture(scope="module")
def planned(planner: Planner) -> Callable[[str], Planned]:
    @cache
    def plan(variant: str) -> Planned:
        runtimes = VARIANTS[variant]
        return planner.plan(*inputs_of(runtimes), **settings_of(runtimes))

    return plan


@pytest.mark.parametrize("variant", VARIANTS)
def test_groups_let_through_what_the_manifests_ask_for_and_nothing_else(
    planned: Callable[[str], Planned], variant: str
) -> None:
    wanted = declared(manifests(), VARIANTS[variant])
    assert differences(wanted, let_in(planned(variant))) == []
    assert differences(wanted, let_out(planned(variant))) == []
    assert differences(declared_outside(manifests(), VARIANTS[variant]), let_outside(planned(variant))) == []


@pytest.mark.parametrize("variant", ["ecs", "eks", "mixed"])
def test_groups_let_in_other_groups_alone(planned: Callable[[str], Planned], variant: str) -> None:
    """No rule names an address, but the way out to the internet where the settings ask for it: here none does."""
    kinds = ("aws_vpc_security_group_ingress_rule", "aws_vpc_security_group_egress_rule")
    rules = [rule for kind in kinds for rule in of_type(planned(variant), kind).items()]
    assert rules
    assert [address for address, rule in rules if rule["cidr_ipv4"] or rule["cidr_ipv6"]] == []


def test_a_planted_difference_is_caught(planned: Callable[[str], Planned]) -> None:
    wanted = declared(manifests(), VARIANTS["mixed"])
    planted = [each for each in planned("mixed") if each.get("index") != "load-balancer order-service"]
    rules = (each for each in planned("mixed") if each["type"] == "aws_vpc_security_group_ingress_rule")
    rule = next(each for each in rules if each["index"] == "order-service database-shop")
    planted.append(json.loads(json.dumps(rule).replace("order-service database-shop", "vpc-link database-shop")))
    assert differences(wanted, let_in(planted)) == [
        "load-balancer to order-service on 8080 is declared and refused",
        "vpc-link to database-shop on 5432 is let through and not declared",
    ]


@pytest.mark.parametrize("variant", ["ecs", "eks", "mixed"])
def test_services_are_reached_by_the_load_balancer_alone_and_databases_by_their_services(
    planned: Callable[[str], Planned], variant: str
) -> None:
    edges, runtimes = let_in(planned(variant)), VARIANTS[variant]
    for name in runtimes:
        kubelet = {"cluster"} if runtimes[name] is Runtime.EKS else set()
        label = manifests()[name].label
        assert {source for source, target, _ in edges if target == label} == {"load-balancer", *kubelet}
    to_database = {source for source, target, port in edges if target == "database-shop" and port == 5432}
    assert to_database == {"provision", *(manifests()[name].label for name in runtimes)}
    assert not [edge for edge in edges if edge[1] == "database-shop" and edge[2] != 5432]


@pytest.mark.parametrize("variant", ["ecs", "eks", "mixed"])
def test_the_page_of_the_network_and_the_groups_agree(variant: str) -> None:
    runtimes = VARIANTS[variant]
    told = edges(list(manifests().values()), Place.AWS, runtimes)
    inside = [each for each in told if not each.setting and each.port != DNS_PORT and each.target != AGENT]
    page = {(each.source, GROUPS.get(each.target.partition("/")[0], each.target), each.port) for each in inside}
    assert page <= declared(manifests(), runtimes)


def test_who_may_go_out_has_the_ports_of_his_manifest(planner: Planner) -> None:
    settings = settings_of(VARIANTS["ecs"])
    settings["network"] = NETWORK | {"nat": "single", "outside": ["payments", "notifications"]}
    there = of_type(planner.plan(*inputs_of(VARIANTS["ecs"]), **settings), "aws_vpc_security_group_egress_rule")
    ports = {
        name: {port for outside in manifests()[name].reaches for port in outside.ports}
        for name in ("payments", "notifications")
    }
    wanted = {(manifests()[name].label, port) for name, found in ports.items() for port in found}
    out = {(key.partition('"')[2].split(" ")[0], rule["from_port"]) for key, rule in there.items() if rule["cidr_ipv4"]}
    assert out == wanted
    assert wanted


def test_a_function_in_the_network_goes_out_as_its_service_may(planner: Planner) -> None:
    settings = settings_of(VARIANTS["mixed"])
    settings["network"] = NETWORK | {"nat": "single", "outside": ["payments"]}
    there = of_type(planner.plan(*inputs_of(VARIANTS["mixed"]), **settings), "aws_vpc_security_group_egress_rule")
    out = {key.partition('"')[2].rstrip('"]') for key, rule in there.items() if rule["cidr_ipv4"]}
    assert out == {"function-payment-service-events internet 443"}


def test_a_shop_of_functions_has_nothing_that_only_containers_need(planned: Callable[[str], Planned]) -> None:
    for kind in (*CONTAINERS_ALONE, "aws_eks_cluster", "aws_security_group", "aws_apigatewayv2_vpc_link"):
        assert of_type(planned("functions"), kind) == {}, kind


@pytest.mark.parametrize("variant", ["ecs", "eks", "mixed"])
def test_a_service_is_made_where_its_runtime_says(planned: Callable[[str], Planned], variant: str) -> None:
    there, runtimes = planned(variant), VARIANTS[variant]
    for kind in CONTAINERS_ALONE:
        assert of_type(there, kind), kind
    on_ecs = {manifests()[name].label for name, runtime in runtimes.items() if runtime is Runtime.ECS}
    assert {each["name"] for each in of_type(there, "aws_ecs_service").values()} == on_ecs
    on_eks = {manifests()[name].label for name, runtime in runtimes.items() if runtime is Runtime.EKS}
    accounts = {each["service_account"] for each in of_type(there, "aws_eks_pod_identity_association").values()}
    assert accounts - {"aws-load-balancer-controller", "external-secrets"} == on_eks
    tables = {table.name for name in SERVICES if name not in runtimes for table in manifests()[name].tables}
    assert {each["name"] for each in of_type(there, "aws_dynamodb_table").values()} == tables
    functions = {each["function_name"] for each in of_type(there, "aws_lambda_function").values()}
    assert {name for name in SERVICES if manifests()[name].label in functions} == {*SERVICES} - {*runtimes}


def named_elsewhere(planned: Planned, runtimes: Mapping[str, Runtime]) -> list[str]:
    """What Kubernetes' files for these runtimes ask of AWS by a name that Terraform does not make."""
    made = files(list(manifests().values()), {name: runtimes.get(name, Runtime.LAMBDA) for name in SERVICES})
    objects = [each for name, text in made.items() if name.startswith("components/aws") for each in read(text)]
    asked = {
        "aws_lb_target_group": {each["spec"]["targetGroupName"] for each in objects if each["kind"] == TARGETS},
        "aws_secretsmanager_secret": {
            entry["remoteRef"]["key"] for each in objects if each["kind"] == SECRETS for entry in each["spec"]["data"]
        },
    }
    assert all(asked.values())
    return sorted(
        f"{kind} {name}"
        for kind, names in asked.items()
        for name in names - {each["name"] for each in of_type(planned, kind).values()}
    )


@pytest.mark.parametrize("variant", ["eks", "mixed"])
def test_what_kubernetes_files_ask_for_by_name_terraform_makes(planned: Callable[[str], Planned], variant: str) -> None:
    assert named_elsewhere(planned(variant), VARIANTS[variant]) == []


def test_a_target_group_of_another_name_is_caught(planned: Callable[[str], Planned]) -> None:
    planted = json.loads(json.dumps(planned("mixed")).replace("souk-product-service", "shop-product-service"))
    assert named_elsewhere(planted, VARIANTS["mixed"]) == ["aws_lb_target_group souk-product-service"]


def test_security_groups_of_pods_stand_in_terraforms_output_alone() -> None:
    assert [path for path in KUBERNETES.rglob("*.yaml") if "SecurityGroupPolicy" in path.read_text()] == []


CHANGED_BY_ANOTHER = {
    "terraform_data": {"input"},
    "aws_lambda_function": {"environment"},
    "aws_secretsmanager_secret": {"description"},
    "aws_vpc_security_group_egress_rule": {"description"},
    "aws_vpc_security_group_ingress_rule": {"description"},
}
"""What a service that comes changes of what is not its own: each of it AWS changes where it stands."""


def test_a_service_that_comes_leaves_what_the_others_stand_on_as_it_is(
    planner: Planner, planned: Callable[[str], Planned]
) -> None:
    runtimes = {**VARIANTS["mixed"], "payments": Runtime.ECS}
    after = {
        each["address"]: each["change"]["after"] for each in planner.plan(*inputs_of(runtimes), **settings_of(runtimes))
    }
    found: dict[str, set[str]] = {}
    for each in planned("mixed"):
        old, new = each["change"]["after"], after.get(each["address"], each["change"]["after"])
        names = {name for name in {*old, *new} if old.get(name) != new.get(name)}
        if names and "payment" not in each["address"]:
            found.setdefault(each["type"], set()).update(names)
    assert found == CHANGED_BY_ANOTHER


def test_what_others_still_need_is_made_anew_before_the_old_one_goes(
    planner: Planner, planned: Callable[[str], Planned]
) -> None:
    kinds = ("aws_apigatewayv2_integration", "aws_apigatewayv2_vpc_link", "aws_eks_node_group")
    there = [next(each for each in planned("mixed") if each["type"] == kind) for kind in kinds]
    assert set(planner.made_anew(there, VARIANTS["mixed"]).values()) == {"create"}


def test_queues_and_topics_are_the_same_wherever_services_run(planned: Callable[[str], Planned]) -> None:
    for kind in ("aws_sns_topic", "aws_sqs_queue"):
        names = {variant: {each["name"] for each in of_type(planned(variant), kind).values()} for variant in VARIANTS}
        relayed = {name for name in names["functions"] if not name.endswith("-unrelayed")}
        assert all({name for name in found if not name.endswith("-unrelayed")} == relayed for found in names.values())


def test_functions_that_call_containers_are_in_the_network_and_no_others(planned: Callable[[str], Planned]) -> None:
    inside = {
        each["function_name"]
        for each in of_type(planned("mixed"), "aws_lambda_function").values()
        if each["vpc_config"]
    }
    assert inside == {"payment-service-events", "gateway"}


def test_routes_go_where_their_service_is(planned: Callable[[str], Planned]) -> None:
    made = of_type(planned("mixed"), "aws_apigatewayv2_integration").values()
    sent = {
        each["request_parameters"]["overwrite:header.x-souk-service"] for each in made if each["request_parameters"]
    }
    assert sent == {"order-service", "product-service"}
    assert {each["integration_type"] for each in made if each["request_parameters"]} == {"HTTP_PROXY"}


refuses = pytest.mark.xdist_group("refused-plans")
"""These need no plan of a variant, so another worker may make them."""


def refusal(planner: Planner, inputs: dict[str, Any], document: dict[str, Any], **settings: Any) -> str:
    """The sentence of a plan that is refused."""
    with pytest.raises(TerraformError) as refused:
        planner.plan(inputs, document, **settings)
    return re.sub(r"[\s│╷╵]+", " ", str(refused.value))


@refuses
@pytest.mark.parametrize("wrong", REFUSED)
def test_a_wrong_variable_stops_the_plan_with_a_sentence(planner: Planner, wrong: str) -> None:
    settings, sentences = REFUSED[wrong]
    said = refusal(planner, *inputs_of(VARIANTS["mixed"]), **(settings_of(VARIANTS["mixed"]) | settings))
    assert [sentence for sentence in sentences if sentence not in said] == []


@refuses
def test_a_gateway_that_cannot_reach_the_other_application_stops_the_plan(planner: Planner) -> None:
    inputs, document = inputs_of(VARIANTS["mixed"])
    beside = deployed_inputs(inputs, Takeover("https://legacy.example"))
    said = refusal(planner, beside, document, **settings_of(VARIANTS["mixed"]))
    assert "The function gateway passes requests on to another application, and is in the network" in said


@refuses
def test_a_runtime_that_is_none_stops_the_plan(planner: Planner) -> None:
    inputs, document = inputs_of(VARIANTS["mixed"])
    inputs["services"]["users"]["runtime"] = "moon"
    said = refusal(planner, inputs, document)
    assert "A service's runtime is lambda, ecs or eks. Here is users: moon." in said


@refuses
def test_a_tag_that_is_missing_and_a_single_zone_stop_the_plan(planner: Planner) -> None:
    settings = settings_of(VARIANTS["mixed"])
    del settings["image_tags"]["order-service"]
    settings["network"] = NETWORK | {"zones": ["eu-west-1a"]}
    said = refusal(planner, *inputs_of(VARIANTS["mixed"]), **settings)
    assert "image_tags needs the tag of each image: missing are order-service." in said
    assert "zones names two or three different availability zones" in said
