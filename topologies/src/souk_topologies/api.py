"""The shop's API as one OpenAPI document: what the local gateway routes by, and what Amazon API Gateway is given."""

from collections.abc import Mapping, Sequence
from importlib.metadata import version
from typing import Any

from souk_chassis.http.api_gateway import AUTHORIZER, Runtime, integration
from souk_chassis.http.openapi import REF, document
from souk_chassis.manifest import Service
from souk_topologies.shop import GATEWAY

INTEGRATION = "x-amazon-apigateway-integration"
HEALTH, READY, DOCUMENT, KEYS = "get_health", "get_readiness", "get_document", "get_keys"
"""The gateway's own operations, by their ids."""

DESCRIPTION = """The public API of a Souk shop. Money is given as decimal strings with two places, and numbers are
accepted. Errors are problem+json (RFC 9457) with a stable `code`. Lists answer `{"items": [...], "next": cursor|null}`.
An order's `id` or the header `Idempotency-Key` makes a repeat of `POST /orders` safe."""


def api_document(services: Sequence[Service], runtimes: Mapping[str, Runtime] | None = None) -> dict[str, Any]:
    """The OpenAPI document of the whole shop. `runtimes` says by service where each runs: Lambda, unless it says so."""
    operations = [operation for service in services for operation in service.implements]
    made = document(operations, title="Souk", version=version("souk-topologies"), description=DESCRIPTION)
    labels = {service.name: service.label for service in services}
    made["tags"] = [{"name": tag["name"], "description": labels[tag["name"]]} for tag in made["tags"]]
    for methods in made["paths"].values():
        for described in methods.values():
            [service] = described["tags"]
            runtime = (runtimes or {}).get(service, Runtime.LAMBDA)
            described[INTEGRATION] = integration(runtime, labels[service])
    made["tags"].append({"name": GATEWAY, "description": "What the gateway says of itself"})
    made["paths"] = dict(sorted((made["paths"] | _own_paths()).items()))
    made["components"]["securitySchemes"]["bearer"] |= AUTHORIZER
    return made


def _own_paths() -> dict[str, Any]:
    readiness = {
        "type": "object",
        "properties": {
            "status": {"type": "string", "enum": ["ready", "unready"]},
            "missing": {"type": "object", "additionalProperties": {"type": "string"}},
            "degraded": {"type": "object", "additionalProperties": {"type": "string"}},
        },
        "required": ["status", "missing"],
    }
    health = {"type": "object", "properties": {"status": {"type": "string", "enum": ["ok"]}}, "required": ["status"]}
    keys = {
        "type": "object",
        "properties": {"keys": {"type": "array", "items": {"type": "object"}}},
        "required": ["keys"],
    }
    return {
        "/health": _own(HEALTH, "The gateway answers", health),
        "/ready": _own(READY, "All that the shop needs is there", readiness, unready=readiness),
        "/openapi.json": _own(DOCUMENT, "This document", {"type": "object"}),
        "/.well-known/jwks.json": _own(KEYS, "The public keys that tokens are verified with", keys),
    }


def _own(operation_id: str, summary: str, schema: Any, unready: Any = None) -> dict[str, Any]:
    problem = {"application/problem+json": {"schema": {"$ref": REF.format(name="Problem")}}}
    responses: dict[str, Any] = {
        "200": {"description": summary, "content": {"application/json": {"schema": schema}}},
        "429": {"description": "Too many requests: wait as long as Retry-After says", "content": problem},
    }
    if unready is not None:
        responses["503"] = {"description": "Something is away", "content": {"application/json": {"schema": unready}}}
    described = {"operationId": operation_id, "summary": summary, "tags": [GATEWAY], "security": []}
    there = integration(Runtime.LAMBDA, GATEWAY)
    return {"get": described | {"responses": responses, INTEGRATION: there}}


def place_of(runtimes: Sequence[str], services: Sequence[str]) -> dict[str, Runtime]:
    """Where each service runs, from entries such as `orders=ecs`. Raises ValueError."""
    places: dict[str, Runtime] = {}
    for entry in runtimes:
        service, _, runtime = entry.partition("=")
        if service not in services:
            raise ValueError(f"{entry!r}: there is no service {service!r}, only {', '.join(services)}")
        if runtime not in list(Runtime):
            raise ValueError(f"{entry!r}: {service} runs on one of {', '.join(Runtime)}")
        places[service] = Runtime(runtime)
    return places
