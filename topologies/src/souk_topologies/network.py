"""Who opens a connection to whom, on which port and why: the edges of the shop's network, from the manifests.

NetworkPolicies and security groups are written from this, the page in docs shows it, and the trials in network
namespaces compare what the rules let through with it.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence

import msgspec

from souk_chassis.http.api_gateway import Runtime
from souk_chassis.manifest import Outside, Service
from souk_topologies.containers import GATEWAY_LABEL, PORT, Place, clustered, runtime_of, subscribers

DNS_PORT = 53
POSTGRES_PORT = 5432
HTTPS_PORT = 443
BALANCER_PORT = 80
"""On which the internal load balancer answers calls between services: inside the VPC, by `<label>.souk.internal`."""
AGENT_PORT = 80
"""On which EKS hands out a pod's credentials."""

INGRESS = "ingress"
"""What takes customers' requests into a cluster."""
BALANCER = "load-balancer"
"""The internal load balancer on AWS, behind API Gateway."""
PROVISION = "provision"
"""Makes databases and roles, once."""
DNS = "dns"
AWS = "aws"
"""The endpoints of AWS: SNS, SQS, Lambda, SES."""
AGENT = "credentials-agent"
"""EKS's own, on each node."""

LEGACY = Outside("legacy-application", (80, 443), "SOUK_LEGACY_URL")
"""What the gateway passes on to where no service answers."""


class Edge(msgspec.Struct, frozen=True, order=True):
    """`source` may open a connection to `target` on `port`. Services are named by their labels, databases by
    `database_of`; `why` ends with a full stop. `setting` is the variable with the address of a server outside: only a
    shop that uses it needs the edge."""

    source: str
    target: str
    port: int
    why: str
    udp: bool = False
    setting: str = ""

    @property
    def protocol(self) -> str:
        """`TCP` or `UDP`."""
        return "UDP" if self.udp else "TCP"


def database_of(service: str) -> str:
    """The name of a service's database among the targets of edges, by the service's name."""
    return f"database/{service}"


def edges(services: Sequence[Service], place: Place, runtimes: Mapping[str, Runtime] | None = None) -> tuple[Edge, ...]:
    """Every edge of the shop's containers. `runtimes` says what each service runs on, on AWS: functions have no edges
    of their own here, and containers meet behind the load balancer alone, whichever runtime they have. Raises
    ValueError as `clustered` does."""
    services = clustered(services) if place is Place.CLUSTER else services
    here = [each for each in services if runtime_of(each.name, place, runtimes) is not Runtime.LAMBDA]
    of_place = _in_cluster(services) if place is Place.CLUSTER else _on_aws(here, runtimes or {})
    outside = (edge for each in here for edge in _outside(each.label, each.reaches))
    to_all = (*_to_databases(here), *_to_dns(_labels(here, place)))
    return tuple(sorted({*of_place, *outside, *to_all}, key=_order))


def _order(edge: Edge) -> tuple[str, str, int, bool]:
    return edge.source, edge.target, edge.port, edge.udp


def _labels(services: Iterable[Service], place: Place) -> list[str]:
    return [*(each.label for each in services), PROVISION, *([GATEWAY_LABEL] if place is Place.CLUSTER else [])]


def _in_cluster(services: Sequence[Service]) -> Iterator[Edge]:
    yield Edge(INGRESS, GATEWAY_LABEL, PORT, "Customers come in by the gateway alone.")
    yield from _outside(GATEWAY_LABEL, [LEGACY])
    labels = {each.name: each.label for each in services}
    for service in services:
        if has_routes(service):
            yield Edge(GATEWAY_LABEL, service.label, PORT, "It has public routes.")
        for callee, operations in _callees(service).items():
            yield Edge(service.label, labels[callee], PORT, f"Calls {operations}.")
        for hearer in subscribers(service, services):
            if hearer != service.name:
                why = f"Puts what {hearer} hears into its queues."
                yield Edge(service.label, database_of(hearer), POSTGRES_PORT, why)


def _on_aws(here: Sequence[Service], runtimes: Mapping[str, Runtime]) -> Iterator[Edge]:
    for service in here:
        if has_routes(service) or service.is_called:
            yield Edge(BALANCER, service.label, PORT, "Requests and calls come by the load balancer.")
        to_aws = ["SNS and SQS are the bus"] if service.publishes or service.consumes else []
        for callee, operations in _callees(service).items():
            if runtime_of(callee, Place.AWS, runtimes) is Runtime.LAMBDA:
                to_aws.append(f"{callee} are invoked for {operations}")
            else:
                yield Edge(service.label, BALANCER, BALANCER_PORT, "Calls other services.")
        if any(uses.sends_mail for uses in service.parts.values()):
            to_aws.append("SES sends mails")
        if to_aws:
            yield Edge(service.label, AWS, HTTPS_PORT, f"{'; '.join(to_aws)}.")
            if runtimes[service.name] is Runtime.EKS:
                yield Edge(service.label, AGENT, AGENT_PORT, "Credentials of its role.")


def _to_databases(here: Sequence[Service]) -> Iterator[Edge]:
    for service in here:
        yield Edge(service.label, database_of(service.name), POSTGRES_PORT, "Its own database.")
        yield Edge(PROVISION, database_of(service.name), POSTGRES_PORT, "Makes the database and its role.")


def _outside(label: str, reaches: Iterable[Outside]) -> Iterator[Edge]:
    for outside in reaches:
        for port in outside.ports:
            yield Edge(label, outside.name, port, f"Its address is `{outside.setting}`.", setting=outside.setting)


def _to_dns(labels: Iterable[str]) -> Iterator[Edge]:
    for label in labels:
        for udp in (True, False):
            yield Edge(label, DNS, DNS_PORT, "Finds the others by name.", udp=udp)


def _callees(service: Service) -> dict[str, str]:
    """The services that it calls, by name, with the operations in words."""
    found: dict[str, list[str]] = {}
    for operation in service.calls:
        found.setdefault(operation.service, []).append(f"`{operation.name}`")
    return {name: ", ".join(sorted(operations)) for name, operations in found.items()}


def has_routes(service: Service) -> bool:
    """Whether the public reaches any operation of it."""
    return any(operation.route is not None for operation in service.implements)
