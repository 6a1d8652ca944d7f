"""The shop's gateway does what its document says, and starts with no document that is not of its services."""

import copy
import re
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from souk_chassis.auth.keys import PublicKeys
from souk_chassis.auth.tokens import TokenVerifier
from souk_chassis.edge.app import dispatching, edge_app
from souk_chassis.edge.edge import Edge, read_edge
from souk_chassis.edge.fallback import Fallback
from souk_chassis.errors import conflict
from souk_chassis.manifest import Service
from souk_chassis.observability.logs import Log
from souk_chassis.testing.asgi import ask
from souk_chassis.testing.clock import ManualClock
from souk_chassis.testing.dispatch import FakeDispatcher
from souk_topologies.api import api_document
from souk_topologies.edge import pages, write_edge
from souk_topologies.gateway import open_gateway
from souk_topologies.shop import manifests

WEB = Path(__file__).resolve().parents[2] / "web"
PLACED = re.compile(r"\{\w+\}")
OWN = ["/health", "/ready", "/openapi.json", "/.well-known/jwks.json"]
PAGES = ["/", "/mailbox", "/docs", "/static/storefront/index.html", "/static/swagger/swagger-ui.css"]

App = Callable[..., Any]
Open = Callable[[dict[str, Any]], App]
"""Makes the gateway of a document."""


@pytest.fixture(scope="module")
def services() -> list[Service]:
    return list(manifests().values())


@pytest.fixture
def document(services: list[Service]) -> dict[str, Any]:
    return api_document(services)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def gateway_of(services: list[Service], clock: ManualClock) -> Open:
    operations = [operation for service in services for operation in service.implements]
    refused = FakeDispatcher({operation: conflict("seen", "It came through.") for operation in operations})
    log, verifier = Log("gateway"), TokenVerifier(PublicKeys({}))

    def make(document: dict[str, Any]) -> App:
        edge = Edge(document, {}, b"{}", {}, log)
        answering = dispatching(edge, operations, refused, verifier, clock, log)
        return edge_app(edge, answering, Fallback({}, {}), clock)

    return make


def described(document: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield path, method, operation


def operation(document: dict[str, Any], name: str) -> dict[str, Any]:
    return next(each for _, _, each in described(document) if each["operationId"] == name)


async def faults(gateway: App, document: dict[str, Any]) -> list[str]:
    """Where the gateway and a document differ, asked from outside: the routes, and who is let in without a token."""
    found = [f"{path} is served alone" for path in OWN if await _is_alone(gateway, path, document)]
    for path, method, each in described(document):
        answer = await ask(gateway, method.upper(), PLACED.sub("some", path))
        if answer.status in {404, 405}:
            found.append(f"{method} {path} is described alone")
            continue
        needs_token = bool(each["security"]) and all("bearer" in way for way in each["security"])
        if (answer.status == 401) != needs_token:
            found.append(f"{method} {path} answers {answer.status}, and its security is {each['security']}")
    for path in document["paths"]:
        allowed = await ask(gateway, "TRACE", PLACED.sub("some", path))
        methods = set(allowed.headers["allow"].lower().split(", ")) - {"head"}
        if methods != document["paths"][path].keys():
            found.append(f"{path} is served by {methods}")
    return found


async def _is_alone(gateway: App, path: str, document: dict[str, Any]) -> bool:
    return path not in document["paths"] and (await ask(gateway, "GET", path)).status != 404


async def test_what_is_described_is_served_and_the_other_way_round(gateway_of: Open, document: dict[str, Any]) -> None:
    assert await faults(gateway_of(document), document) == []
    less = copy.deepcopy(document)
    del less["paths"]["/health"]
    assert await faults(gateway_of(less), less) == []


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


def _own_elsewhere(document: dict[str, Any]) -> None:
    document["paths"]["/healthy"] = document["paths"].pop("/health")


@pytest.mark.parametrize(
    "plant",
    [_elsewhere, _left_out, _other_method, _unknown, _twice, _let_in, _kept_out, _own_kept_out, _own_elsewhere],
)
def test_a_document_of_something_else_opens_no_gateway(
    gateway_of: Open, document: dict[str, Any], plant: Callable[[dict[str, Any]], None]
) -> None:
    plant(document)
    with pytest.raises(ValueError, match=r"is not of these services|does not answer GET /health\w* to everybody"):
        gateway_of(document)


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


async def test_the_whole_shop_has_its_pages_and_keeps_what_it_has_not_taken_over_to_others() -> None:
    settings = {"SOUK_LEGACY_URL": "http://127.0.0.1:9", "SOUK_TAKEN_OVER": "/users,/docs,/static"}

    async def statuses(gateway: App, *paths: str) -> set[int]:
        return {(await ask(gateway, "GET", path)).status for path in paths}

    async with AsyncExitStack() as stack:
        whole = await open_gateway({}, FakeDispatcher({}), {}, {"keys": []}, WEB, stack)
        assert await statuses(whole, *OWN, *PAGES) == {200}
        assert await statuses(whole, "/users/u1", "/orders/o1", "/books/stock") == {401}
        part = await open_gateway(settings, FakeDispatcher({}), {}, {"keys": []}, WEB, stack)
        assert await statuses(part, *OWN, *PAGES[2:]) == {200}
        assert await statuses(part, "/users/u1", "/books/stock", "/queues/users") == {401}
        paths = (await ask(part, "GET", "/openapi.json")).json["paths"]
        assert "/users" in paths
        assert "/orders" not in paths


def test_images_and_functions_get_the_pages_that_one_process_has(tmp_path: Path) -> None:

    write_edge(WEB, tmp_path)
    document, packed = read_edge(tmp_path)
    assert document == api_document(list(manifests().values()))
    served = pages(WEB)
    assert packed.keys() == served.keys() > {*PAGES}
    for path, page in packed.items():
        (_, headers, body), (_, expected, content) = page.answer({}), served[path].answer({})
        assert (sorted(headers), body) == (sorted(expected), content)
