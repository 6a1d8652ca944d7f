"""What NetworkPolicies let through, as Kubernetes' documentation says they work.

A pod that no policy selects for a direction may do anything in it. One that is selected may do what the policies that
select it allow together. A connection needs both ends: the source's egress and the target's ingress.
https://kubernetes.io/docs/concepts/services-networking/network-policies/
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from ipaddress import ip_address, ip_network
from typing import Any

from tests.kubernetes.objects import Object, namespace_of

INGRESS, EGRESS = "Ingress", "Egress"
_SIDES = {INGRESS: ("ingress", "from"), EGRESS: ("egress", "to")}
_OPERATORS: Mapping[str, Callable[[str | None, Sequence[str]], bool]] = {
    "In": lambda value, values: value in values,
    "NotIn": lambda value, values: value not in values,
    "Exists": lambda value, _: value is not None,
    "DoesNotExist": lambda value, _: value is None,
}


@dataclass(frozen=True)
class Endpoint:
    """One that opens or takes connections: a pod, where it has a namespace, or another host."""

    name: str
    address: str
    namespace: str | None = None
    labels: Mapping[str, str] = field(default_factory=dict, hash=False, compare=False)


@dataclass(frozen=True, order=True)
class Opening:
    """A rule for one peer. Port 0 is any."""

    peer: str
    protocol: str
    port: int

    def fits(self, peer: Endpoint, protocol: str, port: int) -> bool:
        """Whether a connection is of this kind."""
        return self.peer == peer.name and self.protocol == protocol and self.port in (0, port)


def openings(
    policies: Iterable[Object], pod: Endpoint, direction: str, others: Sequence[Endpoint]
) -> frozenset[Opening] | None:
    """What a pod may do in one direction, or None where nothing restrains it.

    Raises ValueError for what no policy of ours should use, since it would be passed over here.
    """
    selecting = [each for each in policies if pod.namespace is not None and _selects(each, pod, direction)]
    if not selecting:
        return None
    return frozenset(
        opening for each in selecting for opening in _allowed(each["spec"], direction, namespace_of(each), others)
    )


def allows(
    policies: Sequence[Object], source: Endpoint, target: Endpoint, protocol: str, port: int, among: Sequence[Endpoint]
) -> bool:
    """Whether `source` may open a connection to `target`."""
    going = openings(policies, source, EGRESS, among)
    coming = openings(policies, target, INGRESS, among)
    return (going is None or any(each.fits(target, protocol, port) for each in going)) and (
        coming is None or any(each.fits(source, protocol, port) for each in coming)
    )


def _selects(policy: Object, pod: Endpoint, direction: str) -> bool:
    spec = policy["spec"]
    implied = [INGRESS, *([EGRESS] if "egress" in spec else [])]
    return (
        namespace_of(policy) == pod.namespace
        and direction in spec.get("policyTypes", implied)
        and _fits(spec["podSelector"], pod.labels)
    )


def _allowed(spec: Object, direction: str, namespace: str, others: Sequence[Endpoint]) -> Iterator[Opening]:
    rules, peers = _SIDES[direction]
    for rule in spec.get(rules) or ():
        _only(rule, {peers, "ports"})
        named = rule.get(peers)
        for other in others:
            if named and not any(_is(peer, other, namespace) for peer in named):
                continue
            for port in rule.get("ports") or [{"protocol": protocol, "port": 0} for protocol in ("TCP", "UDP")]:
                _only(port, {"protocol", "port"})
                if not isinstance(port["port"], int):
                    raise ValueError(f"a port by name: {port}")
                yield Opening(other.name, port.get("protocol", "TCP"), port["port"])


def _is(peer: Object, other: Endpoint, namespace: str) -> bool:
    _only(peer, {"ipBlock", "podSelector", "namespaceSelector"})
    if "ipBlock" in peer:
        address, block = ip_address(other.address), peer["ipBlock"]
        return address in ip_network(block["cidr"]) and not any(
            address in ip_network(cidr) for cidr in block.get("except", ())
        )
    if other.namespace is None:
        return False
    if "namespaceSelector" in peer:
        named = {"kubernetes.io/metadata.name": other.namespace}
        in_namespace = _fits(peer["namespaceSelector"], named)
    else:
        in_namespace = other.namespace == namespace
    return in_namespace and _fits(peer.get("podSelector") or {}, other.labels)


def _fits(selector: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    _only(selector, {"matchLabels", "matchExpressions"})
    return all(labels.get(name) == value for name, value in selector.get("matchLabels", {}).items()) and all(
        _OPERATORS[each["operator"]](labels.get(each["key"]), each.get("values", ()))
        for each in selector.get("matchExpressions", ())
    )


def _only(given: Mapping[str, Any], known: set[str]) -> None:
    if not given.keys() <= known:
        raise ValueError(f"not understood here: {sorted(given.keys() - known)}")
