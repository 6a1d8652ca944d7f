"""The gateway before services at addresses: which gets a request, what becomes of an answer, and its settings."""

import asyncio
import json
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

from souk_chassis.config import ConfigError
from souk_chassis.edge.proxying import build_gateway
from souk_chassis.hosts.listening import free_port

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


async def test_it_is_as_ready_as_its_services(gateway: Open, serve: Serve, client: aiohttp.ClientSession) -> None:
    away = f"http://127.0.0.1:{free_port()}"
    unready = answering("users", {"status": "unready", "missing": {"users-database": "away"}})
    url = await gateway({"orders": away, "users": await serve(unready)}, SOUK_LEGACY_URL=away)
    async with client.get(url + "/ready") as got:
        answer = await got.json()
    assert (got.status, answer["status"]) == (503, "unready")
    assert answer["missing"] == {"orders": "orders can't be reached", "users": "users misses users-database"}
    assert answer["degraded"] == {"legacy": "it can't be reached"}


async def test_applications_get_their_paths_and_the_rest_the_legacy_one(
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


async def test_events_stream_through(gateway: Open, client: aiohttp.ClientSession) -> None:
    async with client.get(await gateway() + "/orders/o1/events") as got:
        assert await got.content.readany() == b"data: 1\n\n"


async def test_a_service_that_is_away_harms_no_other(
    gateway: Open, serve: Serve, client: aiohttp.ClientSession
) -> None:
    away = f"http://127.0.0.1:{free_port()}"
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
