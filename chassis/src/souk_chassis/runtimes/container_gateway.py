"""The gateway as a container: it routes each operation of the document to the service that answers it.

Nothing is verified here: each service does that for its own routes, by the same code. It knows no service but by the
document, and by the addresses that it is given.
"""

from collections.abc import Mapping
from contextlib import AsyncExitStack
from pathlib import Path

import msgspec
from starlette.types import ASGIApp, Receive, Scope, Send

from souk_chassis import wire
from souk_chassis.clock import SystemClock
from souk_chassis.config import ConfigError, read_config
from souk_chassis.errors import ErrorKind, SoukError, timeout_unknown, unavailable
from souk_chassis.http.binding import MAX_BODY
from souk_chassis.http.calls import read_urls
from souk_chassis.http.elsewhere import open_elsewhere
from souk_chassis.http.endpoint import Throttled, headers_of, respond
from souk_chassis.http.proxy import Fault, Proxy
from souk_chassis.http.routing import entries
from souk_chassis.http.takeover import read_takeover
from souk_chassis.http.throttle import Bucket
from souk_chassis.observability.logs import Log
from souk_chassis.observability.trace import accept_traceparent
from souk_chassis.runtimes.asgi import CHECK_TIMEOUT_S, JSON, Check, Readiness, Ready, path_route, router
from souk_chassis.runtimes.edge import GATEWAY, Edge, Page

MAX_PAGES = 33_554_432
"""The most bytes that all pages may have together: they are kept in memory."""


class GatewayConfig(msgspec.Struct, frozen=True):
    """Settings of the gateway's container."""

    urls: str
    """Where the services are, as JSON: a service's name to its base URL."""
    edge_dir: str
    """The folder with the document and the pages."""
    jwks: str = '{"keys":[]}'


async def build_gateway(environment: Mapping[str, str], stack: AsyncExitStack) -> ASGIApp:
    """The gateway, to be served. What it opens is closed with the stack. Raises ConfigError."""
    config, takeover, log = read_config(GatewayConfig, environment), read_takeover(environment), Log(GATEWAY)
    if modules := [target for target in takeover.apps.values() if "://" not in target]:
        raise ConfigError(f"SOUK_APPS: {modules[0]} must be an address here: an application has a container of its own")
    urls = read_urls(config.urls)
    try:
        edge = Edge(Path(config.edge_dir), config.jwks.encode(), takeover)
    except (OSError, *wire.UNREADABLE) as error:
        raise ConfigError(f"SOUK_EDGE_DIR: {config.edge_dir} has no document and pages: {error}") from None
    elsewhere = await open_elsewhere(takeover, log, stack)
    proxies = _proxies(urls, log, stack)
    own: dict[str, ASGIApp] = {path: _Fixed(body) for path, body in edge.fixed.items()}
    own["/ready"] = Ready({name: _check(proxy) for name, proxy in proxies.items()}, elsewhere.checks)
    by_path: dict[str, dict[str, ASGIApp]] = {}
    for entry in entries(edge.document):
        answers = own.get(entry.path) if entry.tag == GATEWAY else proxies.get(entry.tag)
        if answers is None:
            raise ConfigError(f"SOUK_URLS names no {entry.tag}, which answers {entry.method} {entry.path}")
        by_path.setdefault(entry.path, {})[entry.method] = Throttled(answers, Bucket(entry.throttle, SystemClock()))
    pages = [path_route(path, {"GET": page}) for path, page in _pages(edge).items()]
    routes = [path_route(path, by_method) for path, by_method in by_path.items()]
    return router([*routes, *pages], _Rest(edge, elsewhere))


def _proxies(urls: Mapping[str, str], log: Log, stack: AsyncExitStack) -> dict[str, Proxy]:
    # What no service takes is refused here: one that answers before it has read it all breaks the connection, and its
    # answer may be lost to that.
    proxies = {name: Proxy(name, url, _fault_of(name), log, max_body=MAX_BODY) for name, url in urls.items()}
    for proxy in proxies.values():
        stack.push_async_callback(proxy.close)
    return proxies


def _fault_of(service: str) -> Fault:
    """What is told of a service that gave no answer, as one service tells it of another."""

    def fault(error: SoukError) -> SoukError:
        if error.kind is ErrorKind.TIMEOUT_UNKNOWN:
            return timeout_unknown("no_answer", f"{service} gave no whole answer.")
        retry_after_s = error.retry_after_s
        return unavailable("service_unavailable", f"{service} can't be reached.", retry_after_s=retry_after_s)

    return fault


def _check(proxy: Proxy) -> Check:
    async def check() -> None:
        try:
            missing = wire.decode(await proxy.ask("/ready", CHECK_TIMEOUT_S), Readiness).missing
        except wire.UNREADABLE:
            raise unavailable("service_unavailable", f"{proxy.name} can't be reached") from None
        if missing:
            raise unavailable("service_unavailable", f"{proxy.name} misses {', '.join(sorted(missing))}")

    return check


class _Fixed:
    """Something that never changes while the gateway runs."""

    def __init__(self, body: bytes, page: Page | None = None) -> None:
        given = [(name.encode(), value.encode()) for name, value in page.headers.items()] if page else JSON
        self._headers, self._body = given, body

    async def __call__(self, _scope: Scope, _receive: Receive, send: Send) -> None:
        await respond(send, 200, self._headers, self._body)


def _pages(edge: Edge) -> dict[str, _Fixed]:
    pages = {path: (edge.read(page), page) for path, page in edge.pages.items()}
    if sum(len(content) for content, _ in pages.values()) > MAX_PAGES:
        raise ConfigError(f"SOUK_EDGE_DIR: the pages are larger than {MAX_PAGES} bytes together")
    return {path: _Fixed(content, page) for path, (content, page) in pages.items()}


class _Rest:
    """What no route names: refused where another method would do, and otherwise another application's."""

    def __init__(self, edge: Edge, otherwise: ASGIApp) -> None:
        self._edge = edge
        self._otherwise = otherwise

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or self._edge.knows_nothing_of(scope["path"], scope["method"]):
            await self._otherwise(scope, receive, send)
            return
        traceparent = accept_traceparent(headers_of(scope).get("traceparent"))
        await respond(send, *self._edge.refuse(scope["path"], scope["method"], traceparent))
