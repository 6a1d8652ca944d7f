"""What answers where no route of Souk fits: mounted applications, applications at an address, and the legacy one."""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from contextlib import AsyncExitStack

from starlette.types import ASGIApp, Receive, Scope, Send

from souk_chassis.http.endpoint import NotFoundEndpoint, headers_of, respond
from souk_chassis.http.forwarding import forwarded
from souk_chassis.http.mount import open_app
from souk_chassis.http.problem import EdgeError, render
from souk_chassis.http.proxy import Proxy
from souk_chassis.http.spelling import Spellings
from souk_chassis.http.takeover import Takeover, covers, legacy_fault
from souk_chassis.observability.logs import Log
from souk_chassis.observability.trace import accept_traceparent

LEGACY = "legacy"


class Elsewhere:
    """Passes each request to the application of the longest path that covers its own, and answers 404 without one.

    `checks` say by name whether what is at an address is there: it may be away, and Souk's own routes answer all the
    same.
    """

    def __init__(self, apps: Mapping[str, ASGIApp], checks: Mapping[str, Callable[[], Awaitable[None]]]) -> None:
        self._apps = sorted(apps.items(), key=lambda item: -len(item[0]))
        self._nothing = NotFoundEndpoint()
        self.checks = checks

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on. An upgrade to WebSocket is refused: without it the application would answer something else."""
        path = scope.get("path", "")
        app = next((app for prefix, app in self._apps if covers(prefix, path)), self._nothing)
        headers = headers_of(scope) if scope["type"] == "http" else {}
        if app is not self._nothing and headers.get("upgrade", "").lower() == "websocket":
            error = EdgeError(501, "no_websockets", "WebSockets are not passed on.")
            await respond(send, *render(error, accept_traceparent(headers.get("traceparent"))))
            return
        await app(scope, receive, send)


class OwnSpellings:
    """Passes requests on, but for those whose path is another spelling of one of `paths`: there is nothing at it, as
    there would be nothing without another application. It stands behind the routes of `paths`."""

    def __init__(self, paths: Iterable[str], otherwise: ASGIApp) -> None:
        self._spellings = Spellings(paths)
        self._otherwise = otherwise
        self._nothing = NotFoundEndpoint()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on, or answer 404."""
        refused = scope["type"] == "http" and self._spellings.have(scope["path"])
        await (self._nothing if refused else self._otherwise)(scope, receive, send)


class _Fronted:
    """An app in this process, which is asked as if it were behind the gateway: the same headers reach it."""

    def __init__(self, app: ASGIApp, hops: int) -> None:
        self._app = app
        self._hops = hops

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            client = (scope.get("client") or ("",))[0]
            traceparent = headers_of(scope).get("traceparent", "")
            given = forwarded(scope["headers"], client, scope.get("scheme", "http"), traceparent, self._hops)
            scope = {**scope, "headers": given}
        await self._app(scope, receive, send)


async def open_elsewhere(
    takeover: Takeover, log: Log, stack: AsyncExitStack, urls: Mapping[str, str] | None = None
) -> Elsewhere:
    """Open all applications; they are closed with the stack. `urls` says where those are, by `module:attribute`, that
    have processes of their own; the rest is mounted in this one. Raises ConfigError."""
    apps: dict[str, ASGIApp] = {}
    checks: dict[str, Callable[[], Awaitable[None]]] = {}
    mounted: dict[str, _Fronted] = {}

    def passes_on(name: str, url: str) -> Proxy:
        proxy = Proxy(name, url, legacy_fault, log, hops=takeover.trusted_hops)
        stack.push_async_callback(proxy.close)
        return proxy

    addresses = {path: target for path, target in takeover.apps.items() if "://" in target}
    if takeover.legacy_url is not None:
        addresses["/"] = takeover.legacy_url
    for path, url in addresses.items():
        name = LEGACY if path == "/" else path
        apps[path] = proxy = passes_on(name, url)
        checks[name] = proxy.check
    for path, target in takeover.apps.items():
        if path in addresses:
            continue
        if urls is not None and target in urls:  # a part of the shop, which is asked as every part is
            apps[path] = passes_on(path, urls[target])
            continue
        if target not in mounted:
            mounted[target] = _Fronted(await open_app(target, Log(target), stack), takeover.trusted_hops)
        apps[path] = mounted[target]
    return Elsewhere(apps, checks)
