"""NetworkPolicies from the edges. Base denies everything, so that what a policy allows is all there is."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from souk_topologies.containers import GATEWAY_LABEL
from souk_topologies.kubernetes.documents import Body, Document, labels, of_kind, selector
from souk_topologies.network import AWS, BALANCER, PROVISION, Edge

POSTGRES = "postgres"
"""The server in a cluster of one's own: all databases are in it, and its roles keep services apart."""
VPC_CIDR = "10.0.0.0/16"
"""Stands for the VPC's addresses until the overlay puts its own there."""
FROM_VPC, TO_VPC = {"souk/from": "vpc"}, {"souk/to": "vpc"}
"""The labels by which the overlay finds the policies that it gives the VPC's addresses."""

Peer = dict[str, Any]
FindPeer = Callable[[str], Peer | None]


def in_cluster(parts: Iterable[str]) -> FindPeer:
    """Finds the peers that are pods: these parts of the shop, and the databases."""
    known = frozenset(parts)

    def find(name: str) -> Peer | None:
        if name.startswith("database/"):
            return _pods(POSTGRES)
        return _pods(name) if name in known else None

    return find


def beside_aws(name: str) -> Peer | None:
    """The other end of an edge on AWS: an address, since it is no pod."""
    if name.startswith("database/") or name in (BALANCER, AWS):
        return {"ipBlock": {"cidr": VPC_CIDR}}
    return None


def policy(label: str, edges: Sequence[Edge], find: FindPeer) -> Document:
    """The NetworkPolicy of one part: what `find` knows of its edges, in both directions. The others are policies that
    people write: DNS, the way in, and servers outside."""
    spec = {
        "podSelector": {"matchLabels": selector(label)},
        "policyTypes": ["Ingress", "Egress"],
        **rules(label, edges, find),
    }
    body = of_kind("networking.k8s.io/v1", "NetworkPolicy", label, spec, labels(label, component_of(label)))
    return Document(body, "Connections that it may take and open:", reasons(label, edges, find))


def rules(label: str, edges: Sequence[Edge], find: FindPeer) -> dict[str, list[Body]]:
    """The two lists of a policy."""
    coming = (_rule("from", edge, find(edge.source)) for edge in edges if edge.target == label)
    going = (_rule("to", edge, find(edge.target)) for edge in edges if edge.source == label)
    return {"ingress": [*_once(coming)], "egress": [*_once(going)]}


def reasons(label: str, edges: Sequence[Edge], find: FindPeer) -> list[str]:
    """Why each rule is there, as lines."""
    coming = [edge for edge in edges if edge.target == label and find(edge.source)]
    going = [edge for edge in edges if edge.source == label and find(edge.target)]
    return [f"from {edge.source} on {edge.port}: {edge.why}" for edge in coming] + [
        f"to {edge.target} on {edge.port}: {edge.why}" for edge in going
    ]


def _rule(side: str, edge: Edge, peer: Peer | None) -> Body | None:
    return None if peer is None else {side: [peer], "ports": [{"protocol": edge.protocol, "port": edge.port}]}


def _once(found: Iterable[Body | None]) -> Iterator[Body]:
    """Two edges that a policy can't tell apart, such as those to two databases on one server, are one rule."""
    seen = []
    for rule in found:
        if rule is not None and rule not in seen:
            seen.append(rule)
            yield rule


def _pods(label: str) -> Peer:
    return {"podSelector": {"matchLabels": selector(label)}}


def component_of(label: str) -> str:
    """What kind of part it is, as its label says."""
    return label if label in (GATEWAY_LABEL, PROVISION) else "service"
