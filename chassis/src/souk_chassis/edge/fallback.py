"""Other applications, which get the requests that Souk has no route for: mounted here, or at an address."""

from collections.abc import Mapping
from contextlib import AsyncExitStack

from starlette.types import ASGIApp, Receive, Scope, Send

from souk_chassis.edge.forwarding import forwarded
from souk_chassis.edge.mount import open_app
from souk_chassis.edge.proxy import Proxy
from souk_chassis.edge.takeover import LEGACY_FAULTS, Takeover, covers
from souk_chassis.http.endpoint import headers_of, respond
from souk_chassis.http.health import Check
from souk_chassis.http.problem import EdgeError, render
from souk_chassis.observability.logs import Log
from souk_chassis.observability.trace import accept_traceparent

LEGACY = "legacy"


class Fallback:
    """Passes each request to the application of the longest path that covers its own: there must be one.

    `checks` say by name whether the application at an address can be reached: Souk's own routes don't depend on it.
    """

    def __init__(self, apps: Mapping[str, ASGIApp], checks: Mapping[str, Check]) -> None:
        self._apps = sorted(apps.items(), key=lambda item: -len(item[0]))
        self.checks = checks

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on. An upgrade to WebSocket is refused: without it the application would answer something else."""
        headers = headers_of(scope)
        if headers.get("upgrade", "").lower() == "websocket":
            error = EdgeError(501, "no_websockets", "WebSockets are not passed on.")
            await respond(send, *render(error, accept_traceparent(headers.get("traceparent"))))
            return
        app = next(app for prefix, app in self._apps if covers(prefix, scope["path"]))
        await app(scope, receive, send)


class _Fronted:
    """An app in this process, which gets the headers that one behind the gateway gets."""

    def __init__(self, app: ASGIApp, hops: int) -> None:
        self._app = app
        self._hops = hops

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        client = (scope.get("client") or ("",))[0]
        traceparent = headers_of(scope).get("traceparent", "")
        given = forwarded(scope["headers"], client, scope.get("scheme", "http"), traceparent, self._hops)
        await self._app({**scope, "headers": given}, receive, send)


async def open_fallback(takeover: Takeover, log: Log, stack: AsyncExitStack) -> Fallback:
    """Open all applications, which are closed with the stack: those at an address, and those that are mounted in this
    process. Raises ConfigError."""
    targets = {**takeover.apps, **({} if takeover.legacy_url is None else {"/": takeover.legacy_url})}
    apps: dict[str, ASGIApp] = {}
    checks: dict[str, Check] = {}
    mounted: dict[str, _Fronted] = {}
    for path, target in targets.items():
        if "://" in target:
            name = LEGACY if path == "/" else path
            apps[path] = proxy = Proxy(name, target, LEGACY_FAULTS, log, hops=takeover.trusted_hops)
            stack.push_async_callback(proxy.close)
            checks[name] = proxy.check
            continue
        if target not in mounted:
            mounted[target] = _Fronted(await open_app(target, Log(target), stack), takeover.trusted_hops)
        apps[path] = mounted[target]
    return Fallback(apps, checks)
