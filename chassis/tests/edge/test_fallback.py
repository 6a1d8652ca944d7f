"""Which application answers a path, and what reaches one that is in this process."""

import asyncio
import sys
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from types import ModuleType
from typing import Any

import aiohttp
import pytest
from starlette.types import Receive, Scope, Send

from souk_chassis.edge.fallback import Fallback, open_fallback
from souk_chassis.edge.takeover import read_takeover
from souk_chassis.hosts.listening import free_port
from souk_chassis.http.endpoint import headers_of, respond
from souk_chassis.testing.asgi import ask
from souk_chassis.testing.contexts import TRACEPARENT
from souk_chassis.testing.logs import RecordedLines


def answering(word: bytes) -> Any:
    async def app(_: Scope, __: Receive, send: Send) -> None:
        await respond(send, 200, [], word)

    return app


async def test_the_longest_path_wins() -> None:
    apps = {path: answering(path.encode()) for path in ("/a", "/a/b", "/c")}
    fallback = Fallback(apps, {})
    found = {path: (await ask(fallback, "GET", path)).body for path in ("/a", "/a/x", "/a/b", "/a/b/c", "/c")}
    assert found == {"/a": b"/a", "/a/x": b"/a", "/a/b": b"/a/b", "/a/b/c": b"/a/b", "/c": b"/c"}
    assert (await ask(Fallback({"/": answering(b"all")}, {}), "GET", "/ab")).body == b"all"


async def test_an_upgrade_to_websocket_is_refused() -> None:
    fallback = Fallback({"/": answering(b"all")}, {})
    refused = await ask(fallback, "GET", "/ws", headers={"upgrade": "WebSocket", "connection": "Upgrade"})
    assert (refused.status, refused.json["code"]) == (501, "no_websockets")
    passed = await ask(fallback, "GET", "/x", headers={"upgrade": "h2c", "connection": "Upgrade"})
    assert passed.body == b"all"


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, str]]:
    found: list[dict[str, str]] = []

    async def app(scope: Scope, _: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            raise NotImplementedError
        found.append(headers_of(scope))
        await respond(send, 200, [], b"mounted")

    module = ModuleType("an_app_here")
    module.app = app  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "an_app_here", module)
    return found


async def test_an_app_here_gets_what_one_behind_the_gateway_gets(
    seen: list[dict[str, str]], lines: RecordedLines
) -> None:
    takeover = read_takeover({"SOUK_APPS": "/a=an_app_here:app,/b=an_app_here:app"})
    lies = {
        "x-forwarded-for": "10.0.0.1",
        "x-real-ip": "10.0.0.1",
        "te": "x",
        "host": "shop",
        "traceparent": TRACEPARENT,
    }
    async with AsyncExitStack() as stack:
        fallback = await open_fallback(takeover, lines.log(), stack)
        for path in ("/a/x", "/b"):
            assert (await ask(fallback, "GET", path, headers=lies)).body == b"mounted"
    for headers in seen:
        assert (headers["x-forwarded-for"], headers["x-forwarded-host"]) == ("", "shop")
        assert headers["traceparent"][3:35] == TRACEPARENT[3:35]
        assert not {"x-real-ip", "te"} & headers.keys()
    assert fallback.checks == {}


async def test_what_is_at_an_address_of_the_settings_can_be_asked_after(
    serve: Callable[..., Awaitable[str]], lines: RecordedLines
) -> None:
    away = f"http://127.0.0.1:{free_port()}"
    settings = {"SOUK_LEGACY_URL": away, "SOUK_APPS": f"/a={away}"}
    async with AsyncExitStack() as stack:
        fallback = await open_fallback(read_takeover(settings), lines.log(), stack)
        assert fallback.checks.keys() == {"legacy", "/a"}
        url = await serve(fallback)
        async with aiohttp.ClientSession() as client:
            for path in ("/", "/a"):
                async with client.get(url + path) as got:
                    assert (await got.json())["code"] == "legacy_unavailable"


async def test_several_hosts_are_refused(serve: Callable[..., Awaitable[str]], lines: RecordedLines) -> None:
    seen: list[Scope] = []

    async def app(scope: Scope, _: Receive, send: Send) -> None:
        seen.append(scope)
        await respond(send, 200, [], b"")

    async with AsyncExitStack() as stack:
        takeover = read_takeover({"SOUK_LEGACY_URL": await serve(app)})
        host, _, port = (await serve(await open_fallback(takeover, lines.log(), stack)))[7:].partition(":")
        for hosts, status in ((1, b"200"), (2, b"400")):
            reader, writer = await asyncio.open_connection(host, int(port))
            writer.write(b"GET /x HTTP/1.1\r\n" + b"Host: a\r\n" * hosts + b"\r\n")
            assert (await reader.readline()).split()[1] == status
            writer.close()
    assert len(seen) == 1
