"""The network's rules, tried: everybody of the overlays in a network namespace of his own, the rules of the rendered
NetworkPolicies in each, and a connection from each to each on each port."""

import copy
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from souk_topologies.network import PROVISION
from tests.infra.namespaces import Namespace, hosts, put_rules
from tests.infra.overlays import copy_with_secrets, objects_of
from tests.infra.trials import listening, through
from tests.kubernetes.objects import Object
from tests.kubernetes.policies import Endpoint
from tests.kubernetes.world import (
    SERVICES,
    Connection,
    connections,
    declared_in_cluster,
    declared_on_aws,
    in_cluster,
    on_aws,
    policies_of,
)


class Laboratory:
    """Hosts with their listeners."""

    def __init__(self, endpoints: list[Endpoint], namespaces: dict[str, Namespace]) -> None:
        self.endpoints = endpoints
        self._namespaces = namespaces

    async def let_through(self, policies: list[Object]) -> set[Connection]:
        """What gets through under these policies, tried."""
        put_rules(self._namespaces, policies, self.endpoints)
        async with listening(self._namespaces, self.endpoints):
            return await through(self._namespaces, self.endpoints, connections(self.endpoints))


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return copy_with_secrets(tmp_path_factory.mktemp("network"))


@pytest.fixture(scope="module")
def kind(sources: Path) -> Iterator[Laboratory]:
    endpoints = in_cluster(objects_of(sources, "kind"))
    with hosts(endpoints) as namespaces:
        yield Laboratory(endpoints, namespaces)


@pytest.fixture
def policies(sources: Path) -> list[Object]:
    return copy.deepcopy(policies_of(objects_of(sources, "kind")))


async def test_without_rules_everybody_reaches_everybody(kind: Laboratory) -> None:
    assert await kind.let_through([]) == set(connections(kind.endpoints))


async def test_declared_edges_work_and_every_other_connection_is_refused(
    kind: Laboratory, policies: list[Object]
) -> None:
    assert await kind.let_through(policies) == declared_in_cluster(kind.endpoints)


def named(policies: list[Object], name: str) -> Object:
    return next(each["spec"] for each in policies if each["metadata"]["name"] == name)


def widen(policies: list[Object]) -> None:
    named(policies, "order-service")["ingress"].append({"ports": [{"protocol": "TCP", "port": 8080}]})


def lack_an_edge(policies: list[Object]) -> None:
    named(policies, "postgres")["ingress"].pop()


@pytest.mark.parametrize(
    ("plant", "caught"),
    [
        (
            widen,
            {(name, "order-service", "TCP", 8080) for name in ("impostor", "stranger", "outside", "ingress", "dns")},
        ),
        (
            lack_an_edge,
            {(name, "postgres", "TCP", 5432) for name in (PROVISION, *(service.label for service in SERVICES))},
        ),
    ],
)
async def test_a_planted_fault_is_caught(
    kind: Laboratory, policies: list[Object], plant: Callable[[list[Object]], None], caught: set[Connection]
) -> None:
    plant(policies)
    assert await kind.let_through(policies) ^ declared_in_cluster(kind.endpoints) == caught


async def test_on_eks_what_is_no_pod_is_told_by_its_address(sources: Path) -> None:
    objects = objects_of(sources, "eks")
    endpoints = on_aws(objects)
    with hosts(endpoints) as namespaces:
        found = await Laboratory(endpoints, namespaces).let_through(policies_of(objects))
    assert found == declared_on_aws(endpoints)
    ours = {source for source, target, *_ in found if target.endswith("-service") and source.endswith("-service")}
    assert ours == set(), "services meet behind the load balancer alone"
