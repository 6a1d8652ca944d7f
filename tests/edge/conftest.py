"""An edge served in each way: a test that asks for `edge` runs on every one of them, unchanged."""

import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from yarl import URL

from souk_chassis.auth.keys import SigningKey, new_key
from souk_chassis.http.routing import in_json
from souk_topologies.api import api_document
from tests.edge.things import THINGS
from tests.edge.ways import WAYS, Site

METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]
PAGES = {"/": ("index.html", "text/html", b"<html>"), "/static/a.js": ("a.js", "text/javascript", b"\xff1")}


@dataclass(frozen=True)
class Answered:
    """An answer, read whole."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The body, read as JSON."""
        return json.loads(self.body)


class Served:
    """A client of an edge."""

    def __init__(self, url: str, session: aiohttp.ClientSession) -> None:
        self.url = url
        self._session = session

    async def ask(self, method: str, path: str, body: Any = None, **headers: str) -> Answered:
        """Make a request. The path goes out as it is."""
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        url, data = URL(self.url + path, encoded=True), None if body is None else json.dumps(body)
        async with self._session.request(method, url, headers=given, data=data, allow_redirects=False) as got:
            return Answered(got.status, {name.lower(): value for name, value in got.headers.items()}, await got.read())

    async def statuses(self, *paths: str, method: str = "GET") -> list[int]:
        """The statuses of several requests."""
        return [(await self.ask(method, path)).status for path in paths]


Serve = Callable[..., Awaitable[Served]]


@pytest.fixture(scope="session")
def key() -> SigningKey:
    """The key of the service that lets people in."""
    return new_key("users")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The document and the pages."""
    (tmp_path / "openapi.json").write_bytes(in_json(api_document([THINGS])))
    pages = {}
    for path, (file, kind, content) in PAGES.items():
        (tmp_path / file).write_bytes(content)
        pages[path] = {"file": file, "headers": {"content-type": kind, "x-content-type-options": "nosniff"}}
    (tmp_path / "pages.json").write_text(json.dumps(pages))
    return tmp_path


async def _other(request: Request) -> Response:
    return PlainTextResponse(f"{request.method} {request.scope['raw_path'].decode()}", 299)


@pytest.fixture
async def stack() -> AsyncIterator[AsyncExitStack]:
    """Whatever is to be closed."""
    async with AsyncExitStack() as stack:
        yield stack


@pytest.fixture(params=WAYS)
def way(request: pytest.FixtureRequest) -> str:
    """The name of a way."""
    return str(request.param)


@pytest.fixture
async def edge(way: str, folder: Path, key: SigningKey, stack: AsyncExitStack) -> Serve:
    """Serves an edge with these settings. With `legacy`, another application stands behind it, which answers 299."""
    session = await stack.enter_async_context(aiohttp.ClientSession())

    async def serve(*, legacy: bool = False, missing: str = "", **settings: str) -> Served:
        site = Site(folder, key, stack, missing, settings)
        if legacy:
            other = Starlette(routes=[Route("/{rest:path}", _other, methods=METHODS)])
            site.settings = {"SOUK_LEGACY_URL": await site.serve(other), **settings}
        return Served(await WAYS[way](site), session)

    return serve
