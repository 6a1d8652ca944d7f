"""Operations behind Amazon API Gateway.

The gateway has routed the request by the document and asked the authorizer who is calling. What is wrong with a token
comes along with the request and is answered here, in the form of every other error.
"""

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import suppress
from typing import Any

from souk_chassis import wire
from souk_chassis.auth.access import check_access
from souk_chassis.auth.identity import ANONYMOUS, Caller, Identity, Role
from souk_chassis.context import Call, Dispatcher
from souk_chassis.errors import unauthenticated
from souk_chassis.http.binding import Binding
from souk_chassis.http.exchange import Answer, Answers, check_headers, failed
from souk_chassis.http.problem import EdgeError
from souk_chassis.http.proxy_event import Event, Incoming, as_proxy_answer, read_event
from souk_chassis.http.routing import READING
from souk_chassis.observability.logs import Log
from souk_chassis.observability.spans import SERVER, recorder
from souk_chassis.observability.trace import incoming_traceparent
from souk_chassis.operation import AnyOperation
from souk_chassis.resilience import Deadline

STREAM_S = 20.0
"""How long one answer follows what an operation streams, in seconds: API Gateway passes on whole answers, and after 30
seconds none. Whoever follows asks again, as browsers' EventSource does by itself."""


def caller_from(authorizer: Mapping[str, Any]) -> Caller:
    """Who is calling, as the authorizer has it. Raises SoukError `unauthenticated` with what it found wrong."""
    if "code" in authorizer:
        raise unauthenticated(str(authorizer["code"]), str(authorizer.get("detail", "")))
    role = Role(authorizer.get("role", Role.ANONYMOUS))
    if role is Role.ANONYMOUS:
        return Caller(ANONYMOUS)
    return Caller(Identity(role, authorizer.get("userId"), authorizer.get("orderId")))


class HttpFunction:
    """Answers the public routes of these operations."""

    def __init__(self, operations: Iterable[AnyOperation], dispatcher: Dispatcher, log: Log) -> None:
        self._routes: dict[str, tuple[Binding, Answers]] = {}
        for operation in operations:
            if (route := operation.route) is not None:
                for method in READING if route.method == "GET" else (route.method,):
                    self._routes[f"{method} {route.path}"] = Binding(operation), Answers(operation)
        self._dispatcher = dispatcher
        self._log = log

    async def __call__(self, event: Event, deadline: Deadline) -> dict[str, Any]:
        """The answer to a proxy event. Every failure becomes problem+json."""
        incoming = read_event(event)
        parent = incoming_traceparent(incoming.headers.get("traceparent"))
        span = recorder.span(incoming.route, self._log.service, SERVER, parent)
        try:
            with span:
                answer = await self._answer(incoming, span.traceparent, deadline)
        except Exception as error:  # noqa: BLE001 - the border of the program: the caller gets an answer all the same
            answer = failed(error, span.traceparent, self._log, incoming.path)
        return as_proxy_answer(answer, method=incoming.method)

    async def _answer(self, incoming: Incoming, traceparent: str, deadline: Deadline) -> Answer:
        check_headers(incoming.headers)
        if incoming.route not in self._routes:
            raise EdgeError(404, "no_such_route", "There is nothing here.")
        binding, answers = self._routes[incoming.route]
        operation = binding.operation
        caller = caller_from(incoming.authorizer)
        check_access(operation, caller)
        request = binding.read(incoming.parameters, incoming.query, incoming.headers, incoming.body())
        if operation.streams:
            call = Call(caller, traceparent, deadline.tighten(STREAM_S))
            return await _followed(self._dispatcher.stream(operation, request, call), call, self._log)
        call = Call(caller, traceparent, deadline.tighten(operation.timeout_s))
        return answers(await self._dispatcher.dispatch(operation, request, call))


async def _followed(responses: AsyncIterator[Any], call: Call, log: Log) -> Answer:
    """Server-sent events up to now, in one answer. A failure after the first is told as an event of its own, as it is
    where the status was sent already."""
    events: list[bytes] = []
    try:
        with suppress(TimeoutError):
            async with asyncio.timeout(call.deadline.remaining_s):
                async for response in responses:
                    events.append(b"data: " + wire.encode(response) + b"\n\n")  # noqa: PERF401 - what came before a failure counts
    except Exception as error:
        if not events:
            raise
        events.append(b"event: error\ndata: " + failed(error, call.traceparent, log, "stream")[2] + b"\n\n")
    return 200, [(b"content-type", b"text/event-stream"), (b"cache-control", b"no-store")], b"".join(events)
