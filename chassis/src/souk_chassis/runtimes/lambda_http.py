"""Operations behind Amazon API Gateway: proxy events of payload 2.0 (HTTP APIs) and 1.0 (REST APIs), and their answers.

The gateway has routed the request by the document and asked the authorizer who is calling. What is wrong with a token
comes along with the request and is answered here, in the form of every other error.
"""

import asyncio
import base64
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import suppress
from typing import Any
from urllib.parse import urlencode

import msgspec

from souk_chassis import wire
from souk_chassis.auth.access import check_access
from souk_chassis.auth.identity import ANONYMOUS, Caller, Identity, Role
from souk_chassis.context import Call, Dispatcher
from souk_chassis.errors import unauthenticated
from souk_chassis.http.binding import MAX_BODY, Binding
from souk_chassis.http.exchange import Answer, Answers, check_headers, failed
from souk_chassis.http.problem import EdgeError
from souk_chassis.observability.logs import Log
from souk_chassis.observability.spans import SERVER, recorder
from souk_chassis.observability.trace import incoming_traceparent
from souk_chassis.operation import AnyOperation
from souk_chassis.resilience import Deadline

STREAM_S = 20.0
"""How long one answer follows what an operation streams, in seconds: API Gateway passes on whole answers, and after 30
seconds none. Whoever follows asks again, as browsers' EventSource does by itself."""

Event = Mapping[str, Any]
"""What API Gateway hands to a function, read as JSON."""


class Incoming(msgspec.Struct, frozen=True):
    """A request, whichever payload brought it. `route` is as in the document, such as `GET /orders/{orderId}`."""

    route: str
    method: str
    path: str
    parameters: Mapping[str, str]
    query: bytes
    headers: Mapping[str, str]
    authorizer: Mapping[str, Any]
    event: Event

    def body(self, limit: int = MAX_BODY) -> bytes:
        """The body. Raises EdgeError 413 for one over `limit` bytes, 400 for one that is not as its event says."""
        text: str = self.event.get("body") or ""
        too_large = EdgeError(413, "too_large", f"The body is larger than {limit} bytes.")
        if len(text) > 2 * limit:
            raise too_large
        try:
            body = base64.b64decode(text, validate=True) if self.event.get("isBase64Encoded") else text.encode()
        except ValueError:  # base64 that is none, and surrogates
            raise EdgeError(400, "malformed_json", "The body is not encoded as it should be.") from None
        if len(body) > limit:
            raise too_large
        return body


def is_http(event: Event) -> bool:
    """Whether API Gateway sent it."""
    return "requestContext" in event and ("routeKey" in event or "httpMethod" in event)


def read_event(event: Event) -> Incoming:
    """The request in a proxy event of either payload."""
    context: Event = event["requestContext"]
    given = {name.lower(): value for name, value in (event.get("headers") or {}).items()}
    authorizer: Event = context.get("authorizer") or {}
    if "httpMethod" in event:
        pairs = event.get("multiValueQueryStringParameters") or {}
        spread = [(name, value) for name, values in pairs.items() for value in values]
        query = urlencode(spread, errors="surrogatepass")
        method, path = event["httpMethod"], event["path"]
        route = f"{method} {event.get('resource') or path}"
    else:
        query, route, path = event.get("rawQueryString") or "", event["routeKey"], event.get("rawPath") or ""
        method = context["http"]["method"]
        authorizer = authorizer.get("lambda") or {}
        path = _without_stage(path, context.get("stage") or "$default")
    parameters = event.get("pathParameters") or {}
    # A lone surrogate is no UTF-8: the binding says so.
    return Incoming(route, method, path, parameters, query.encode(errors="surrogatepass"), given, authorizer, event)


def _without_stage(path: str, stage: str) -> str:
    """Paths of payload 2.0 begin with their stage's name, unless it is `$default` or a domain name stands for it."""
    return path.removeprefix(f"/{stage}") if path.startswith(f"/{stage}/") else path


def caller_from(authorizer: Mapping[str, Any]) -> Caller:
    """Who is calling, as the authorizer has it. Raises SoukError `unauthenticated` with what it found wrong."""
    if "code" in authorizer:
        raise unauthenticated(str(authorizer["code"]), str(authorizer.get("detail", "")))
    role = Role(authorizer.get("role", Role.ANONYMOUS))
    if role is Role.ANONYMOUS:
        return Caller(ANONYMOUS)
    return Caller(Identity(role, authorizer.get("userId"), authorizer.get("orderId")))


def as_proxy_answer(answer: Answer, *, binary: bool = False) -> dict[str, Any]:
    """An answer as both payloads want it. Names of headers are given once each; a `binary` body need be no UTF-8."""
    status, headers, body = answer
    return {
        "statusCode": status,
        "headers": {name.decode("latin-1"): value.decode("latin-1") for name, value in headers},
        "body": base64.b64encode(body).decode() if binary else body.decode(),
        "isBase64Encoded": binary,
    }


class HttpFunction:
    """Answers the public routes of these operations."""

    def __init__(self, operations: Iterable[AnyOperation], dispatcher: Dispatcher, log: Log) -> None:
        public = [operation for operation in operations if operation.route is not None]
        self._routes = {f"{op.route.method} {op.route.path}": (Binding(op), Answers(op)) for op in public if op.route}
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
        return as_proxy_answer(answer)

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
