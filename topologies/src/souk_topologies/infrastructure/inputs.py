"""Terraform's inputs, from the manifests: where each service runs, what it owns, hears and says on AWS, its functions
or its container, and what each of those may do there and nothing else."""

import json
from collections.abc import Mapping, Sequence
from math import ceil
from typing import Any

from souk_chassis.http.api_gateway import Runtime
from souk_chassis.http.throttle import DEFAULT
from souk_chassis.manifest import Consumer, Part, Service, allowed_callers
from souk_chassis.storage.dynamodb.schema import Table
from souk_topologies.containers import Place, settled, ways
from souk_topologies.infrastructure.containers import Runtimes, container, functions_of, ports_outside, provision
from souk_topologies.infrastructure.permissions import of_function, permission
from souk_topologies.shop import GATEWAY

PROJECT = "souk"
AUTHORIZER = "authorizer"
MEMORY_MB = 512
"""Memory of each function. Lambda gives processor time by it: a third of a core here."""
HTTP_TIMEOUT_S = 29
CALLS_TIMEOUT_S = 15
EVENTS_TIMEOUT_S = 60
AUTHORIZER_TIMEOUT_S = 5
"""How long each kind of function may run, in seconds. API Gateway waits for 30."""
BATCH_MESSAGES = 10
"""Messages that a function is given at once: each may bring up to 128 events."""
CONCURRENCY = 10
"""Invocations of one queue at once."""
SCHEDULE = "rate(1 minute)"

Settings = Mapping[str, Mapping[str, str]]


def terraform_inputs(
    services: Sequence[Service],
    jwks: Mapping[str, Any],
    settings: Settings | None = None,
    runtimes: Runtimes | None = None,
) -> dict[str, Any]:
    """The inputs of `infra/terraform`. `settings` are variables by service, beside those that follow from manifests;
    `runtimes` says by service where each runs: `lambda`, unless it says `ecs` or `eks`. Raises ValueError where one
    has no store there."""
    places = settled(services, runtimes)
    contained = [each for each in services if _runtime(each, places) is not Runtime.LAMBDA]
    return {
        "project": PROJECT,
        "jwks": dict(jwks),
        "services": {
            each.name: _service(each, services, places, (settings or {}).get(each.name, {})) for each in services
        },
        "gateway": {"functions": _edge(services, places)},
        "provision": provision(contained),
        "throttles": _throttles(services),
    }


def _runtime(service: Service, runtimes: Runtimes) -> Runtime:
    return runtimes.get(service.name, Runtime.LAMBDA)


def _service(
    service: Service, services: Sequence[Service], runtimes: Runtimes, settings: Mapping[str, str]
) -> dict[str, Any]:
    runtime = _runtime(service, runtimes)
    on_lambda = runtime is Runtime.LAMBDA
    parts = [part for part in Part if on_lambda and (part is not Part.CALLS or service.is_called)]
    return {
        "label": service.label,
        "runtime": runtime.value,
        "calls": sorted({operation.service for operation in service.calls}),
        "tables": {table.name: _table(table) for table in service.tables if on_lambda},
        "publishes": [event.topic() for event in service.publishes],
        "queues": {service.queue(event): _queue(event.topic(), to) for event, to in service.consumes.items()},
        "functions": {
            ("api" if part is Part.HTTP else part.value): _function(service, part, services, runtimes, settings)
            for part in parts
        },
        "schedule": SCHEDULE if on_lambda else None,
        "container": None if on_lambda else container(service, services, runtimes, settings),
    }


def _table(table: Table) -> dict[str, Any]:
    return {
        "hash_key": table.hash_key,
        "range_key": table.range_key,
        "indexes": [
            {
                "name": index.name,
                "hash_key": index.hash_key,
                "range_key": index.range_key,
                "projection": "ALL" if index.whole else "KEYS_ONLY",
            }
            for index in table.indexes
        ],
        "expires": table.expires,
        "streams": table.streams,
    }


def _queue(topic: str, consumer: Consumer) -> dict[str, Any]:
    return {
        "topic": topic,
        "batch": BATCH_MESSAGES,
        "concurrency": CONCURRENCY,
        "window_s": ceil(consumer.pace_s),
    }


def _function(
    service: Service,
    part: Part,
    services: Sequence[Service],
    runtimes: Runtimes,
    settings: Mapping[str, str],
) -> dict[str, Any]:
    uses = service.uses(part)
    offered = {operation.name for operation in service.implements}
    callers = {name: sorted(names) for name, names in allowed_callers(services).items() if name in offered}
    reached = ways(uses.calls, services, Place.AWS, runtimes)
    environment = {
        **settings,
        "SOUK_PART": part.value,
        "SOUK_BOOTSTRAP": f"souk_{service.name}.bootstrap",
        "SOUK_CALLERS": json.dumps(callers),
        "SOUK_FUNCTIONS": json.dumps(dict(reached.functions)),
        **_urls(reached.urls),
    }
    if uses.signs or uses.calls:
        environment["SOUK_KEY_SECRET"] = f"{PROJECT}/{service.name}/key"
    if service.name == "orders":
        environment["SOUK_MAX_OPEN_ORDERS"] = "0"  # the queues are SQS's, which take any backlog
    timeouts = {Part.HTTP: HTTP_TIMEOUT_S, Part.CALLS: CALLS_TIMEOUT_S, Part.EVENTS: EVENTS_TIMEOUT_S}
    return {
        "name": service.function(part),
        "memory_mb": MEMORY_MB,
        "timeout_s": timeouts[part],
        "package": f"{service.name}.zip",
        "environment": environment,
        "reaches": sorted(reached.urls),
        "ports_outside": ports_outside(service),
        "permissions": of_function(service, part, functions_of(reached), settings),
    }


def _urls(urls: Mapping[str, str]) -> dict[str, str]:
    return {"SOUK_URLS": json.dumps(dict(urls))} if urls else {}


def _edge(services: Sequence[Service], runtimes: Runtimes) -> dict[str, Any]:
    """The gateway's function, which asks every service whether it is ready, and the authorizer's."""
    asked = {each.name: each.function(Part.HTTP) for each in services if _runtime(each, runtimes) is Runtime.LAMBDA}
    operations = [operation for each in services for operation in each.implements]
    urls = ways(operations, services, Place.AWS, runtimes).urls
    functions = [f"function/{name}" for name in asked.values()]
    may_ask = permission("AsksServices", "GET /ready asks each service.", ["lambda:InvokeFunction"], *functions)
    return {
        GATEWAY: {
            "name": GATEWAY,
            "memory_mb": MEMORY_MB,
            "timeout_s": HTTP_TIMEOUT_S,
            "package": "edge.zip",
            "environment": {"SOUK_PART": "gateway", "SOUK_FUNCTIONS": json.dumps(asked), **_urls(urls)},
            "reaches": sorted(urls),
            "ports_outside": [],
            "permissions": [may_ask] if functions else [],
        },
        AUTHORIZER: {
            "name": AUTHORIZER,
            "memory_mb": MEMORY_MB,
            "timeout_s": AUTHORIZER_TIMEOUT_S,
            "package": "edge.zip",
            "environment": {"SOUK_PART": "authorizer"},
            "reaches": [],
            "ports_outside": [],
            "permissions": [],
        },
    }


def _throttles(services: Sequence[Service]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for service in services:
        for operation in service.implements:
            if operation.route is not None and operation.throttle is not None:
                key = f"{operation.route.method} {operation.route.path}"
                found[key] = {"rate": operation.throttle.rate_per_s, "burst": operation.throttle.burst}
    return found | {"default": {"rate": DEFAULT.rate_per_s, "burst": DEFAULT.burst}}
