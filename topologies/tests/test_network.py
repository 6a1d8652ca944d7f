"""The edges of the shop: what follows from manifests, and that the manifests say where services go outside."""

import ast
import re
from collections.abc import Iterable
from pathlib import Path

import msgspec

from souk_chassis.http.api_gateway import Runtime
from souk_chassis.manifest import Service
from souk_topologies.containers import Place
from souk_topologies.network import edges
from souk_topologies.shop import manifest_of, manifests

ROOT = Path(__file__).resolve().parents[2]
ALL = [manifest_of(name) for name in ("users", "products", "orders", "payments", "notifications")]


def seen(place: Place, runtimes: dict[str, Runtime] | None = None, services: Iterable[Service] = ALL) -> set[str]:
    return {f"{each.source} {each.target} {each.port}" for each in edges(list(services), place, runtimes)}


def test_in_a_cluster_each_may_reach_whom_it_calls_and_its_subscribers_databases():
    found = seen(Place.CLUSTER)
    assert {name for name in found if name.startswith("payment-service ")} == {
        "payment-service order-service 8080",
        "payment-service database/payments 5432",
        "payment-service database/orders 5432",
        "payment-service payment-provider 443",
        "payment-service dns 53",
    }
    assert {name for name in found if name.endswith(" user-service 8080")} == {
        "gateway user-service 8080",
        "notification-service user-service 8080",
    }
    assert {name for name in found if name.endswith(" gateway 8080")} == {"ingress gateway 8080"}


def test_on_aws_containers_meet_behind_the_load_balancer_and_reach_their_own_database_alone():
    found = seen(Place.AWS, {"orders": Runtime.ECS, "products": Runtime.EKS})
    assert {name for name in found if not name.endswith(" dns 53")} == {
        "load-balancer order-service 8080",
        "load-balancer product-service 8080",
        "order-service load-balancer 80",
        "product-service load-balancer 80",
        "order-service database/orders 5432",
        "product-service database/products 5432",
        "order-service aws 443",
        "product-service aws 443",
        "product-service credentials-agent 80",
        "provision database/orders 5432",
        "provision database/products 5432",
    }


def test_a_function_is_invoked_by_aws_and_not_by_the_load_balancer():
    found = edges(ALL, Place.AWS, {"notifications": Runtime.ECS})
    [way] = [each for each in found if each.source == "notification-service" and each.target == "aws"]
    assert way.why == "SNS and SQS are the bus; users are invoked for `find_contacts`; SES sends mails."


def test_a_new_call_is_a_new_edge_and_a_lost_one_is_none():
    without = [msgspec.structs.replace(each, parts={}) if each.name == "orders" else each for each in ALL]
    assert seen(Place.CLUSTER) - seen(Place.CLUSTER, services=without) == {"order-service product-service 8080"}


def test_each_edge_says_why_and_none_is_there_twice():
    for place in Place:
        found = edges(ALL, place, {each.name: Runtime.EKS for each in ALL})
        assert all(re.search(r"[.]$", each.why) for each in found)
        assert len({(each.source, each.target, each.port, each.protocol) for each in found}) == len(found)


def addresses(sources: Iterable[str]) -> set[str]:
    """The settings `..._url` of a service's own that its sources read."""
    fields = [
        node.target.id
        for source in sources
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name)
    ]
    return {f"SOUK_{name.upper()}" for name in fields if name.endswith("_url")}


def test_a_service_that_has_an_address_outside_declares_it():
    for service in manifests().values():
        sources = [path.read_text() for path in (ROOT / f"services/{service.name}/src").rglob("*.py")]
        assert addresses(sources) == {each.setting for each in service.reaches}, service.name


def test_an_address_that_is_not_declared_is_caught():
    assert addresses(["class Config:\n    search_url: str = ''\n"]) == {"SOUK_SEARCH_URL"}
