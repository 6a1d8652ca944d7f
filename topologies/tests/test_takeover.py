"""A shop beside another application: the local gateway, and what the deployed one is told."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from starlette.routing import Router
from starlette.types import Receive, Scope, Send

from souk_chassis.auth.keys import PublicKeys
from souk_chassis.auth.tokens import TokenVerifier
from souk_chassis.config import ConfigError
from souk_chassis.edge.fallback import Fallback
from souk_chassis.http.endpoint import respond
from souk_chassis.manifest import Service
from souk_chassis.observability.logs import Log
from souk_chassis.testing.asgi import ask
from souk_chassis.testing.clock import ManualClock
from souk_chassis.testing.dispatch import FakeDispatcher
from souk_topologies.api import api_document
from souk_topologies.gateway import gateway_app
from souk_topologies.infrastructure import terraform_inputs
from souk_topologies.shop import manifests
from souk_topologies.takeover import deployed_document, deployed_inputs, read_settled

WEB = Path(__file__).resolve().parents[2] / "web"
LEGACY = {"SOUK_LEGACY_URL": "http://legacy:8000"}
Open = Callable[..., Router]


@pytest.fixture(scope="module")
def services() -> list[Service]:
    return list(manifests().values())


@pytest.fixture(scope="module")
def document(services: list[Service]) -> dict[str, Any]:
    return api_document(services)


async def legacy(scope: Scope, _: Receive, send: Send) -> None:
    await respond(send, 299, [], scope["raw_path"])


async def away() -> None:
    raise OSError("gone")


@pytest.fixture
def gateway(services: list[Service], document: dict[str, Any]) -> Open:
    """Makes a gateway beside an application that answers 299."""

    def make(**variables: str) -> Router:
        takeover = read_settled(LEGACY | variables, document)
        elsewhere = Fallback({"/": legacy}, {"legacy": away})
        return gateway_app(
            document,
            services,
            FakeDispatcher({}),
            TokenVerifier(PublicKeys({})),
            ManualClock(),
            Log("gateway"),
            {},
            {"keys": []},
            WEB,
            takeover,
            elsewhere,
        )

    return make


OWN = ["/health", "/ready", "/openapi.json", "/.well-known/jwks.json"]
PAGES = ["/", "/mailbox", "/docs", "/static/storefront/index.html", "/static/swagger/swagger-ui.css"]


async def statuses(gateway: Router, paths: list[str], method: str = "GET") -> set[int]:
    return {(await ask(gateway, method, path)).status for path in paths}


async def test_souks_own_routes_win_and_the_rest_goes_on(gateway: Open) -> None:
    made = gateway()
    assert await statuses(made, OWN + PAGES) == {200}
    assert await statuses(made, ["/users/u1", "/books/stock"]) == {401}
    assert await statuses(made, ["/nowhere", "/orders/o1/invoice", "/static/shop.css", "/static/swagger/none"]) == {299}
    assert (await ask(made, "GET", "/static/shop.css")).body == b"/static/shop.css"
    assert await statuses(made, ["/nowhere", "/static/shop.css"], "POST") == {299, 405}


async def test_a_path_that_is_souks_is_souks_by_every_method(gateway: Open) -> None:
    assert await statuses(gateway(), ["/orders", "/users/u1", "/health", "/"], "DELETE") == {405}


SPELT = ["//orders", "/orders/", "/x/../orders", "/./orders", "/Orders/o1", "/orders;v=1", "/x\\..\\orders"]


async def test_another_spelling_of_a_path_that_is_souks_reaches_nobody(gateway: Open) -> None:
    assert await statuses(gateway(), SPELT) == {404}
    assert await statuses(gateway(SOUK_TAKEN_OVER="/orders"), SPELT, "POST") == {404}
    assert await statuses(gateway(SOUK_TAKEN_OVER="/users"), [*SPELT, "/Health", "/docs/"]) == {299}


async def test_an_application_that_is_away_is_shown_and_harms_nothing(gateway: Open) -> None:
    ready = await ask(gateway(), "GET", "/ready")
    assert (ready.status, ready.json["status"]) == (200, "ready")
    assert ready.json["degraded"] == {"legacy": "OSError: gone"}


async def test_what_is_not_taken_over_goes_on(gateway: Open) -> None:
    made = gateway(SOUK_TAKEN_OVER="/users,/docs,/static")
    assert await statuses(made, ["/", "/mailbox", "/orders", "/products/p1"]) == {299}
    assert await statuses(made, [*OWN, "/docs", *PAGES[3:]]) == {200}
    assert await statuses(made, ["/users/u1", "/books/stock", "/queues/users"]) == {401}
    paths = (await ask(made, "GET", "/openapi.json")).json["paths"]
    assert "/users" in paths
    assert "/orders" not in paths


async def test_nothing_may_be_taken_over(gateway: Open) -> None:
    made = gateway(SOUK_TAKEN_OVER="none")
    assert await statuses(made, [*PAGES, "/orders", "/users/u1"]) == {299}
    assert await statuses(made, OWN) == {200}


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
