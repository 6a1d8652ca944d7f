"""The gateway's container before services that are elsewhere: what goes where, and what is nobody's."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route
from yarl import URL

from souk_chassis.config import ConfigError
from souk_chassis.edge.proxying import build_gateway
from souk_chassis.testing.contexts import TRACEPARENT

Serve = Callable[..., Awaitable[str]]
Open = Callable[..., Awaitable[str]]


def described(name: str, tag: str, **more: Any) -> dict[str, Any]:
    return {"operationId": name, "tags": [tag], "security": [], **more}


DOCUMENT = {
    "x-souk-throttle": {"ratePerS": 1000, "burst": 1000},
    "paths": {
        "/health": {"get": described("get_health", "gateway")},
        "/ready": {"get": described("get_readiness", "gateway")},
        "/openapi.json": {"get": described("get_document", "gateway")},
        "/orders": {
            "get": described("list_orders", "orders"),
            "post": described("place_order", "orders", **{"x-souk-throttle": {"ratePerS": 0.001, "burst": 1}}),
        },
        "/orders/{orderId}/events": {"get": described("follow_order", "orders")},
        "/users/{userId}": {"get": described("get_user", "users")},
    },
}


def answering(name: str, ready: dict[str, Any] | None = None) -> Starlette:
    async def say(request: Request) -> Response:
        return JSONResponse({"by": name, "path": request.url.path, "token": request.headers.get("authorization")})

    async def readiness(_: Request) -> Response:
        return JSONResponse(ready or {"status": "ready", "missing": {}})

    async def events(_: Request) -> Response:
        async def chunks() -> AsyncIterator[bytes]:
            yield b"data: 1\n\n"
            await asyncio.Event().wait()

        return StreamingResponse(chunks(), media_type="text/event-stream")

    every = ["GET", "POST", "PUT", "DELETE"]
    routes = [Route("/ready", readiness), Route("/orders/{id}/events", events)]
    return Starlette(routes=[*routes, Route("/{rest:path}", say, methods=every)])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "openapi.json").write_text(json.dumps(DOCUMENT))
    (tmp_path / "pages.json").write_text('{"/": {"file": "index.html", "headers": {"content-type": "text/html"}}}')
    (tmp_path / "index.html").write_bytes(b"<html>")
    return tmp_path


@pytest.fixture
async def gateway(serve: Serve, folder: Path) -> AsyncIterator[Open]:
    """Serves a gateway before these services. Returns its address."""
    async with AsyncExitStack() as stack:

        async def make(urls: dict[str, str] | None = None, **variables: str) -> str:
            urls = urls or {name: await serve(answering(name)) for name in ("orders", "users")}
            environment = {"SOUK_URLS": json.dumps(urls), "SOUK_EDGE_DIR": str(folder), "SOUK_JWKS": '{"keys":[1]}'}
            return await serve(await build_gateway(environment | variables, stack))

        yield make


@pytest.fixture
async def client() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


async def test_each_operation_goes_to_its_service(gateway: Open, client: aiohttp.ClientSession) -> None:
    url = await gateway()
    for path, service in (("/orders", "orders"), ("/users/u1", "users")):
        async with client.get(url + path, headers={"authorization": "Bearer t"}) as got:
            assert await got.json() == {"by": service, "path": path, "token": "Bearer t"}


async def test_what_is_its_own(gateway: Open, client: aiohttp.ClientSession) -> None:
    url = await gateway()
    async with client.get(url + "/health") as got:
        assert await got.json() == {"status": "ok"}
    async with client.get(url + "/openapi.json") as got:
        assert await got.json() == DOCUMENT
    async with client.get(url + "/") as got:
        assert (await got.read(), got.headers["content-type"]) == (b"<html>", "text/html")
    async with client.get(url + "/ready") as got:
        assert (got.status, await got.json()) == (200, {"status": "ready", "missing": {}})


async def test_it_is_as_ready_as_its_services(gateway: Open, serve: Serve, client: aiohttp.ClientSession) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        away = f"http://127.0.0.1:{free.getsockname()[1]}"
    unready = answering("users", {"status": "unready", "missing": {"users-database": "away"}})
    url = await gateway({"orders": away, "users": await serve(unready)}, SOUK_LEGACY_URL=away)
    async with client.get(url + "/ready") as got:
        answer = await got.json()
    assert (got.status, answer["status"]) == (503, "unready")
    assert answer["missing"] == {"orders": "orders can't be reached", "users": "users misses users-database"}
    assert answer["degraded"] == {"legacy": "it can't be reached"}


async def test_a_legacy_application_that_is_away_leaves_it_ready(gateway: Open, client: aiohttp.ClientSession) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        away = f"http://127.0.0.1:{free.getsockname()[1]}"
    async with client.get(await gateway(SOUK_LEGACY_URL=away) + "/ready") as got:
        assert (got.status, (await got.json())["status"]) == (200, "ready")


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/nothing", 404, "no_such_route"),
        ("GET", "/operations/place_order", 404, "no_such_route"),
        ("PUT", "/orders", 405, "method_not_allowed"),
        ("POST", "/", 405, "method_not_allowed"),
        ("POST", "/static/app.js", 405, "method_not_allowed"),
    ],
)
async def test_what_is_nobodys(
    gateway: Open, client: aiohttp.ClientSession, method: str, path: str, status: int, code: str
) -> None:
    async with client.request(method, await gateway() + path) as got:
        assert (got.status, (await got.json(content_type=None))["code"]) == (status, code)


async def test_what_is_nobodys_goes_to_the_legacy_application(
    gateway: Open, serve: Serve, client: aiohttp.ClientSession
) -> None:
    legacy, reports = await serve(answering("legacy")), await serve(answering("reports"))
    url = await gateway(SOUK_LEGACY_URL=legacy, SOUK_APPS=f"/reports={reports}")
    for path, by in (
        ("/nothing", "legacy"),
        ("/static/x.js", "legacy"),
        ("/reports/1", "reports"),
        ("/orders", "orders"),
    ):
        async with client.get(url + path) as got:
            assert (await got.json())["by"] == by
    async with client.put(url + "/orders") as got:
        assert got.status == 405


async def test_another_spelling_of_a_services_path_is_nobodys(
    gateway: Open, serve: Serve, client: aiohttp.ClientSession
) -> None:
    url = await gateway(SOUK_LEGACY_URL=await serve(answering("legacy")), SOUK_TAKEN_OVER="/orders")
    for path, status in (("//orders", 404), ("/orders/", 404), ("/Orders", 404), ("/users/", 200), ("/health/", 200)):
        async with client.get(URL(url + path, encoded=True), headers={"traceparent": TRACEPARENT}) as got:
            assert got.status == status, path
            if status == 404:
                assert (await got.json(content_type=None))["traceId"] == TRACEPARENT[3:35]


async def test_what_is_not_taken_over_is_the_legacy_applications(
    gateway: Open, serve: Serve, client: aiohttp.ClientSession
) -> None:
    url = await gateway(SOUK_LEGACY_URL=await serve(answering("legacy")), SOUK_TAKEN_OVER="/users")
    for path, by in (("/", "legacy"), ("/orders", "legacy"), ("/users/u1", "users")):
        async with client.get(url + path) as got:
            assert (await got.json())["by"] == by
    async with client.get(url + "/openapi.json") as got:
        assert "/orders" not in (await got.json())["paths"]


async def test_events_stream_through(gateway: Open, client: aiohttp.ClientSession) -> None:
    async with client.get(await gateway() + "/orders/o1/events") as got:
        assert await got.content.readany() == b"data: 1\n\n"


async def test_routes_are_throttled_as_the_document_says(gateway: Open, client: aiohttp.ClientSession) -> None:
    url = await gateway()
    async with client.post(url + "/orders") as got:
        assert got.status == 200
    async with client.post(url + "/orders") as got:
        assert (got.status, (await got.json(content_type=None))["code"]) == (429, "throttled")


async def test_a_service_that_is_away_harms_no_other(
    gateway: Open, serve: Serve, client: aiohttp.ClientSession
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        away = f"http://127.0.0.1:{free.getsockname()[1]}"
    url = await gateway({"orders": away, "users": await serve(answering("users"))})
    for _ in range(12):
        async with client.get(url + "/orders") as got:
            assert (got.status, (await got.json(content_type=None))["code"]) == (503, "service_unavailable")
    assert int(got.headers["retry-after"]) >= 30  # its breaker is open by now
    async with client.get(url + "/users/u1") as got:
        assert got.status == 200


@pytest.mark.parametrize(
    ("variables", "said"),
    [
        ({"SOUK_URLS": ""}, "SOUK_URLS is not set"),
        ({"SOUK_URLS": "[]"}, "^SOUK_URLS: "),
        ({"SOUK_URLS": '{"orders": "orders:80", "users": "http://u"}'}, "^SOUK_URLS: 'orders:80', where orders is"),
        ({"SOUK_URLS": '{"orders": "http://o"}'}, "^SOUK_URLS names no users, which answers GET /users/"),
        ({"SOUK_EDGE_DIR": "/nowhere"}, "^SOUK_EDGE_DIR: /nowhere has no document"),
        ({"SOUK_LEGACY_URL": "legacy"}, "^SOUK_LEGACY_URL: "),
        ({"SOUK_APPS": "/a=b:c"}, "^SOUK_APPS: b:c must be an address here"),
    ],
)
async def test_a_setting_that_can_not_be_is_named(folder: Path, variables: dict[str, str], said: str) -> None:
    urls = json.dumps({"orders": "http://o", "users": "http://u"})
    async with AsyncExitStack() as stack:
        with pytest.raises(ConfigError, match=said):
            await build_gateway({"SOUK_URLS": urls, "SOUK_EDGE_DIR": str(folder), **variables}, stack)
