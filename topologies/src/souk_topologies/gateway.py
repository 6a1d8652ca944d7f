"""The gateway: every public route of the shop behind one address, its document, its keys and its pages."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from http import HTTPStatus
from pathlib import Path
from typing import Any

import swagger_ui_bundle
from starlette.exceptions import HTTPException
from starlette.responses import FileResponse
from starlette.routing import BaseRoute, Mount, Router
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from souk_chassis import wire
from souk_chassis.auth.tokens import TokenVerifier
from souk_chassis.clock import Clock
from souk_chassis.context import Dispatcher
from souk_chassis.http.binding import Binding
from souk_chassis.http.elsewhere import Elsewhere, OwnSpellings
from souk_chassis.http.endpoint import NotFoundEndpoint, PublicEndpoint, Throttled, headers_of, respond
from souk_chassis.http.problem import EdgeError, render
from souk_chassis.http.routing import Entry, entries
from souk_chassis.http.takeover import Takeover
from souk_chassis.http.throttle import Bucket
from souk_chassis.manifest import Service
from souk_chassis.observability.logs import Log
from souk_chassis.observability.trace import accept_traceparent
from souk_chassis.operation import Access, AnyOperation, Route
from souk_chassis.runtimes.asgi import JSON, Check, Health, Ready, path_route, router
from souk_topologies.api import DOCUMENT, HEALTH, KEYS, READY, in_json
from souk_topologies.shop import GATEWAY

CONTENT_POLICY = "default-src 'self'; img-src 'self' data:; frame-ancestors 'none'; base-uri 'none'"
"""Pages run nothing and load nothing that is not the shop's own."""
DOCS_POLICY = "default-src 'self'; img-src 'self' data:; style-src 'self' 'unsafe-inline'; frame-ancestors 'none'"
"""Swagger UI writes style attributes."""
EVERYTHING = Takeover()
"""There is no other application: all is Souk's."""


class _Bytes:
    """A page that never changes while the shop runs."""

    def __init__(self, body: bytes) -> None:
        self._body = body

    async def __call__(self, _scope: Scope, _receive: Receive, send: Send) -> None:
        await respond(send, 200, JSON, self._body)


class _Guarded:
    """Adds the headers that keep a page to itself."""

    def __init__(self, inner: Any, policy: str) -> None:
        self._inner = inner
        self._headers = [
            (b"cache-control", b"no-cache"),  # by ETag: a browser must not mix the modules of two versions
            (b"content-security-policy", policy.encode()),
            (b"x-content-type-options", b"nosniff"),
            (b"referrer-policy", b"no-referrer"),
        ]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], *self._headers]
            await send(message)

        await self._inner(scope, receive, with_headers)


class _Files:
    """The files of a folder. What is not there is `otherwise`'s; what is not asked for by GET is refused."""

    def __init__(self, folder: Path, policy: str, otherwise: ASGIApp) -> None:
        self._files = _Guarded(StaticFiles(directory=folder), policy)
        self._otherwise = otherwise

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await self._files(scope, receive, send)
        except HTTPException as error:
            if error.status_code != HTTPStatus.METHOD_NOT_ALLOWED:
                await self._otherwise(scope, receive, send)
                return
            traceparent = accept_traceparent(headers_of(scope).get("traceparent"))
            refused = EdgeError(405, "method_not_allowed", f"{scope['method']} is not possible here.")
            status, headers, body = render(refused, traceparent)
            await respond(send, status, [*headers, (b"allow", b"GET, HEAD")], body)


def _page(file: Path, policy: str = CONTENT_POLICY) -> Any:
    async def serve(scope: Scope, receive: Receive, send: Send) -> None:
        await FileResponse(file)(scope, receive, send)

    return _Guarded(serve, policy)


def _pages(web: Path, otherwise: ASGIApp) -> dict[str, BaseRoute]:
    """The storefront, the mailbox and the API page, by their paths."""
    swagger = Path(swagger_ui_bundle.swagger_ui_path)
    return {
        "/": path_route("/", {"GET": _page(web / "storefront" / "index.html")}),
        "/mailbox": path_route("/mailbox", {"GET": _page(web / "console" / "mailbox.html")}),
        "/docs": path_route("/docs", {"GET": _page(web / "console" / "docs.html", DOCS_POLICY)}),
        "/static/swagger": Mount("/static/swagger", _Files(swagger, DOCS_POLICY, otherwise)),
        "/static": Mount("/static", _Files(web, CONTENT_POLICY, otherwise)),
    }


def _endpoints(
    document: Mapping[str, Any],
    services: Sequence[Service],
    own: Mapping[str, ASGIApp],
    endpoint: Callable[[AnyOperation, Entry], ASGIApp],
    takeover: Takeover,
) -> Iterator[tuple[Entry, ASGIApp]]:
    """What answers for each entry of the document: the gateway itself, or a service's operation.

    Raises ValueError where the two do not fit: nobody may be let in, or kept out, but by the document.
    """
    offered = {
        operation.name: operation
        for service in services
        for operation in service.implements
        if operation.route and takeover.claims(operation.route.path)
    }
    for entry in entries(document):
        if entry.operation_id in own and not entry.needs_token:
            yield entry, own[entry.operation_id]
            continue
        operation = offered.pop(entry.operation_id, None)
        if operation is None or operation.route != Route(entry.method, entry.path):
            raise ValueError(f"no service offers {entry.operation_id} at {entry.method} {entry.path}")
        if entry.needs_token != (operation.access is not Access.PUBLIC):
            raise ValueError(f"{entry.operation_id}: its security in the document is not what it declares")
        yield entry, endpoint(operation, entry)
    if offered:
        raise ValueError(f"the document leaves out {', '.join(sorted(offered))}")


def gateway_app(
    document: Mapping[str, Any],
    services: Sequence[Service],
    dispatcher: Dispatcher,
    verifier: TokenVerifier,
    clock: Clock,
    log: Log,
    checks: Mapping[str, Check],
    jwks: Mapping[str, Any],
    web: Path,
    takeover: Takeover = EVERYTHING,
    elsewhere: Elsewhere | None = None,
) -> Router:
    """The gateway's app. The document says what is where, who may ask for it, and how often; the pages stand beside it.
    What `takeover` does not claim, and what is nowhere, goes to `elsewhere`, if there is such: `//orders` does not.

    Raises ValueError where the document is not of these services.
    """
    document = takeover.restrict(document, GATEWAY)
    own_paths = [entry.path for entry in entries(document) if entry.tag != GATEWAY]
    otherwise = OwnSpellings(own_paths, elsewhere) if elsewhere else NotFoundEndpoint()

    def endpoint(operation: AnyOperation, entry: Entry) -> ASGIApp:
        return PublicEndpoint(Binding(operation), dispatcher, verifier, clock, log, needs_token=entry.needs_token)

    own: dict[str, ASGIApp] = {
        HEALTH: Health(),
        READY: Ready(checks, elsewhere.checks if elsewhere else None),
        DOCUMENT: _Bytes(in_json(document)),
        KEYS: _Bytes(wire.encode(dict(jwks))),
    }
    by_path: dict[str, dict[str, ASGIApp]] = {}
    for entry, answers in _endpoints(document, services, own, endpoint, takeover):
        by_path.setdefault(entry.path, {})[entry.method] = Throttled(answers, Bucket(entry.throttle, clock))
    pages = [route for path, route in _pages(web, otherwise).items() if takeover.claims(path)]
    return router([*(path_route(path, by_method) for path, by_method in by_path.items()), *pages], otherwise)
