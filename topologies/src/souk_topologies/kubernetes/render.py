"""Which files there are below infra/kubernetes, and what stands in each. What people write stands beside them."""

from collections.abc import Mapping, Sequence

from souk_chassis.http.api_gateway import Runtime
from souk_chassis.manifest import Service
from souk_topologies.containers import (
    GATEWAY_LABEL,
    PROVISION_SECRETS,
    Place,
    added_names,
    clustered,
    environment,
    gateway_environment,
    image_of,
    provision_environment,
    secret_names,
    settled,
    size_of,
)
from souk_topologies.kubernetes import aws
from souk_topologies.kubernetes.documents import Document, in_yaml, kustomization
from souk_topologies.kubernetes.policies import component_of, in_cluster, policy
from souk_topologies.kubernetes.secrets import generator
from souk_topologies.kubernetes.workloads import KEYS, Variable, from_config, from_secret, job, plain, workload
from souk_topologies.network import PROVISION, Edge, edges


def files(services: Sequence[Service], runtimes: Mapping[str, Runtime] | None = None) -> dict[str, str]:
    """Every generated file, by its path below infra/kubernetes. Base is the shop in a cluster of one's own, and
    `components/aws` makes it the one on EKS: `runtimes` says which services run elsewhere there. A service without a
    store on PostgreSQL is in neither. Raises ValueError where it would be missed, or is to be there."""
    places = settled(services, runtimes, Runtime.EKS)
    places = {service.name: places.get(service.name, Runtime.EKS) for service in services}
    whole, services = services, clustered(services)
    ways = edges(services, Place.CLUSTER)
    made = {
        **_in_folder("base/services", {f"{each.label}.yaml": _service(each, services, ways) for each in services}),
        **_in_folder("base/gateway", {"gateway.yaml": _gateway(services, ways)}),
        **_in_folder("base/provision", {"provision.yaml": _provision(services, ways)}),
        **_under("components/aws", aws.component(whole, places, edges(whole, Place.AWS, places))),
        **_under("overlays/kind/secrets", {"kustomization.yaml": [generator(services)]}),
    }
    return {name: in_yaml(documents) for name, documents in made.items()}


def _under(folder: str, made: Mapping[str, list[Document]]) -> dict[str, list[Document]]:
    return {f"{folder}/{name}": documents for name, documents in made.items()}


def _in_folder(folder: str, made: Mapping[str, list[Document]]) -> dict[str, list[Document]]:
    return _under(folder, {**made, "kustomization.yaml": [kustomization(resources=sorted(made))]})


def _service(service: Service, services: Sequence[Service], edges: Sequence[Edge]) -> list[Document]:
    told = environment(service, services, Place.CLUSTER)
    variables = _variables(service.label, told, secret_names(service, Place.CLUSTER))
    return [
        *workload(service.label, component_of(service.label), size_of(service.name), variables),
        _policy(service.label, services, edges),
    ]


def _gateway(services: Sequence[Service], edges: Sequence[Edge]) -> list[Document]:
    variables = _variables(GATEWAY_LABEL, gateway_environment(services, Place.CLUSTER), ())
    return [
        *workload(
            GATEWAY_LABEL,
            GATEWAY_LABEL,
            size_of(GATEWAY_LABEL),
            variables,
            ready="/health",
            why="Its /ready tells of all services: one that is away must not take the whole shop along.",
        ),
        _policy(GATEWAY_LABEL, services, edges),
    ]


def _provision(services: Sequence[Service], edges: Sequence[Edge]) -> list[Document]:
    secrets = [from_secret(PROVISION, name) for name in PROVISION_SECRETS]
    told = plain(provision_environment(services)) + secrets
    return [
        *job(PROVISION, image_of(GATEWAY_LABEL), size_of(PROVISION), told),
        _policy(PROVISION, services, edges),
    ]


def _variables(label: str, told: Mapping[str, str], secrets: Sequence[str]) -> list[Variable]:
    public = [from_config(KEYS, name) for name in added_names(Place.CLUSTER)]
    return [*plain(told), *public, *(from_secret(label, name) for name in secrets)]


def _policy(label: str, services: Sequence[Service], edges: Sequence[Edge]) -> Document:
    return policy(label, edges, in_cluster([GATEWAY_LABEL, *(service.label for service in services)]))
