"""The ASGI runtime: operations as routes, health and readiness, and every error as problem+json."""

from collections.abc import Iterable, Mapping

from starlette.types import ASGIApp, Receive, Scope, Send

from souk_chassis.auth.tokens import TokenVerifier
from souk_chassis.clock import Clock
from souk_chassis.context import Dispatcher
from souk_chassis.http.app import App, Route
from souk_chassis.http.binding import Binding
from souk_chassis.http.endpoint import InternalEndpoint, PublicEndpoint, respond
from souk_chassis.http.health import HEALTHY, Check, ready_answer
from souk_chassis.observability.logs import Log
from souk_chassis.operation import AnyOperation


def operation_routes(
    operations: Iterable[AnyOperation], dispatcher: Dispatcher, verifier: TokenVerifier, clock: Clock, log: Log
) -> list[Route]:
    """The public routes of these operations."""
    return [
        (
            operation.route.path,
            operation.route.method,
            PublicEndpoint(Binding(operation), dispatcher, verifier, clock, log),
        )
        for operation in operations
        if operation.route is not None
    ]


def internal_route(
    operations: Iterable[AnyOperation], dispatcher: Dispatcher, verifier: TokenVerifier, clock: Clock, log: Log
) -> Route:
    """The route by which other services call these operations."""
    endpoint = InternalEndpoint({op.name: op for op in operations}, dispatcher, verifier, clock, log)
    return "/operations/{name}", "POST", endpoint


def app(
    routes: Iterable[Route],
    checks: Mapping[str, Check],
    otherwise: ASGIApp | None = None,
    beside: Mapping[str, Check] | None = None,
) -> App:
    """An app of these routes, with `/health` and `/ready`, as `ready_answer` has it. Unmatched requests go to
    `otherwise`, or get 404."""

    async def health(_scope: Scope, _receive: Receive, send: Send) -> None:
        await respond(send, *HEALTHY)

    async def ready(_scope: Scope, _receive: Receive, send: Send) -> None:
        await respond(send, *await ready_answer(checks, beside))

    return App([("/health", "GET", health), ("/ready", "GET", ready), *routes], otherwise)
