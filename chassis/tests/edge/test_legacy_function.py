"""The legacy application behind the gateway's function: what it gets of an event, and what becomes of its answer."""

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from souk_chassis.edge import legacy_function
from souk_chassis.edge.legacy_function import LegacyFunction
from souk_chassis.errors import SoukError
from souk_chassis.http.proxy_event import read_event
from souk_chassis.resilience import Deadline
from souk_chassis.testing.contexts import TRACEPARENT
from souk_chassis.testing.logs import RecordedLines

Serve = Callable[..., Awaitable[str]]


async def echo(request: Request) -> Response:
    headers = [(name.decode(), value.decode()) for name, value in request.headers.raw]
    target = request.scope["raw_path"].decode(), request.scope["query_string"].decode()
    body = (await request.body()).decode()
    return JSONResponse({"method": request.method, "target": target, "headers": headers, "body": body})


async def cookies(_: Request) -> Response:
    answer = Response(b"\xff\x00", 302, {"location": "/x", "x-own": "1"}, media_type="image/png")
    answer.set_cookie("a", "1")
    answer.set_cookie("b", "2")
    return answer


async def fail(_: Request) -> Response:
    return PlainTextResponse("its own words", 502)


async def hang(_: Request) -> Response:
    await asyncio.sleep(30)
    return PlainTextResponse("late")


async def large(_: Request) -> Response:
    return PlainTextResponse("x" * (legacy_function.MAX_ANSWER + 1))


@pytest.fixture
async def function(serve: Serve, lines: RecordedLines) -> AsyncIterator[LegacyFunction]:
    every = ["GET", "POST", "HEAD"]
    fixed = [Route("/cookies", cookies), Route("/fail", fail), Route("/hang", hang), Route("/large", large)]
    url = await serve(Starlette(routes=[*fixed, Route("/{rest:path}", echo, methods=every)]))
    made = LegacyFunction(url, lines.log("gateway"))
    yield made
    await made._transport.close()


def event(path: str = "/x", method: str = "GET", query: str = "", **more: Any) -> dict[str, Any]:
    http = {"method": method, "sourceIp": "192.0.2.1"}
    headers = {"host": "shop.example", "x-forwarded-for": "10.0.0.1", "x-forwarded-proto": "https"}
    context = {"routeKey": "$default", "rawPath": path, "rawQueryString": query, "requestContext": {"http": http}}
    return context | {"headers": headers | more.pop("headers", {})} | more


async def ask(function: LegacyFunction, timeout_s: float = 5.0, **described: Any) -> dict[str, Any]:
    return await function(read_event(event(**described)), Deadline.after(timeout_s))


async def test_a_request_goes_on_as_it_is(function: LegacyFunction) -> None:
    encoded = {"body": base64.b64encode("ä".encode()).decode(), "isBase64Encoded": True}
    given = {"cookies": ["a=1", "b=2"], "headers": {"x-own": "1", "traceparent": TRACEPARENT, "connection": "x-hop"}}
    answer = await ask(function, path="/a b/ä", method="POST", query="q=%20a&q=2", **encoded, **given)
    got = json.loads(answer["body"])
    assert (got["method"], got["target"], got["body"]) == ("POST", ["/a%20b/%C3%A4", "q=%20a&q=2"], "ä")
    headers = dict(got["headers"])
    assert headers["cookie"] == "a=1; b=2"
    assert (headers["host"], headers["x-forwarded-host"]) == ("shop.example", "shop.example")
    assert (headers["x-forwarded-for"], headers["x-forwarded-proto"], headers["x-own"]) == ("192.0.2.1", "https", "1")
    assert headers["traceparent"][3:35] == TRACEPARENT[3:35]
    assert len(got["headers"]) == len(headers)


async def test_a_decoded_path_is_encoded_anew(function: LegacyFunction) -> None:
    answer = await ask(function, path="/a?b#c/100%/%41")
    assert json.loads(answer["body"])["target"] == ["/a%3Fb%23c/100%25/%41", ""]


async def test_an_answer_comes_back_as_it_is(function: LegacyFunction) -> None:
    answer = await ask(function, path="/cookies")
    assert (answer["statusCode"], answer["headers"]["location"], answer["headers"]["x-own"]) == (302, "/x", "1")
    assert answer["cookies"] == ["a=1; Path=/; SameSite=lax", "b=2; Path=/; SameSite=lax"]
    assert answer["isBase64Encoded"]
    assert base64.b64decode(answer["body"]) == b"\xff\x00"


async def test_failures_are_its_own_until_the_breaker_opens(function: LegacyFunction) -> None:
    for _ in range(3):
        await function.check()
        answer = await ask(function, path="/fail")
        assert (answer["statusCode"], answer["body"]) == (502, "its own words")
    answer = await ask(function)
    assert (answer["statusCode"], json.loads(answer["body"])["code"]) == (503, "legacy_unavailable")
    assert int(answer["headers"]["retry-after"]) >= 30
    with pytest.raises(SoukError, match="it has been failing"):
        await function.check()


async def test_what_is_away_or_silent_is_told(function: LegacyFunction, lines: RecordedLines) -> None:
    away = LegacyFunction("http://127.0.0.1:9", lines.log())
    assert json.loads((await ask(away))["body"])["code"] == "legacy_unavailable"
    answer = await ask(function, timeout_s=0.1, path="/hang")
    assert (answer["statusCode"], json.loads(answer["body"])["code"]) == (504, "legacy_no_answer")
    await away._transport.close()


async def test_what_is_too_large_is_refused(function: LegacyFunction) -> None:
    answer = await ask(function, path="/large")
    assert (answer["statusCode"], json.loads(answer["body"])["code"]) == (504, "legacy_no_answer")
    answer = await ask(function, method="POST", body="x" * (legacy_function.MAX_REQUEST + 1))
    assert (answer["statusCode"], json.loads(answer["body"])["code"]) == (413, "too_large")
