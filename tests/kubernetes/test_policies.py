"""The NetworkPolicies let through what the manifests' edges say, and nothing else. `tests/infra/test_network.py` tries
the same with real connections, on what kustomize renders."""

import copy
from collections.abc import Callable, Sequence

import pytest

from tests.kubernetes.objects import Object, from_files
from tests.kubernetes.policies import EGRESS, Endpoint, openings
from tests.kubernetes.world import SERVICES, declared_in_cluster, in_cluster, let_through, policies_of

OUTSIDE = ("charge-with-stripe", "mail-by-smtp", "legacy-application")
KIND = ("base/*.yaml", "base/*/*.yaml", "overlays/kind/*.yaml")


@pytest.fixture(scope="module")
def objects() -> list[Object]:
    return from_files(*KIND)


@pytest.fixture
def policies(objects: Sequence[Object]) -> list[Object]:
    return copy.deepcopy(policies_of(objects))


def differences(policies: Sequence[Object], objects: Sequence[Object]) -> set[tuple[str, str, str, int]]:
    around = in_cluster(objects)
    return let_through(policies, around) ^ declared_in_cluster(around)


def test_policies_let_through_what_is_declared(objects: list[Object], policies: list[Object]) -> None:
    assert differences(policies, objects) == set()
    assert len(declared_in_cluster(in_cluster(objects))) >= 30


def test_the_components_for_servers_outside_let_services_go_there(objects: list[Object]) -> None:
    besides = policies_of(from_files(*(f"components/{name}/network.yaml" for name in OUTSIDE)))
    around = in_cluster(objects)
    found = let_through([*policies_of(objects), *besides], around)
    assert found == declared_in_cluster(around, set_outside=True)
    assert found - declared_in_cluster(around) == {
        ("payment-service", "outside", "TCP", 443),
        *(("notification-service", "outside", "TCP", port) for port in (25, 465, 587)),
        *(("gateway", "outside", "TCP", port) for port in (80, 443)),
    }


def test_without_endpoints_services_ask_aws_on_the_internet(objects: list[Object]) -> None:
    besides = policies_of(from_files("components/aws-over-the-internet/network.yaml"))
    around = in_cluster(objects)
    found = let_through([*policies_of(objects), *besides], around)
    assert found - declared_in_cluster(around) == {(each.label, "outside", "TCP", 443) for each in SERVICES}


def named(policies: Sequence[Object], name: str) -> Object:
    return next(each["spec"] for each in policies if each["metadata"]["name"] == name)


def widen(policies: list[Object]) -> None:
    named(policies, "payment-service")["ingress"].append({"ports": [{"protocol": "TCP", "port": 8080}]})


def let_into_every_namespace(policies: list[Object]) -> None:
    for rule in named(policies, "user-service")["ingress"]:
        rule["from"][0]["namespaceSelector"] = {}


def forget_a_rule(policies: list[Object]) -> None:
    named(policies, "order-service")["egress"].pop()


def forget_to_deny(policies: list[Object]) -> None:
    policies[:] = [each for each in policies if each["metadata"]["name"] != "deny-all"]


def open_another_port(policies: list[Object]) -> None:
    named(policies, "postgres")["ingress"][0]["ports"].append({"protocol": "TCP", "port": 9999})


@pytest.mark.parametrize(
    ("plant", "told"),
    [
        (widen, {("impostor", "payment-service", "TCP", 8080)}),
        (let_into_every_namespace, {("impostor", "user-service", "TCP", 8080)}),
        (forget_a_rule, {("order-service", "product-service", "TCP", 8080)}),
        (forget_to_deny, {("neighbour", "outside", "TCP", 443)}),
        (open_another_port, set()),  # it needs the other end as well: no pod may go there
    ],
)
def test_a_planted_fault_is_caught(
    objects: list[Object],
    policies: list[Object],
    plant: Callable[[list[Object]], None],
    told: set[tuple[str, str, str, int]],
) -> None:
    plant(policies)
    assert told <= differences(policies, objects)
    assert bool(told) == bool(differences(policies, objects))


@pytest.mark.parametrize(
    "rule",
    [
        {"to": [{"podSelector": {"matchFields": {}}}]},
        {"ports": [{"port": "http", "protocol": "TCP"}]},
        {"ports": [{"port": 1, "endPort": 9}]},
    ],
)
def test_what_is_not_understood_is_not_passed_over(rule: Object) -> None:
    policy = {
        "kind": "NetworkPolicy",
        "metadata": {"name": "odd"},
        "spec": {"podSelector": {}, "policyTypes": ["Egress"], "egress": [rule]},
    }
    pod, other = Endpoint("pod", "10.1.0.2", "souk"), Endpoint("other", "10.1.0.3", "souk")
    with pytest.raises(ValueError, match=r"not understood|by name"):
        openings([policy], pod, EGRESS, [pod, other])
