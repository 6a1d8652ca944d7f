"""Routes as an ASGI app."""

from collections.abc import Iterable

from starlette.types import ASGIApp, Receive, Scope, Send

from souk_chassis.http.endpoint import headers_of, respond
from souk_chassis.http.routing import Routes, refused
from souk_chassis.observability.trace import accept_traceparent

Route = tuple[str, str, ASGIApp]
"""Path, method and endpoint, which handles its own failures."""


class App:
    """Endpoints by path and method: 405 with `Allow` where a path has others. Unmatched paths go to `otherwise`, or
    get 404."""

    def __init__(self, routes: Iterable[Route], otherwise: ASGIApp | None = None) -> None:
        self._routes = Routes(routes)
        self._otherwise = otherwise

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        methods, parameters = self._routes.at(scope["path"])
        endpoint = methods.get(scope["method"]) if methods else self._otherwise
        if endpoint is not None:
            scope["path_params"] = parameters
            await endpoint(scope, receive, send)
            return
        traceparent = accept_traceparent(headers_of(scope).get("traceparent"))
        await respond(send, *refused(scope["method"], methods, traceparent))
