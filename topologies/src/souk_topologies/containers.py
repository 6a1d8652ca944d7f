"""Services in containers: how large each is, where it is found, and what its environment holds, from the manifests.

Kubernetes' files and Terraform's inputs are written from this, so that a container is told the same on a laptop's
cluster, on ECS and on EKS. Values are plain; what is secret is named here and given by the place.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum

import msgspec

from souk_chassis.http.api_gateway import Runtime
from souk_chassis.manifest import DYNAMODB, POSTGRES, Part, Service, allowed_callers, subscriptions
from souk_chassis.operation import AnyOperation

PORT = 8080
"""What every container listens on."""
SERVICE_PORT = 80
"""What a Service of Kubernetes listens on, before `PORT`."""
NAMESPACE = "souk"
"""The namespace in a cluster."""
DOMAIN = "souk.internal"
"""The private zone on AWS: each service in containers is `<label>.souk.internal` there."""
GATEWAY_LABEL = "gateway"
PROVISION_SECRETS = ("SOUK_ADMIN_URL", "SOUK_PASSWORDS")
"""What the container that makes databases and roles is given as secrets. It runs from the gateway's image."""


class Place(StrEnum):
    """Where containers run."""

    CLUSTER = "cluster"
    """A cluster of one's own, all services in it. The bus is PostgreSQL."""
    AWS = "aws"
    """ECS or EKS on AWS, beside functions. The bus is SNS and SQS."""


class Size(msgspec.Struct, frozen=True):
    """How many containers a service has, and how large each is."""

    replicas: int = 2
    most: int = 10
    """What autoscaling goes up to."""
    cpu_m: int = 250
    """Requested, in thousandths of a core."""
    cpu_limit_m: int = 500
    memory_mib: int = 256
    """Requested, in MiB."""
    memory_limit_mib: int = 512


DEFAULT_SIZE = Size()
SIZES: Mapping[str, Size] = {"users": Size(replicas=3)}
"""Services whose size is not `DEFAULT_SIZE`, by name."""


def size_of(name: str) -> Size:
    """The size of a service, or of the gateway, by name."""
    return SIZES.get(name, DEFAULT_SIZE)


def image_of(label: str) -> str:
    """The repository of a service's image, or of the gateway's, such as `souk/order-service`."""
    return f"souk/{label}"


def url_of(label: str, place: Place) -> str:
    """Where a service's containers are called."""
    return f"http://{label}" if place is Place.CLUSTER else f"http://{label}.{DOMAIN}"


def runtime_of(name: str, place: Place, runtimes: Mapping[str, Runtime] | None) -> Runtime:
    """What a service runs on: on AWS functions, where nothing else is said; in a cluster always containers."""
    if place is Place.CLUSTER:
        return Runtime.EKS
    return (runtimes or {}).get(name, Runtime.LAMBDA)


def settled(
    services: Iterable[Service], said: Mapping[str, Runtime] | None, container: Runtime = Runtime.ECS
) -> dict[str, Runtime]:
    """What services run on, on AWS: as `said`. Where nothing is said, one that has no store on DynamoDB is in a
    `container`; other services that are not named are functions.

    Raises:
        ValueError: a service is to run where it has no store.
    """
    runtimes = dict(said or {})
    for service in services:
        if DYNAMODB not in service.stores and runtimes.setdefault(service.name, container) is Runtime.LAMBDA:
            raise ValueError(f"{service.name} can't run on lambda: its store is PostgreSQL alone. Name ecs or eks")
        if POSTGRES not in service.stores and runtimes.setdefault(service.name, Runtime.LAMBDA) is not Runtime.LAMBDA:
            where = runtimes[service.name]
            raise ValueError(f"{service.name} can't run on {where}: its store is DynamoDB alone. Name lambda")
    return runtimes


def clustered(services: Iterable[Service]) -> list[Service]:
    """The services of a cluster of one's own: those that have a store on PostgreSQL.

    Raises:
        ValueError: one of them calls a service that has none.
    """
    there = [service for service in services if POSTGRES in service.stores]
    names = {service.name for service in there}
    for service in there:
        for operation in service.calls:
            if operation.service not in names:
                why = f"{service.name} calls {operation.service}, whose store is DynamoDB alone"
                raise ValueError(f"{why}: it can't run in a cluster")
    return there


class Ways(msgspec.Struct, frozen=True):
    """How callees are reached, by service: at a URL those in containers, by the function's name those on Lambda."""

    urls: Mapping[str, str]
    functions: Mapping[str, str]

    def variables(self) -> dict[str, str]:
        """As a container, or a function, is told: `SOUK_URLS` and `SOUK_FUNCTIONS`, each where it names any."""
        tables = {"SOUK_URLS": self.urls, "SOUK_FUNCTIONS": self.functions}
        return {name: _json(table) for name, table in tables.items() if table}


def ways(
    calls: Iterable[AnyOperation],
    services: Sequence[Service],
    place: Place,
    runtimes: Mapping[str, Runtime] | None = None,
) -> Ways:
    """The ways to the services that implement these operations."""
    by_name = {service.name: service for service in services}
    callees = sorted({operation.service for operation in calls})
    on_lambda = [name for name in callees if runtime_of(name, place, runtimes) is Runtime.LAMBDA]
    return Ways(
        {name: url_of(by_name[name].label, place) for name in callees if name not in on_lambda},
        {name: by_name[name].function(Part.CALLS) for name in on_lambda},
    )


def subscribers(service: Service, services: Sequence[Service]) -> tuple[str, ...]:
    """The services that hear what this one publishes, by name, itself among them where it hears its own."""
    heard = _heard(service, services)
    return tuple(sorted({name for pairs in heard.values() for name, _ in pairs}))


def environment(
    service: Service,
    services: Sequence[Service],
    place: Place,
    runtimes: Mapping[str, Runtime] | None = None,
    settings: Mapping[str, str] | None = None,
) -> dict[str, str]:
    """The variables of a service's container that follow from the manifests. `settings` are the service's own, such as
    `SOUK_CURRENCY`. What `added_names` and `secret_names` list comes besides."""
    callers = allowed_callers(services)
    offered = {operation.name for operation in service.implements}
    given = {
        "SOUK_PART": "service",
        "PORT": str(PORT),
        "SOUK_BOOTSTRAP": f"souk_{service.name}.bootstrap",
        "SOUK_CALLERS": _json({name: sorted(names) for name, names in callers.items() if name in offered}),
        **ways(service.calls, services, place, runtimes).variables(),
    }
    if place is Place.CLUSTER:
        given["SOUK_SUBSCRIPTIONS"] = _json(_heard(service, services))
    elif service.name == "orders":
        given["SOUK_MAX_OPEN_ORDERS"] = "0"  # as its function has it: SQS takes any backlog
    return given | dict(settings or {})


def gateway_environment(services: Sequence[Service], place: Place) -> dict[str, str]:
    """The variables of the gateway's container: it routes to every service in containers. Its image names the folder
    of its pages."""
    urls = {service.name: url_of(service.label, place) for service in services}
    return {"SOUK_PART": "gateway", "PORT": str(PORT), "SOUK_URLS": _json(urls)}


def provision_environment(services: Sequence[Service]) -> dict[str, str]:
    """The variables of the container that makes databases and roles: how many processes each must have room for."""
    replicas = {service.name: size_of(service.name).most for service in services}
    return {"SOUK_PART": "provision", "SOUK_PROCESSES": _json(replicas)}


def secret_names(service: Service, place: Place) -> tuple[str, ...]:
    """The variables of a service's container that are secret."""
    own = ("DATABASE_URL", "SOUK_KEY") if service.signs else ("DATABASE_URL",)
    return (*own, "SOUK_BUS_URLS") if place is Place.CLUSTER else own


def added_names(place: Place) -> tuple[str, ...]:
    """The variables, not secret, that follow from what the place has made: the keys; on AWS the topics and the region.
    The gateway needs the first alone."""
    return ("SOUK_JWKS",) if place is Place.CLUSTER else ("SOUK_JWKS", "SOUK_TOPICS", "AWS_REGION")


def _heard(service: Service, services: Sequence[Service]) -> dict[str, list[tuple[str, str]]]:
    own = {event.type_name() for event in service.publishes}
    return {kind: pairs for kind, pairs in subscriptions(services).items() if kind in own}


def _json(table: Mapping[str, object]) -> str:
    return json.dumps(table, sort_keys=True, separators=(",", ":"))
