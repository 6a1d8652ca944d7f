"""The edge as an ASGI app. What answers a service's operation, a dispatcher or an address, is given to it."""

from collections.abc import Callable, Iterable

from starlette.types import ASGIApp, Receive, Scope, Send

from souk_chassis.auth.tokens import TokenVerifier
from souk_chassis.clock import Clock
from souk_chassis.context import Dispatcher
from souk_chassis.edge.edge import GATEWAY, Edge
from souk_chassis.http.app import App
from souk_chassis.http.binding import Binding
from souk_chassis.http.endpoint import PublicEndpoint, Throttled, headers_of, respond
from souk_chassis.http.routing import Entry
from souk_chassis.http.throttle import Bucket
from souk_chassis.observability.logs import Log
from souk_chassis.operation import Access, AnyOperation, Route

Answering = Callable[[Entry], ASGIApp]
"""Gives what answers an operation of the document."""


def edge_app(edge: Edge, answering: Answering, fallback: ASGIApp, clock: Clock) -> App:
    """The edge, to be served: every operation of its document, as often as that allows, and all that `Edge` answers.
    `fallback` gets what is another application's."""

    async def rest(scope: Scope, receive: Receive, send: Send) -> None:
        answer = await edge.answer(scope["method"], scope["path"], headers_of(scope))
        if answer is None:
            await fallback(scope, receive, send)
        else:
            await respond(send, *answer)

    def throttled(entry: Entry) -> ASGIApp:
        endpoint = rest if entry.tag == GATEWAY else answering(entry)
        return Throttled(endpoint, Bucket(entry.throttle, clock))

    return App([(entry.path, entry.method, throttled(entry)) for entry in edge.entries], rest)


def dispatching(
    edge: Edge,
    operations: Iterable[AnyOperation],
    dispatcher: Dispatcher,
    verifier: TokenVerifier,
    clock: Clock,
    log: Log,
) -> Answering:
    """Operations are bound, and their callers verified, in this process; `dispatcher` knows where they are implemented.

    Raises ValueError where the edge's document differs from the operations that it claims, or in who is let in.
    """
    claimed = {op.name: op for op in operations if op.route and edge.takeover.claims(op.route.path)}
    offered = {(op.name, op.route, op.access is not Access.PUBLIC) for op in claimed.values()}
    of_services = [entry for entry in edge.entries if entry.tag != GATEWAY]
    described = {(each.operation_id, Route(each.method, each.path), each.needs_token) for each in of_services}
    if offered != described:
        raise ValueError(f"the document is not of these services: {offered ^ described}")
    return lambda entry: PublicEndpoint(Binding(claimed[entry.operation_id]), dispatcher, verifier, clock, log)
