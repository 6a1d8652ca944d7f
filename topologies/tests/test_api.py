"""The shop's document: for every place where services may run it is valid, and says where each operation goes."""

import json
import re
from itertools import product
from typing import Any

import pytest
from openapi_spec_validator import OpenAPIV30SpecValidator

from souk_chassis.http.api_gateway import Runtime
from souk_chassis.http.routing import in_json
from souk_chassis.manifest import Service
from souk_topologies.api import INTEGRATION, api_document, place_of
from souk_topologies.shop import SERVICES, manifests

LABELS = tuple(service.label for service in manifests().values())
OWN = {"/health", "/ready", "/openapi.json", "/.well-known/jwks.json"}


@pytest.fixture(scope="module")
def services() -> list[Service]:
    return list(manifests().values())


def operations(document: dict[str, Any]) -> dict[str, tuple[str, str, dict[str, Any]]]:
    return {
        described["operationId"]: (method, path, described)
        for path, methods in document["paths"].items()
        for method, described in methods.items()
    }


@pytest.mark.parametrize("places", list(product(Runtime, repeat=2)))
def test_it_is_valid_wherever_services_run(services: list[Service], places: tuple[Runtime, Runtime]) -> None:
    orders, others = places
    document = api_document(services, dict.fromkeys(SERVICES, others) | {"orders": orders})
    OpenAPIV30SpecValidator(document).validate()


def test_functions_are_called_unless_it_is_said_otherwise(services: list[Service]) -> None:
    for name, (_, _, described) in operations(api_document(services)).items():
        label = described[INTEGRATION]["uri"].strip("${}")
        assert label in {*LABELS, "gateway"}, name
        assert described[INTEGRATION] == {
            "type": "aws_proxy",
            "httpMethod": "POST",
            "payloadFormatVersion": "2.0",
            "uri": f"${{{label}}}",
            "timeoutInMillis": 29000,
        }


@pytest.mark.parametrize("runtime", [Runtime.ECS, Runtime.EKS])
def test_containers_are_sent_the_same_request(services: list[Service], runtime: Runtime) -> None:
    functions = operations(api_document(services))
    for name, (_, _, described) in operations(api_document(services, {"orders": runtime})).items():
        if described["tags"] != ["orders"]:
            assert described == functions[name][2]
            continue
        assert described[INTEGRATION] == {
            "type": "http_proxy",
            "httpMethod": "ANY",
            "payloadFormatVersion": "1.0",
            "connectionType": "VPC_LINK",
            "connectionId": "${vpc-link}",
            "uri": "${load-balancer}",
            "requestParameters": {"overwrite:header.x-souk-service": "order-service"},
            "timeoutInMillis": 29000,
        }
        assert described | {INTEGRATION: None} == functions[name][2] | {INTEGRATION: None}


def test_nothing_looks_like_a_template_but_what_terraform_puts_in(services: list[Service]) -> None:
    text = in_json(api_document(services, {"orders": Runtime.ECS})).decode()
    assert set(re.findall(r"\$\{([^}]*)\}", text)) == {
        *LABELS,
        "gateway",
        "authorizer",
        "load-balancer",
        "vpc-link",
    } - {"order-service"}
    assert "%{" not in text


def test_tokens_are_read_by_the_authorizer(services: list[Service]) -> None:
    scheme = api_document(services)["components"]["securitySchemes"]["bearer"]
    assert (scheme["type"], scheme["scheme"], scheme["bearerFormat"]) == ("http", "bearer", "JWT")
    assert scheme["x-amazon-apigateway-authorizer"] == {
        "type": "request",
        "authorizerPayloadFormatVersion": "2.0",
        "enableSimpleResponses": True,
        "authorizerUri": "${authorizer}",
        "authorizerResultTtlInSeconds": 0,
    }


def test_the_gateways_own_routes_are_in_it(services: list[Service]) -> None:
    document = api_document(services)
    own = {path: described for _, path, described in operations(document).values() if described["tags"] == ["gateway"]}
    assert own.keys() == OWN
    for described in own.values():
        assert described["security"] == []
        assert "x-souk-access" not in described
    assert {tag["name"] for tag in document["tags"]} == {*SERVICES, "gateway"}


def test_hashing_passwords_is_throttled_most(services: list[Service]) -> None:
    document = api_document(services)
    throttles = {
        name: described["x-souk-throttle"]
        for name, (_, _, described) in operations(document).items()
        if "x-souk-throttle" in described
    }
    low = {"ratePerS": 20.0, "burst": 100}
    assert throttles == {"register_user": low, "open_session": low}
    assert document["x-souk-throttle"] == {"ratePerS": 10_000.0, "burst": 5_000}


def test_it_is_written_as_it_is(services: list[Service]) -> None:
    document = api_document(services)
    written = in_json(document)
    assert json.loads(written) == document
    assert written.endswith(b"}\n")


def test_where_services_run() -> None:
    assert place_of(("orders=ecs", "users=eks", "orders=lambda"), SERVICES) == {
        "orders": Runtime.LAMBDA,
        "users": Runtime.EKS,
    }


@pytest.mark.parametrize("wrong", ["orders", "orders=", "orders=moon", "=ecs", "moon=ecs", "orders=ECS", ""])
def test_where_no_service_runs(wrong: str) -> None:
    with pytest.raises(ValueError, match=r"there is no service|runs on one of"):
        place_of((wrong,), SERVICES)
