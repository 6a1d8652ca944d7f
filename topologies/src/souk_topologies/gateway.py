"""The gateway: every public route of the shop behind one address, its document, its keys and its pages."""

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from importlib.metadata import version
from pathlib import Path
from typing import Any

import swagger_ui_bundle
from starlette.exceptions import HTTPException
from starlette.responses import FileResponse
from starlette.routing import BaseRoute, Mount, Router
from starlette.staticfiles import StaticFiles
from starlette.types import Message, Receive, Scope, Send

from souk_chassis import wire
from souk_chassis.auth.tokens import TokenVerifier
from souk_chassis.clock import Clock
from souk_chassis.context import Dispatcher
from souk_chassis.http.endpoint import NotFoundEndpoint, headers_of, respond
from souk_chassis.http.openapi import document
from souk_chassis.http.problem import EdgeError, render
from souk_chassis.manifest import Service
from souk_chassis.observability.logs import Log
from souk_chassis.observability.trace import accept_traceparent
from souk_chassis.operation import AnyOperation
from souk_chassis.runtimes.asgi import JSON, Check, app, operation_routes, path_route

CONTENT_POLICY = "default-src 'self'; img-src 'self' data:; frame-ancestors 'none'; base-uri 'none'"
"""Pages run nothing and load nothing that is not the shop's own."""
DOCS_POLICY = "default-src 'self'; img-src 'self' data:; style-src 'self' 'unsafe-inline'; frame-ancestors 'none'"
"""Swagger UI writes style attributes."""

DESCRIPTION = """The public API of a Souk shop. Money is given as decimal strings with two places, and numbers are
accepted. Errors are problem+json (RFC 9457) with a stable `code`. Lists answer `{"items": [...], "next": cursor|null}`.
An order's `id` or the header `Idempotency-Key` makes a repeat of `POST /orders` safe."""


def api_document(services: Sequence[Service]) -> dict[str, Any]:
    """The OpenAPI document of the whole shop."""
    operations = [operation for service in services for operation in service.implements]
    return document(operations, title="Souk", version=version("souk-topologies"), description=DESCRIPTION)


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
    """The files of a folder. What is not there, or not asked for by GET, is refused in the form of every route."""

    def __init__(self, folder: Path) -> None:
        self._files = StaticFiles(directory=folder)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await self._files(scope, receive, send)
        except HTTPException as error:
            if error.status_code != HTTPStatus.METHOD_NOT_ALLOWED:
                await NotFoundEndpoint()(scope, receive, send)
                return
            traceparent = accept_traceparent(headers_of(scope).get("traceparent"))
            refused = EdgeError(405, "method_not_allowed", f"{scope['method']} is not possible here.")
            status, headers, body = render(refused, traceparent)
            await respond(send, status, [*headers, (b"allow", b"GET, HEAD")], body)


def _page(file: Path, policy: str = CONTENT_POLICY) -> Any:
    async def serve(scope: Scope, receive: Receive, send: Send) -> None:
        await FileResponse(file)(scope, receive, send)

    return _Guarded(serve, policy)


def _pages(web: Path) -> list[BaseRoute]:
    """The storefront, the mailbox and the API page."""
    swagger = Path(swagger_ui_bundle.swagger_ui_path)
    return [
        path_route("/", {"GET": _page(web / "storefront" / "index.html")}),
        path_route("/mailbox", {"GET": _page(web / "console" / "mailbox.html")}),
        path_route("/docs", {"GET": _page(web / "console" / "docs.html", DOCS_POLICY)}),
        Mount("/static/swagger", _Guarded(_Files(swagger), DOCS_POLICY)),
        Mount("/static", _Guarded(_Files(web), CONTENT_POLICY)),
    ]


def gateway_app(
    services: Sequence[Service],
    dispatcher: Dispatcher,
    verifier: TokenVerifier,
    clock: Clock,
    log: Log,
    checks: Mapping[str, Check],
    jwks: Mapping[str, Any],
    web: Path,
) -> Router:
    """The gateway's app. The services' manifests say what it offers."""
    operations: list[AnyOperation] = [operation for service in services for operation in service.implements]
    routes: list[BaseRoute] = [
        *operation_routes(operations, dispatcher, verifier, clock, log),
        path_route("/openapi.json", {"GET": _Bytes(wire.encode(api_document(services)))}),
        path_route("/.well-known/jwks.json", {"GET": _Bytes(wire.encode(dict(jwks)))}),
        *_pages(web),
    ]
    return app(routes, checks)
