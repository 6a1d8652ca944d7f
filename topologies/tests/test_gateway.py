"""The gateway does what its document says, and starts with no document that is not of its services."""

import copy
import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from starlette.routing import Mount, Route, Router

from souk_chassis.auth.identity import Identity, Role
from souk_chassis.auth.keys import PublicKeys, SigningKey, new_key
from souk_chassis.auth.tokens import TokenVerifier, sign_public
from souk_chassis.errors import conflict
from souk_chassis.manifest import Service
from souk_chassis.observability.logs import Log
from souk_chassis.testing.asgi import ask
from souk_chassis.testing.clock import ManualClock
from souk_chassis.testing.dispatch import FakeDispatcher
from souk_topologies.api import api_document
from souk_topologies.gateway import gateway_app
from souk_topologies.shop import manifests

ROOT = Path(__file__).resolve().parents[2]
PAGES = {"/", "/mailbox", "/docs"}
PLACED = re.compile(r"\{\w+\}")


@pytest.fixture(scope="module")
def services() -> list[Service]:
    return list(manifests().values())


@pytest.fixture(scope="module")
def key() -> SigningKey:
    return new_key("users")


@pytest.fixture
def document(services: list[Service]) -> dict[str, Any]:
    return api_document(services)


Open = Callable[[dict[str, Any]], Router]
"""Makes the gateway of a document."""


@pytest.fixture
def gateway_of(services: list[Service], key: SigningKey, clock: ManualClock) -> Open:
    refused = {op: conflict("seen", "It came through.") for service in services for op in service.implements}
    verifier = TokenVerifier(PublicKeys({"users": key.private.public_key()}))

    def make(document: dict[str, Any]) -> Router:
        dispatcher = FakeDispatcher(refused)
        return gateway_app(
            document, services, dispatcher, verifier, clock, Log("gateway"), {}, {"keys": []}, ROOT / "web"
        )

    return make


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


def described(document: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield path, method, operation


def operation(document: dict[str, Any], name: str) -> dict[str, Any]:
    return next(each for _, _, each in described(document) if each["operationId"] == name)


async def faults(gateway: Router, document: dict[str, Any]) -> list[str]:
    """Where the gateway and a document differ, asked from outside: the routes, and who is let in without a token."""
    served = {route.path for route in gateway.routes if isinstance(route, Route)} - PAGES
    found = [f"{path} is served alone" for path in served - document["paths"].keys()]
    for path, method, each in described(document):
        answer = await ask(gateway, method.upper(), PLACED.sub("some", path))
        if answer.status in {404, 405}:
            found.append(f"{method} {path} is described alone")
            continue
        needs_token = bool(each["security"]) and all("bearer" in way for way in each["security"])
        if (answer.status == 401) != needs_token:
            found.append(f"{method} {path} answers {answer.status}, and its security is {each['security']}")
    for path in document["paths"]:
        allowed = await ask(gateway, "DELETE", PLACED.sub("some", path))
        methods = set(allowed.headers["allow"].lower().split(", ")) - {"head"}
        if methods != document["paths"][path].keys():
            found.append(f"{path} is served by {methods}")
    return found


async def test_what_is_described_is_served_and_the_other_way_round(gateway_of: Open, document: dict[str, Any]) -> None:
    gateway = gateway_of(document)
    assert await faults(gateway, document) == []
    beside = {route.path for route in gateway.routes if isinstance(route, Mount)}
    assert beside == {"/static/swagger", "/static"}


async def test_planted_differences_are_seen(gateway_of: Open, document: dict[str, Any]) -> None:
    gateway = gateway_of(document)
    alone = copy.deepcopy(document)
    del alone["paths"]["/health"]
    assert await faults(gateway, alone) == ["/health is served alone"]
    more = copy.deepcopy(document)
    more["paths"]["/orders"]["put"] = more["paths"]["/orders"]["post"]
    assert "put /orders is described alone" in await faults(gateway, more)
    for name, security in (("get_product", [{"bearer": []}]), ("list_orders", [{}]), ("get_health", [{"bearer": []}])):
        other = copy.deepcopy(document)
        operation(other, name)["security"] = security
        [fault] = await faults(gateway, other)
        assert "its security is" in fault


def _elsewhere(document: dict[str, Any]) -> None:
    document["paths"]["/elsewhere"] = document["paths"].pop("/products")


def _left_out(document: dict[str, Any]) -> None:
    del document["paths"]["/orders/{orderId}"]["get"]


def _other_method(document: dict[str, Any]) -> None:
    document["paths"]["/orders/{orderId}/cancel"]["put"] = document["paths"]["/orders/{orderId}/cancel"].pop("post")


def _unknown(document: dict[str, Any]) -> None:
    operation(document, "get_order")["operationId"] = "read_order"


def _twice(document: dict[str, Any]) -> None:
    document["paths"]["/again"] = document["paths"]["/orders"]


def _let_in(document: dict[str, Any]) -> None:
    operation(document, "list_orders")["security"] = [{}, {"bearer": []}]


def _kept_out(document: dict[str, Any]) -> None:
    operation(document, "place_order")["security"] = [{"bearer": []}]


def _own_kept_out(document: dict[str, Any]) -> None:
    operation(document, "get_health")["security"] = [{"bearer": []}]


@pytest.mark.parametrize(
    "plant", [_elsewhere, _left_out, _other_method, _unknown, _twice, _let_in, _kept_out, _own_kept_out]
)
def test_a_document_of_something_else_opens_no_gateway(
    gateway_of: Open, document: dict[str, Any], plant: Callable[[dict[str, Any]], None]
) -> None:
    plant(document)
    with pytest.raises(ValueError, match=r"no service offers|leaves out|is not what it declares"):
        gateway_of(document)


async def test_tokens_are_asked_for_before_anything_is_read(
    gateway_of: Open, document: dict[str, Any], key: SigningKey
) -> None:
    admin = sign_public(key, Identity(Role.CUSTOMER, "u1"), issued_at=datetime.now(UTC), lifetime_s=60)
    gateway = gateway_of(document)
    for token, status in ((None, 401), ("x", 401), (admin, 409)):
        headers = {} if token is None else {"authorization": f"Bearer {token}"}
        assert (await ask(gateway, "GET", "/orders", headers=headers)).status == status
    assert (await ask(gateway, "GET", "/products", headers={"authorization": "Bearer x"})).status == 401


async def test_each_route_has_a_bucket_of_its_own(
    gateway_of: Open, document: dict[str, Any], clock: ManualClock
) -> None:
    account = [b'{"email": "ada@example.org", "password": "correct horse", "name": "Ada"}']
    gateway = gateway_of(document)
    statuses = [(await ask(gateway, "POST", "/users", chunks=account)).status for _ in range(103)]
    assert statuses == [409] * 100 + [429] * 3
    refused = await ask(gateway, "POST", "/users", chunks=account)
    assert (refused.headers["retry-after"], refused.json["code"]) == ("1", "throttled")
    assert refused.headers["content-type"] == "application/problem+json"
    for other in ("/products", "/health"):
        assert (await ask(gateway, "GET", other)).status != 429
    assert (await ask(gateway, "POST", "/sessions", chunks=account)).status == 422, "a bucket of its own"
    clock.advance(0.1)
    assert [(await ask(gateway, "POST", "/users", chunks=account)).status for _ in range(3)] == [409, 409, 429]


async def test_the_document_sets_the_limits(gateway_of: Open, document: dict[str, Any]) -> None:
    document["x-souk-throttle"] = {"ratePerS": 1, "burst": 2}
    operation(document, "get_product")["x-souk-throttle"] = {"ratePerS": 1, "burst": 1}
    gateway = gateway_of(document)
    for path, statuses in {
        "/products": [409, 409, 429],
        "/products/lamp": [409, 429],
        "/health": [200, 200, 429],
        "/openapi.json": [200, 200, 429],
    }.items():
        assert [(await ask(gateway, "GET", path)).status for _ in statuses] == statuses
