"""The ASGI runtime: operations as routes, health and readiness, and every error as problem+json."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence

import msgspec
from starlette.routing import BaseRoute, Route, Router
from starlette.types import ASGIApp, Receive, Scope, Send

from souk_chassis import wire
from souk_chassis.auth.tokens import TokenVerifier
from souk_chassis.clock import Clock
from souk_chassis.context import Dispatcher
from souk_chassis.errors import SoukError
from souk_chassis.http.binding import Binding
from souk_chassis.http.endpoint import InternalEndpoint, NotFoundEndpoint, PublicEndpoint, headers_of, respond
from souk_chassis.http.problem import EdgeError, render
from souk_chassis.observability.logs import Log
from souk_chassis.observability.trace import accept_traceparent
from souk_chassis.operation import AnyOperation

Check = Callable[[], Awaitable[None]]
"""Raises where something that the service needs is away."""

CHECK_TIMEOUT_S = 3.0
"""How long a readiness check may take before it counts as failed."""

JSON = [(b"content-type", b"application/json"), (b"cache-control", b"no-store")]


class Readiness(msgspec.Struct, frozen=True, omit_defaults=True):
    """The body of `/ready`. `missing` says by name what is away, and why; `degraded` what is away and not needed."""

    status: str
    missing: dict[str, str]
    degraded: dict[str, str] = {}


async def readiness(checks: Mapping[str, Check], beside: Mapping[str, Check] | None = None) -> Readiness:
    """Ask all checks at once. What `beside` finds away makes nothing unready."""

    async def ask(check: Check) -> str | None:
        try:
            async with asyncio.timeout(CHECK_TIMEOUT_S):
                await check()
        except SoukError as error:
            return error.detail
        except TimeoutError:
            return f"no answer within {CHECK_TIMEOUT_S:.0f} s"
        except Exception as error:  # noqa: BLE001 - whatever keeps it from answering, it is not ready
            return f"{type(error).__name__}: {error}"
        return None

    async def ask_all(asked: Mapping[str, Check]) -> dict[str, str]:
        answers = await asyncio.gather(*(ask(check) for check in asked.values()))
        return {name: answer for name, answer in zip(asked, answers, strict=True) if answer is not None}

    missing, degraded = await asyncio.gather(ask_all(checks), ask_all(beside or {}))
    return Readiness("unready" if missing else "ready", missing, degraded)


class Health:
    """`/health`: the process answers."""

    async def __call__(self, _scope: Scope, _receive: Receive, send: Send) -> None:
        await respond(send, 200, JSON, b'{"status":"ok"}')


class Ready:
    """`/ready`: all that it needs is there. `beside` is shown only."""

    def __init__(self, checks: Mapping[str, Check], beside: Mapping[str, Check] | None = None) -> None:
        self._checks = checks
        self._beside = beside

    async def __call__(self, _scope: Scope, _receive: Receive, send: Send) -> None:
        answer = await readiness(self._checks, self._beside)
        await respond(send, 503 if answer.missing else 200, JSON, wire.encode(answer))


class _Methods:
    """One path: an endpoint a method, and 405 with `Allow` for the rest."""

    def __init__(self, by_method: Mapping[str, ASGIApp]) -> None:
        self._by_method = dict(by_method)
        if "GET" in by_method:
            self._by_method["HEAD"] = by_method["GET"]
        self._allow = ", ".join(sorted(self._by_method)).encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        endpoint = self._by_method.get(scope["method"])
        if endpoint is not None:
            await endpoint(scope, receive, send)
            return
        traceparent = accept_traceparent(headers_of(scope).get("traceparent"))
        error = EdgeError(405, "method_not_allowed", f"{scope['method']} is not possible here.")
        status, headers, body = render(error, traceparent)
        await respond(send, status, [*headers, (b"allow", self._allow)], body)


def path_route(path: str, by_method: Mapping[str, ASGIApp]) -> Route:
    """A route whose methods we tell apart ourselves, so that 405 has our form."""
    return Route(path, endpoint=_Methods(by_method))


def operation_routes(
    operations: Iterable[AnyOperation], dispatcher: Dispatcher, verifier: TokenVerifier, clock: Clock, log: Log
) -> list[BaseRoute]:
    """The public routes of these operations. Fixed paths stand before those with parameters."""
    by_path: dict[str, dict[str, ASGIApp]] = {}
    for operation in operations:
        if operation.route is not None:
            endpoint = PublicEndpoint(Binding(operation), dispatcher, verifier, clock, log)
            by_path.setdefault(operation.route.path, {})[operation.route.method] = endpoint
    paths = sorted(by_path, key=lambda path: ("{" in path, path))
    return [path_route(path, by_path[path]) for path in paths]


def internal_route(
    operations: Iterable[AnyOperation], dispatcher: Dispatcher, verifier: TokenVerifier, clock: Clock, log: Log
) -> BaseRoute:
    """The route by which other services call these operations."""
    endpoint = InternalEndpoint({op.name: op for op in operations}, dispatcher, verifier, clock, log)
    return path_route("/operations/{name}", {"POST": endpoint})


class _Paths(Router):
    """A router that finds a path without parameters by one look, and not by trying one pattern after another."""

    def __init__(self, routes: Sequence[BaseRoute], otherwise: ASGIApp) -> None:
        super().__init__(routes, redirect_slashes=False, default=otherwise)
        self._fixed = {r.path: r.app for r in routes if isinstance(r, Route) and not r.param_convertors}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve what asks for a fixed path at once; everything else as Starlette does."""
        endpoint = self._fixed.get(scope["path"]) if scope["type"] == "http" else None
        await (endpoint or super().__call__)(scope, receive, send)


def router(routes: Sequence[BaseRoute], otherwise: ASGIApp | None = None) -> Router:
    """An app of these routes, and `otherwise` for the rest. A bare router: each endpoint handles its own failures."""
    return _Paths(routes, otherwise or NotFoundEndpoint())


def app(routes: Sequence[BaseRoute], checks: Mapping[str, Check], otherwise: ASGIApp | None = None) -> Router:
    """An app of these routes, with `/health` and `/ready`."""
    own = [path_route("/health", {"GET": Health()}), path_route("/ready", {"GET": Ready(checks)})]
    return router([*own, *routes], otherwise)
