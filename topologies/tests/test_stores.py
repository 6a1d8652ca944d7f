"""A service that is deployed on one engine alone runs where that engine is, and is refused elsewhere in a sentence."""

import pytest
from click.testing import CliRunner
from msgspec.structs import replace

from souk_chassis.http.api_gateway import Runtime
from souk_chassis.manifest import DYNAMODB, POSTGRES, ManifestError, Service, check_wiring
from souk_topologies import shop
from souk_topologies.cli.main import souk
from souk_topologies.cli.packaging import CHECKOUT
from souk_topologies.containers import Place, clustered, settled
from souk_topologies.infrastructure import terraform_inputs
from souk_topologies.kubernetes import files
from souk_topologies.network import edges
from souk_topologies.packages.needs import read_members
from souk_topologies.workflows import of_service


def with_stores(**stores: str) -> list[Service]:
    """The shop's services, of which these have one engine alone."""
    return [
        replace(service, stores=(stores[name],)) if name in stores else service
        for name, service in shop.manifests().items()
    ]


def test_a_service_on_postgres_alone_is_in_a_container_on_aws() -> None:
    said = terraform_inputs(with_stores(users=POSTGRES), {"keys": []})["services"]
    assert (said["users"]["runtime"], said["users"]["functions"], said["users"]["tables"]) == ("ecs", {}, {})
    assert said["notifications"]["functions"]["events"]["reaches"] == ["users"]
    assert said["orders"]["runtime"] == "lambda"


def test_a_service_on_dynamodb_alone_is_functions_wherever_the_others_are() -> None:
    services = with_stores(notifications=DYNAMODB)
    others = dict.fromkeys(("users", "products", "orders", "payments"), Runtime.EKS)
    said = terraform_inputs(services, {"keys": []}, None, others)["services"]
    assert said["notifications"]["runtime"] == "lambda"
    for place in Place:
        assert "notification-service" not in {each.source for each in edges(services, place, others)}
    made = files(services)
    assert "base/services/notification-service.yaml" not in made
    assert not [name for name, text in made.items() if "notification-service" in text and "aws" not in name]


@pytest.mark.parametrize(
    ("stores", "runtimes", "why"),
    [
        ({"users": POSTGRES}, {"users": Runtime.LAMBDA}, "users can't run on lambda: its store is PostgreSQL alone"),
        ({"users": DYNAMODB}, {"users": Runtime.ECS}, "users can't run on ecs: its store is DynamoDB alone"),
        ({"users": DYNAMODB}, {"users": Runtime.EKS}, "users can't run on eks: its store is DynamoDB alone"),
    ],
)
def test_a_runtime_without_a_store_is_refused(stores: dict[str, str], runtimes: dict[str, Runtime], why: str) -> None:
    with pytest.raises(ValueError, match=why):
        settled(with_stores(**stores), runtimes)


def test_a_cluster_is_refused_where_a_callee_is_not_in_it() -> None:
    with pytest.raises(ValueError, match="orders calls products, whose store is DynamoDB alone"):
        clustered(with_stores(products=DYNAMODB))


def test_an_engine_that_is_none_is_refused() -> None:
    with pytest.raises(ManifestError, match="users stores 'mysql', which is no engine: postgres, dynamodb"):
        check_wiring(with_stores(users="mysql"))


def test_a_workflow_delivers_functions_only_where_there_are_some() -> None:
    members = read_members(CHECKOUT)
    [users, *_] = with_stores(users=POSTGRES)
    made = of_service(users, CHECKOUT, members)
    assert (made.aliased, made.plain) == ([], [])
    assert "|| 'ecs'" in made.runtime


@pytest.mark.parametrize("what", ["terraform", "kubernetes", "openapi"])
def test_the_command_says_it_in_one_line(what: str, monkeypatch: pytest.MonkeyPatch) -> None:
    changed = {service.name: service for service in with_stores(users=POSTGRES)}
    monkeypatch.setattr("souk_topologies.cli.rendering.manifests", lambda: changed)
    ended = CliRunner().invoke(souk, ["render", what, "--runtime", "users=lambda"])
    assert ended.exit_code == 2
    assert "users can't run on lambda" in ended.output
