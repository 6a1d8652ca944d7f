"""The reverse proxy between two real servers: what crosses, what does not, and what each failure becomes."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from typing import Any

import aiohttp
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route
from yarl import URL

from souk_chassis.edge import proxy as proxying
from souk_chassis.edge import upload
from souk_chassis.edge.proxy import POLICY, Proxy
from souk_chassis.edge.takeover import LEGACY_FAULTS
from souk_chassis.errors import SoukError
from souk_chassis.hosts.listening import free_port
from souk_chassis.resilience import Policy
from souk_chassis.testing.clock import ManualClock
from souk_chassis.testing.contexts import TRACEPARENT
from souk_chassis.testing.logs import RecordedLines
from souk_chassis.testing.spans import recorded
from souk_chassis.testing.waiting import until

Serve = Callable[..., Awaitable[str]]
FEW = Policy(**{name: getattr(POLICY, name) for name in POLICY.__struct_fields__} | {"min_volume": 3})
NO_STATUS = b"HTTP/1.1 700 No\r\ncontent-length: 0\r\n\r\n"
NO_HEADER = b"HTTP/1.1 200 OK\r\nx-name: a\x01b\r\ncontent-length: 0\r\n\r\n"


class Behind:
    """The server behind: it remembers what it was asked."""

    def __init__(self) -> None:
        self.seen: list[Any] = []
        self.ended = asyncio.Event()
        self.begun = asyncio.Event()
        self.go_on = asyncio.Event()

    async def echo(self, request: Request) -> Response:
        body = await request.body()
        headers = [(name.decode(), value.decode("latin-1")) for name, value in request.headers.raw]
        self.seen.append(headers)
        target = request.scope["raw_path"].decode(), request.scope["query_string"].decode()
        return JSONResponse({"method": request.method, "target": target, "headers": headers, "body": body.decode()})

    async def cookies(self, _: Request) -> Response:
        answer = PlainTextResponse("moved", 302, {"location": "/elsewhere", "connection": "x-hop", "x-hop": "1"})
        answer.set_cookie("a", "1")
        answer.set_cookie("b", "2")
        return answer

    async def fail(self, request: Request) -> Response:
        return PlainTextResponse("its own words", int(request.path_params["status"]), {"retry-after": "77"})

    async def size(self, request: Request) -> Response:
        return PlainTextResponse(str(sum([len(chunk) async for chunk in request.stream()])))

    async def slowly(self, _: Request) -> Response:
        async def chunks() -> AsyncIterator[bytes]:
            try:
                yield b"first"
                await self.go_on.wait()
                yield b"second"
            finally:
                self.ended.set()

        return StreamingResponse(chunks())

    async def hang(self, request: Request) -> Response:
        self.begun.set()
        with suppress(asyncio.CancelledError):
            while (await request.receive())["type"] != "http.disconnect":
                pass
        self.ended.set()
        return PlainTextResponse("too late")

    @property
    def app(self) -> Starlette:
        every = ["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PURGE"]
        return Starlette(
            routes=[
                Route("/cookies", self.cookies),
                Route("/fail/{status}", self.fail),
                Route("/size", self.size, methods=every),
                Route("/slowly", self.slowly),
                Route("/hang", self.hang, methods=every),
                Route("/{rest:path}", self.echo, methods=every),
            ]
        )


@pytest.fixture
def behind() -> Behind:
    return Behind()


@pytest.fixture
async def make_proxy(serve: Serve, lines: RecordedLines) -> AsyncIterator[Callable[..., Awaitable[str]]]:
    """Serves a proxy before an address. Returns its own."""
    made: list[Proxy] = []

    async def make(target: str, policy: Policy = POLICY, **more: Any) -> str:
        made.append(Proxy("legacy", target, LEGACY_FAULTS, lines.log("gateway"), policy, **more))
        return await serve(made[-1])

    yield make
    for each in made:
        await each.close()


@pytest.fixture
async def url(serve: Serve, behind: Behind, make_proxy: Callable[..., Awaitable[str]]) -> str:
    return await make_proxy(await serve(behind.app), FEW)


@pytest.fixture
async def client() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as session:
        yield session


async def raw_server(answer: bytes, *, lines_read: list[bytes] | None = None) -> tuple[str, asyncio.Server]:
    """A server that says these bytes to whoever asks, and hangs up."""

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        if lines_read is not None:
            lines_read.append(head)
        writer.write(answer)
        with suppress(OSError):
            await writer.drain()
        writer.close()

    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    return f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", server


async def test_a_request_goes_on_as_it_is(url: str, client: aiohttp.ClientSession) -> None:
    target = "/a%2Fb/%C3%A4/../c;x=1?q=%20a+b&q=2"
    async with client.request(
        "PURGE", URL(url + target, encoded=True), data=b"body", headers={"X-Own": "1", "Cookie": "s=1"}
    ) as got:
        answer = await got.json()
    assert (answer["method"], answer["target"], answer["body"]) == ("PURGE", [*target.split("?")], "body")
    headers = dict(answer["headers"])
    assert headers["x-own"] == "1"
    assert headers["cookie"] == "s=1"
    assert headers["host"] == url.removeprefix("http://")
    assert headers["content-length"] == "4"


@pytest.mark.parametrize("line", ["GET //evil/x", "GET http://evil/x", "OPTIONS *", "GET @evil:1/x", "GET x"])
async def test_a_request_goes_nowhere_else(url: str, behind: Behind, line: str) -> None:
    host, port = url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(f"{line} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n".encode())
    status = int((await reader.readline()).split()[1])
    writer.close()
    assert (status, len(behind.seen)) in [(200, 1), (400, 0)]


async def test_what_a_client_says_of_its_way_is_not_believed(url: str, client: aiohttp.ClientSession) -> None:
    lies = {
        "X-Forwarded-For": "10.0.0.1",
        "x_forwarded_for": "10.0.0.2",
        "X-Forwarded-Proto": "https",
        "X-Forwarded-Host": "evil.example",
        "X-Forwarded-Prefix": "/evil",
        "Forwarded": "for=10.0.0.3",
        "X-Real-IP": "10.0.0.4",
        "Host": "shop.example",
    }
    async with client.get(url + "/x", headers=lies) as got:
        headers = (await got.json())["headers"]
    assert not [value for _, value in headers if "10.0.0" in value or "evil" in value]
    assert sorted(header for header in headers if "forwarded" in header[0]) == [
        ["x-forwarded-for", "127.0.0.1"],
        ["x-forwarded-host", "shop.example"],
        ["x-forwarded-proto", "http"],
    ]


async def test_headers_of_the_connection_end_here(url: str, client: aiohttp.ClientSession) -> None:
    hop = {"Connection": "close, X-Secret-Hop", "X-Secret-Hop": "1", "TE": "trailers", "Keep-Alive": "5"}
    hop |= {"Proxy-Authorization": "Basic eDp5", "Upgrade": "h2c"}
    async with client.get(url + "/x", headers=hop) as got:
        names = {name for name, _ in (await got.json())["headers"]}
    assert names.isdisjoint({"x-secret-hop", "te", "keep-alive", "proxy-authorization", "upgrade"})


async def test_the_trace_goes_on(url: str, client: aiohttp.ClientSession) -> None:
    with recorded():
        async with client.get(url + "/x", headers={"traceparent": TRACEPARENT}) as got:
            [traceparent] = [value for name, value in (await got.json())["headers"] if name == "traceparent"]
    assert traceparent[3:35] == TRACEPARENT[3:35]
    assert traceparent != TRACEPARENT


async def test_nothing_is_added_to_a_request(url: str) -> None:
    host, port = url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(b"GET /x HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
    body = (await reader.read()).partition(b"\r\n\r\n")[2]
    writer.close()
    names = [name for name, _ in json.loads(body)["headers"]]
    assert sorted(names) == ["host", "traceparent", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto"]


async def test_an_answer_comes_back_as_it_is(url: str, client: aiohttp.ClientSession) -> None:
    async with client.get(url + "/cookies", allow_redirects=False) as got:
        assert (got.status, await got.text(), got.headers["location"]) == (302, "moved", "/elsewhere")
        assert got.headers.getall("set-cookie") == ["a=1; Path=/; SameSite=lax", "b=2; Path=/; SameSite=lax"]
        assert "x-hop" not in got.headers
        assert len(got.headers.getall("date")) == 1


async def test_head_has_the_length_and_no_body(url: str, client: aiohttp.ClientSession) -> None:
    async with client.get(url + "/cookies", allow_redirects=False) as whole:
        length = whole.headers["content-length"]
    async with client.head(url + "/cookies", allow_redirects=False) as got:
        assert (got.status, got.headers["content-length"], await got.read()) == (302, length, b"")


async def test_a_body_without_a_length_is_passed_on(url: str, client: aiohttp.ClientSession) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(50):
            yield b"x" * 20_000

    async with client.put(url + "/size", data=chunks()) as got:
        assert await got.text() == "1000000"


@pytest.mark.parametrize("has_length", [True, False])
async def test_a_body_over_the_limit_is_refused(url: str, client: aiohttp.ClientSession, has_length: bool) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(12):
            yield b"x" * 1_000_000

    data = b"x" * (upload.MAX_PASSED_BODY + 1) if has_length else chunks()
    with suppress(aiohttp.ClientOSError):  # it may have hung up in the midst of the body
        async with client.put(url + "/size", data=data) as got:
            assert (got.status, (await got.json())["code"]) == (413, "too_large")
    async with client.put(url + "/size", data=b"x" * upload.MAX_PASSED_BODY) as got:
        assert await got.text() == str(upload.MAX_PASSED_BODY)


async def test_a_body_that_does_not_come_is_given_up(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(upload, "UPLOAD_TIMEOUT_S", 0.05)
    host, port = url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(b"PUT /size HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nabc")
    assert (await reader.readuntil(b"\r\n")).startswith(b"HTTP/1.1 408")
    writer.close()


async def test_an_answer_streams(url: str, behind: Behind, client: aiohttp.ClientSession) -> None:
    async with client.get(url + "/slowly") as got:
        assert await got.content.readany() == b"first"
        behind.go_on.set()
        assert await got.content.read() == b"second"


async def test_a_client_that_goes_away_ends_the_request_behind(url: str, behind: Behind) -> None:
    async with aiohttp.ClientSession() as session:
        got = await session.get(url + "/slowly")
        assert await got.content.readany() == b"first"
        got.close()
    async with asyncio.timeout(5):
        await behind.ended.wait()


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_a_client_that_does_not_wait_ends_the_request_behind(url: str, behind: Behind, method: str) -> None:
    async with aiohttp.ClientSession() as session:
        asking = asyncio.create_task(session.request(method, url + "/hang", data=b"b" if method == "POST" else None))
        await behind.begun.wait()
        asking.cancel()
        with suppress(asyncio.CancelledError):
            await asking
    async with asyncio.timeout(5):
        await behind.ended.wait()


async def test_failures_are_its_own_until_the_breaker_opens(
    serve: Serve, behind: Behind, make_proxy: Any, client: aiohttp.ClientSession
) -> None:
    clock = ManualClock()
    url = await make_proxy(await serve(behind.app), FEW, clock=clock)
    for status in (500, 502, 599):
        async with client.get(f"{url}/fail/{status}") as got:
            assert (got.status, await got.text(), got.headers["retry-after"]) == (status, "its own words", "77")
    async with client.get(url + "/x") as got:
        answer = await got.json()
        assert (got.status, answer["code"], got.content_type) == (503, "legacy_unavailable", "application/problem+json")
        assert 30 <= int(got.headers["retry-after"]) <= 33
    assert behind.seen == []
    clock.advance(40)
    async with client.get(url + "/x") as got:
        assert got.status == 200


async def test_a_callers_mistake_opens_nothing(url: str, client: aiohttp.ClientSession) -> None:
    for _ in range(5):
        async with client.get(url + "/fail/404") as got:
            assert got.status == 404
    async with client.get(url + "/x") as got:
        assert got.status == 200


async def test_a_server_that_is_away_is_told_of(make_proxy: Any, client: aiohttp.ClientSession) -> None:
    port = free_port()
    url = await make_proxy(f"http://127.0.0.1:{port}")
    async with client.post(url + "/orders", data=b"x") as got:
        assert (got.status, (await got.json())["code"]) == (503, "legacy_unavailable")
        assert got.headers["retry-after"] == "1"


async def test_a_server_that_says_nothing_in_time_may_have_done_it(
    url: str, client: aiohttp.ClientSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(proxying, "HEAD_TIMEOUT_S", 0.05)
    monkeypatch.setattr(proxying, "CONNECT_TIMEOUT_S", 0.05)
    for method, data in (("GET", None), ("POST", b"x")):
        async with client.request(method, url + "/hang", data=data) as got:
            assert (got.status, (await got.json())["code"]) == (504, "legacy_no_answer")


@pytest.mark.parametrize("answer", [b"", b"nonsense\r\n\r\n", NO_STATUS, NO_HEADER])
@pytest.mark.parametrize("data", [None, b"x"])
async def test_no_answer_may_have_happened_and_is_not_repeated(
    make_proxy: Any, client: aiohttp.ClientSession, answer: bytes, data: bytes | None
) -> None:
    heads: list[bytes] = []
    target, server = await raw_server(answer, lines_read=heads)
    async with server, client.post(await make_proxy(target) + "/x", data=data) as got:
        assert (got.status, (await got.json())["code"]) == (504, "legacy_no_answer")
    assert len(heads) == 1


async def test_an_answer_that_breaks_off_is_not_whole_for_the_client_and_counts(
    make_proxy: Any, client: aiohttp.ClientSession, lines: RecordedLines
) -> None:
    target, server = await raw_server(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf")
    url = await make_proxy(target, FEW)
    async with server:
        for _ in range(2):  # a head that came and a body that did not: one answer, one failure
            with pytest.raises(aiohttp.ClientPayloadError):
                async with client.get(url + "/x") as got:
                    await got.read()
        assert lines.messages("warning") == ["answer broke off"] * 2
        async with client.get(url + "/x") as got:
            assert (got.status, (await got.json())["code"]) == (503, "legacy_unavailable")


async def test_interim_answers_are_not_the_answer(make_proxy: Any, client: aiohttp.ClientSession) -> None:
    early = b"HTTP/1.1 103 Early Hints\r\nlink: </a.css>\r\n\r\n"
    chunked = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"
    target, server = await raw_server(early + chunked)
    async with server, client.get(await make_proxy(target) + "/x") as got:
        assert (got.status, await got.read()) == (200, b"abc")


async def test_too_much_at_once_is_refused(
    url: str,
    behind: Behind,
    client: aiohttp.ClientSession,
    monkeypatch: pytest.MonkeyPatch,
    make_proxy: Any,
    serve: Any,
) -> None:
    monkeypatch.setattr(proxying, "MAX_EXCHANGES", 1)
    url = await make_proxy(await serve(behind.app))
    async with client.get(url + "/slowly") as first:
        async with client.get(url + "/x") as got:
            assert (got.status, (await got.json())["code"]) == (503, "legacy_unavailable")
        behind.go_on.set()
        await first.read()
    await until(lambda: behind.ended.is_set())
    async with client.get(url + "/x") as got:
        assert got.status == 200


async def test_headers_over_the_limit_are_refused(url: str, client: aiohttp.ClientSession) -> None:
    async with client.get(url + "/x", headers={f"x-{n}": "v" * 4_000 for n in range(9)}) as got:
        assert (got.status, (await got.json())["code"]) == (431, "headers_too_large")


async def test_whether_it_is_there_can_be_asked(serve: Serve, behind: Behind, lines: RecordedLines) -> None:
    there = Proxy("legacy", await serve(behind.app), LEGACY_FAULTS, lines.log("gateway"))
    await there.check()
    port = free_port()
    away = Proxy("legacy", f"http://127.0.0.1:{port}", LEGACY_FAULTS, lines.log("gateway"))
    with pytest.raises(SoukError, match="can't be reached"):
        await away.check()
