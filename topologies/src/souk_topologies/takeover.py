"""A shop beside another application: what is whose, and what API Gateway and the functions are told of it."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from souk_chassis.edge.takeover import Takeover, read_takeover
from souk_topologies.api import HEALTH, INTEGRATION
from souk_topologies.shop import GATEWAY

DEFAULT_ROUTE = "/$default"
"""The path by which API Gateway's documents name what no other path does."""
PAGES = ("/", "/mailbox", "/docs", "/static", "/static/swagger")
"""Where pages are, beside what the document has."""


def read_settled(environment: Mapping[str, str], document: Mapping[str, Any]) -> Takeover:
    """What is Souk's and what another application's. Raises ConfigError, also for a path where Souk has nothing."""
    takeover = read_takeover(environment)
    takeover.check([*document["paths"], *PAGES])
    return takeover


def deployed_document(document: Mapping[str, Any], takeover: Takeover) -> dict[str, Any]:
    """The document for API Gateway: without what is not taken over, and with where that goes. The gateway's function
    gets it, as all that no route names, and passes it on
    (https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-swagger-extensions-any-method.html)."""
    deployed = takeover.restrict(document, GATEWAY)
    if takeover.legacy_url is None:
        return deployed
    [own] = [each["get"] for each in document["paths"].values() if each.get("get", {}).get("operationId") == HEALTH]
    rest = {"isDefaultRoute": True, "x-souk-legacy": takeover.legacy_url, INTEGRATION: own[INTEGRATION]}
    return {**deployed, "paths": {**deployed["paths"], DEFAULT_ROUTE: {"x-amazon-apigateway-any-method": rest}}}


def deployed_inputs(inputs: Mapping[str, Any], takeover: Takeover) -> dict[str, Any]:
    """Terraform's inputs: the gateway's function is told of the other application, and may be let out to it; and no
    route is throttled that is not there."""
    if takeover.legacy_url is None:
        return dict(inputs)
    told = {"SOUK_LEGACY_URL": takeover.legacy_url}
    if takeover.taken_over is not None:
        told["SOUK_TAKEN_OVER"] = ",".join(takeover.taken_over) or "none"
    address = urlsplit(takeover.legacy_url)
    functions = inputs["gateway"]["functions"]
    function = {
        **functions[GATEWAY],
        "environment": {**functions[GATEWAY]["environment"], **told},
        "ports_outside": [address.port or (443 if address.scheme == "https" else 80)],
    }
    throttles = {key: each for key, each in inputs["throttles"].items() if takeover.claims(key.rpartition(" ")[2])}
    gateway = {**inputs["gateway"], "functions": {**functions, GATEWAY: function}}
    return {**inputs, "gateway": gateway, "throttles": {**throttles, "default": inputs["throttles"]["default"]}}
