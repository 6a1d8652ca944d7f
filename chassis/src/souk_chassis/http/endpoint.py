"""ASGI endpoints: one for an operation's public route, one for the calls of other services."""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any

import msgspec
from starlette.types import ASGIApp, Receive, Scope, Send

from souk_chassis import wire
from souk_chassis.auth.access import check_access
from souk_chassis.auth.tokens import TokenVerifier
from souk_chassis.clock import Clock
from souk_chassis.context import Call, Dispatcher
from souk_chassis.errors import SoukError, unauthenticated
from souk_chassis.http.binding import MAX_BODY, Binding
from souk_chassis.http.calls import DEADLINE_HEADER
from souk_chassis.http.exchange import Answers, Headers, caller_of, check_headers, failed, unforeseen
from souk_chassis.http.problem import EdgeError, refuse, render
from souk_chassis.http.throttle import Bucket
from souk_chassis.observability.logs import Log
from souk_chassis.observability.spans import SERVER, recorder
from souk_chassis.observability.trace import accept_traceparent, incoming_traceparent
from souk_chassis.operation import AnyOperation, Created, no_such_operation
from souk_chassis.resilience import Deadline

MAX_CALL_BODY = 4 * MAX_BODY
"""The largest body of a call between services, in bytes: what they ask of each other is longer than what people ask."""
NO_BODY = frozenset({204, 304})
"""Statuses of answers that have no body, and so no length (RFC 9110, section 8.6)."""
BODY_TIMEOUT_S = 20.0
"""How long a request's body may take to come, in seconds."""


def headers_of(scope: Scope) -> dict[str, str]:
    """The request's headers by lower-case name; the last of a repeated one counts."""
    return {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}


async def read_body(headers: dict[str, str], receive: Receive, limit: int) -> bytes:
    """The whole body. Raises EdgeError 413 as soon as it is known to be over `limit` bytes, and 408 where it does not
    come within `BODY_TIMEOUT_S`."""
    try:
        async with asyncio.timeout(BODY_TIMEOUT_S):
            return await _read_body(headers, receive, limit)
    except TimeoutError:
        raise EdgeError(408, "body_too_slow", f"The body did not come within {BODY_TIMEOUT_S:.0f} s.") from None


async def _read_body(headers: dict[str, str], receive: Receive, limit: int) -> bytes:
    too_large = EdgeError(413, "too_large", f"The body is larger than {limit} bytes.")
    with suppress(ValueError):
        if int(headers.get("content-length", "0")) > limit:
            raise too_large
    chunks: list[bytes] = []
    size, more = 0, True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise EdgeError(400, "disconnected", "The client went away.")
        chunk: bytes = message.get("body", b"")
        size += len(chunk)
        if size > limit:
            raise too_large
        chunks.append(chunk)
        more = message.get("more_body", False)
    return chunks[0] if len(chunks) == 1 else b"".join(chunks)


async def respond(send: Send, status: int, headers: Headers, body: bytes) -> None:
    """Send a whole answer."""
    if status not in NO_BODY:
        headers = [*headers, (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def _send_events(send: Send, responses: AsyncIterator[Any], log: Log, traceparent: str) -> None:
    """Server-sent events (https://html.spec.whatwg.org/multipage/server-sent-events.html). A failure after the start
    is told as an event of its own, since the status is sent already."""
    started = False
    headers = [(b"content-type", b"text/event-stream"), (b"cache-control", b"no-store")]
    try:
        async for response in responses:
            if not started:
                await send({"type": "http.response.start", "status": 200, "headers": headers})
                started = True
            await send(
                {"type": "http.response.body", "body": b"data: " + wire.encode(response) + b"\n\n", "more_body": True}
            )
    except SoukError as error:
        if not started:
            raise
        log.warning("stream broke off", traceparent, code=error.code)
        await _send_error_event(send, error, traceparent)
        return
    except Exception as error:
        if not started:
            raise
        log.error("unforeseen failure", traceparent, error=error)
        await _send_error_event(send, unforeseen(), traceparent)
        return
    if not started:
        await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": b""})


async def _send_error_event(send: Send, error: SoukError | EdgeError, traceparent: str) -> None:
    body = b"event: error\ndata: " + render(error, traceparent)[2] + b"\n\n"
    await send({"type": "http.response.body", "body": body})


class _Guarded(ABC):
    """What both endpoints share: every failure becomes problem+json, and what is unforeseen is logged."""

    def __init__(self, span_name: str, dispatcher: Dispatcher, verifier: TokenVerifier, clock: Clock, log: Log) -> None:
        self.span_name = span_name
        self.dispatcher = dispatcher
        self.verifier = verifier
        self.clock = clock
        self.log = log

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = headers_of(scope)
        span = recorder.span(self.span_name, self.log.service, SERVER, incoming_traceparent(headers.get("traceparent")))
        traceparent = span.traceparent
        try:
            with span:
                check_headers(headers)
                await self.handle(scope, headers, traceparent, receive, send)
        except Exception as error:  # noqa: BLE001 - the border of the program: the caller gets an answer all the same
            await respond(send, *failed(error, traceparent, self.log, scope["path"]))

    @abstractmethod
    async def handle(
        self, scope: Scope, headers: dict[str, str], traceparent: str, receive: Receive, send: Send
    ) -> None:
        """Answer the request. Raises SoukError or EdgeError."""


class PublicEndpoint(_Guarded):
    """The public route of one operation."""

    def __init__(
        self, binding: Binding, dispatcher: Dispatcher, verifier: TokenVerifier, clock: Clock, log: Log
    ) -> None:
        route = binding.operation.route
        span_name = f"{route.method} {route.path}" if route else binding.operation.name
        super().__init__(span_name, dispatcher, verifier, clock, log)
        self.binding = binding
        self.operation: AnyOperation = binding.operation
        self.answers = Answers(binding.operation)

    async def handle(
        self, scope: Scope, headers: dict[str, str], traceparent: str, receive: Receive, send: Send
    ) -> None:
        """Verify the caller before anything of the request is read."""
        operation = self.operation
        caller = caller_of(headers, self.verifier)
        check_access(operation, caller)
        body = await read_body(headers, receive, MAX_BODY)
        request = self.binding.read(scope.get("path_params", {}), scope["query_string"], headers, body)
        call = Call(caller, traceparent, Deadline.after(operation.timeout_s, self.clock))
        if operation.streams:
            await _send_events(send, self.dispatcher.stream(operation, request, call), self.log, traceparent)
            return
        response = await self.dispatcher.dispatch(operation, request, call)
        await respond(send, *self.answers(response))


class InternalEndpoint(_Guarded):
    """`POST /operations/{name}`: a call from another service or from the gateway, with a token for this service."""

    def __init__(
        self,
        operations: dict[str, AnyOperation],
        dispatcher: Dispatcher,
        verifier: TokenVerifier,
        clock: Clock,
        log: Log,
    ) -> None:
        super().__init__("POST /operations/{name}", dispatcher, verifier, clock, log)
        self.operations = operations

    async def handle(
        self, scope: Scope, headers: dict[str, str], traceparent: str, receive: Receive, send: Send
    ) -> None:
        """The body is the whole request; path and query play no part."""
        caller = caller_of(headers, self.verifier)
        if caller.service is None:
            raise unauthenticated("invalid_token", "This route is for services: it needs a token for this service.")
        operation = self.operations.get(scope["path_params"]["name"])
        if operation is None:
            raise no_such_operation(scope["path_params"]["name"])
        body = await read_body(headers, receive, MAX_CALL_BODY)
        try:
            request = wire.decode(body, operation.request)
        except msgspec.ValidationError as error:
            raise refuse(error) from None
        except wire.UNREADABLE as error:
            raise EdgeError(400, "malformed_json", f"The body is no JSON: {error}.") from None
        call = Call(caller, traceparent, Deadline.after(_remaining_s(headers, operation), self.clock))
        if operation.streams:
            await _send_events(send, self.dispatcher.stream(operation, request, call), self.log, traceparent)
            return
        response = await self.dispatcher.dispatch(operation, request, call)
        value, status = (response.value, 201) if isinstance(response, Created) else (response, 200)
        await respond(send, status, [(b"content-type", b"application/json")], wire.encode(value))


def _remaining_s(headers: dict[str, str], operation: AnyOperation) -> float:
    try:
        remaining_s = int(headers.get(DEADLINE_HEADER, "")) / 1000
    except ValueError:
        return operation.timeout_s
    return min(remaining_s, operation.timeout_s)


class Throttled:
    """An endpoint that answers as often as its bucket allows, and 429 otherwise. Nothing is read of what is refused."""

    def __init__(self, inner: ASGIApp, bucket: Bucket) -> None:
        self._inner = inner
        self._bucket = bucket

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            self._bucket.take()
        except SoukError as error:
            traceparent = accept_traceparent(headers_of(scope).get("traceparent"))
            await respond(send, *render(error, traceparent))
            return
        await self._inner(scope, receive, send)


__all__ = [
    "NO_BODY",
    "InternalEndpoint",
    "PublicEndpoint",
    "Throttled",
    "headers_of",
    "read_body",
    "respond",
]
