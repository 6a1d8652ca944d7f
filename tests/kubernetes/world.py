"""Who is in a cluster and around it: the pods of the overlays, those whom they may reach, and strangers."""

from collections.abc import Callable, Iterable, Iterator, Sequence

from souk_chassis.http.api_gateway import Runtime
from souk_topologies.containers import Place, clustered
from souk_topologies.network import AGENT, AWS, BALANCER, DNS, INGRESS, Edge, edges
from souk_topologies.shop import manifests
from tests.kubernetes.objects import NAMESPACE, Object, namespace_of, of_kind, pod_templates
from tests.kubernetes.policies import Endpoint, allows

POSTGRES = "postgres"
PORTS = (*(("TCP", port) for port in (8080, 5432, 443, 80, 53, 25, 465, 587, 9999)), ("UDP", 53))
"""What is tried between any two: all ports of edges, and one that is nobody's."""
OUTSIDE = "outside"
"""A host on the internet."""
SERVICES = clustered(manifests().values())
ON_EKS = {service.name: Runtime.EKS for service in SERVICES}

Connection = tuple[str, str, str, int]
"""Source, target, protocol, port."""


def in_cluster(objects: Iterable[Object]) -> list[Endpoint]:
    """Everybody around the overlay `kind`. Services of Kubernetes are only names: connections go to pods."""
    pods = list(_pods(objects, "10.1.0."))
    return [*pods, *_everywhere("10.1.1."), Endpoint(INGRESS, "10.1.1.20", "ingress-nginx")]


def on_aws(objects: Iterable[Object]) -> list[Endpoint]:
    """Everybody around the overlay `eks`, where pods and AWS's servers have addresses of one VPC."""
    databases = [f"database/{service.name}" for service in SERVICES]
    of_vpc = [Endpoint(name, f"10.0.2.{number}") for number, name in enumerate([BALANCER, AWS, *databases], 10)]
    return [*_pods(objects, "10.0.0."), *_everywhere("10.0.1."), *of_vpc, Endpoint(AGENT, "169.254.170.23")]


def _pods(objects: Iterable[Object], network: str) -> Iterable[Endpoint]:
    for number, (name, template) in enumerate(sorted(pod_templates(objects)), 10):
        yield Endpoint(name, f"{network}{number}", NAMESPACE, template["metadata"]["labels"])


def _everywhere(network: str) -> list[Endpoint]:
    """The names' server; a pod of another namespace, one there that is labelled as the gateway, one of the shop's
    namespace without labels; a host on the internet."""
    return [
        Endpoint(DNS, f"{network}10", "kube-system", {"k8s-app": "kube-dns"}),
        Endpoint("stranger", f"{network}11", "default"),
        Endpoint("impostor", f"{network}12", "default", {"app.kubernetes.io/name": "gateway"}),
        Endpoint("neighbour", f"{network}13", NAMESPACE),
        Endpoint(OUTSIDE, "203.0.113.10"),
    ]


def declared_in_cluster(around: Sequence[Endpoint], *, set_outside: bool = False) -> set[Connection]:
    """What the edges of a cluster come to, where all databases are on one server. `set_outside` is a shop with the
    addresses of servers outside."""
    found = [
        (edge.source, _host(edge), edge.protocol, edge.port)
        for edge in edges(SERVICES, Place.CLUSTER)
        if set_outside or not edge.setting
    ]
    return _at_both_ends(found, around, lambda name: {name})


def _host(edge: Edge) -> str:
    if edge.setting:
        return OUTSIDE
    return POSTGRES if edge.target.startswith("database/") else edge.target


def declared_on_aws(around: Sequence[Endpoint]) -> set[Connection]:
    """What the edges on AWS come to for NetworkPolicies, which know what is no pod by the VPC's addresses alone: where
    one of these is the other end of an edge, all are. Security groups tell them apart."""
    of_vpc = {each.name for each in around if each.address.startswith("10.0.")}
    no_pods = {each.name for each in around if each.namespace is None}
    found = [
        (edge.source, edge.target, edge.protocol, edge.port)
        for edge in edges(SERVICES, Place.AWS, ON_EKS)
        if not edge.setting
    ]
    return _at_both_ends(found, around, lambda name: of_vpc if name in of_vpc & no_pods else {name})


def _at_both_ends(
    declared: Iterable[Connection], around: Sequence[Endpoint], alike: Callable[[str], set[str]]
) -> set[Connection]:
    """The connections that both ends let through. `alike` names all whom a policy can't tell from one another."""
    ours = {each.name for each in around if each.namespace == NAMESPACE}
    going: set[Connection] = set()
    coming: set[Connection] = set()
    for source, target, protocol, port in declared:
        going |= {(source, other, protocol, port) for other in alike(target)}
        coming |= {(other, target, protocol, port) for other in alike(source)}
    return {
        each
        for each in connections(around)
        if (each[0] not in ours or each in going) and (each[1] not in ours or each in coming)
    }


def connections(around: Sequence[Endpoint]) -> Iterator[Connection]:
    """All that may be tried: from each to each on each port, but those in which the shop has no part."""
    for source in around:
        for target in around:
            if source != target and NAMESPACE in (source.namespace, target.namespace):
                yield from ((source.name, target.name, protocol, port) for protocol, port in PORTS)


def let_through(policies: Sequence[Object], around: Sequence[Endpoint]) -> set[Connection]:
    """All connections that the policies let through."""
    by_name = {each.name: each for each in around}
    return {
        each
        for each in connections(around)
        if allows(policies, by_name[each[0]], by_name[each[1]], each[2], each[3], around)
    }


def policies_of(objects: Iterable[Object]) -> list[Object]:
    """The NetworkPolicies of the shop's namespace."""
    found = of_kind(objects, "NetworkPolicy").values()
    return [each for each in found if namespace_of(each) == NAMESPACE]
