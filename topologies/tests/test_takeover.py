"""A shop beside another application: what is its own, and what the deployed gateway is told."""

from typing import Any

import pytest

from souk_chassis.config import ConfigError
from souk_chassis.manifest import Service
from souk_topologies.api import api_document
from souk_topologies.infrastructure import terraform_inputs
from souk_topologies.shop import manifests
from souk_topologies.takeover import deployed_document, deployed_inputs, read_settled

LEGACY = {"SOUK_LEGACY_URL": "http://legacy:8000"}


@pytest.fixture(scope="module")
def services() -> list[Service]:
    return list(manifests().values())


@pytest.fixture(scope="module")
def document(services: list[Service]) -> dict[str, Any]:
    return api_document(services)


def test_what_souk_does_not_have_is_named(document: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match="Souk has nothing at /reports"):
        read_settled(LEGACY | {"SOUK_TAKEN_OVER": "/orders,/reports"}, document)


def test_the_deployed_document_names_where_the_rest_goes(document: dict[str, Any]) -> None:
    assert deployed_document(document, read_settled({}, document)) == document
    whole = deployed_document(document, read_settled(LEGACY, document))
    rest = whole["paths"].pop("/$default")["x-amazon-apigateway-any-method"]
    assert whole == document
    assert (rest["isDefaultRoute"], rest["x-souk-legacy"]) == (True, "http://legacy:8000")
    assert rest["x-amazon-apigateway-integration"]["uri"] == "${gateway}"
    partly = deployed_document(document, read_settled(LEGACY | {"SOUK_TAKEN_OVER": "/users"}, document))["paths"]
    assert partly.keys() >= {"/users", "/users/{userId}", "/health", "/books/orders", "/$default"}
    assert not partly.keys() & {"/orders", "/products", "/mails"}


def test_the_gateways_function_is_told(services: list[Service], document: dict[str, Any]) -> None:
    inputs = terraform_inputs(services, {})
    assert deployed_inputs(inputs, read_settled({}, document)) == inputs
    told = deployed_inputs(inputs, read_settled(LEGACY | {"SOUK_TAKEN_OVER": "/users,/orders"}, document))
    environment = told["gateway"]["functions"]["gateway"]["environment"]
    added = {"SOUK_LEGACY_URL": "http://legacy:8000", "SOUK_TAKEN_OVER": "/users,/orders"}
    assert environment == inputs["gateway"]["functions"]["gateway"]["environment"] | added
    assert told["gateway"]["functions"]["gateway"]["ports_outside"] == [8000]
    deployed = deployed_document(document, read_settled(LEGACY | {"SOUK_TAKEN_OVER": "/users,/orders"}, document))
    routes = {f"{method.upper()} {path}" for path, methods in deployed["paths"].items() for method in methods}
    assert told["throttles"].keys() - {"default"} <= routes
    assert {"POST /users", "default"} <= told["throttles"].keys()
    nothing = deployed_inputs(inputs, read_settled(LEGACY | {"SOUK_TAKEN_OVER": "none"}, document))
    assert nothing["gateway"]["functions"]["gateway"]["environment"]["SOUK_TAKEN_OVER"] == "none"
    assert nothing["throttles"].keys() == {"default"}
