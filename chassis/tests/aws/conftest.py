"""A stand-in for AWS on loopback, and a client of it."""

import json
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any
from urllib.parse import parse_qsl

import msgspec
import pytest
from aiohttp import web

from souk_chassis.aws.client import AwsClient
from souk_chassis.aws.credentials import Credentials, FixedCredentials
from souk_chassis.aws.transport import HttpTransport


class Asked(msgspec.Struct):
    """A request as it came. `what` is the operation of a JSON protocol, the action of the Query protocol, or a path."""

    what: str
    headers: Mapping[str, str]
    body: Any


class AwsStandIn:
    """Answers each request with what `answer` makes of it: a status, and a body of JSON or bytes."""

    def __init__(self) -> None:
        self.asked: list[Asked] = []
        self.answer: Callable[[Asked], tuple[int, Any]] = lambda _: (200, {})
        self.answer_headers: dict[str, str] = {}
        self.url = ""

    async def handle(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        target = request.headers.get("X-Amz-Target")
        form = dict(parse_qsl(body.decode(), keep_blank_values=True)) if request.path == "/" and not target else {}
        what = target or form.get("Action") or request.rel_url.raw_path
        asked = Asked(what, dict(request.headers), form or (json.loads(body) if body else None))
        self.asked.append(asked)
        status, answer = self.answer(asked)
        content = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
        return web.Response(body=content, status=status, headers=self.answer_headers)

    def bodies(self, what: str) -> list[Any]:
        """What was asked of one operation."""
        return [asked.body for asked in self.asked if asked.what.endswith(what)]


@pytest.fixture
async def stand_in() -> AsyncIterator[AwsStandIn]:
    """A server on loopback."""
    server = AwsStandIn()
    app = web.Application()
    app.router.add_route("*", "/{rest:.*}", server.handle)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    server.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield server
    await runner.cleanup()


@pytest.fixture
async def aws(stand_in: AwsStandIn) -> AsyncIterator[AwsClient]:
    """A client of the stand-in."""
    client = AwsClient(
        "eu-west-1", FixedCredentials(Credentials("key", "secret", "session")), HttpTransport(), stand_in.url
    )
    yield client
    await client.close()
