"""The legacy application behind the gateway's function: on threads, as calls of AWS are, since an asynchronous client
is in no function's package. Requests and answers are whole, and at most 6 MB: API Gateway and Lambda know no others.
"""

import base64
import re
from collections.abc import Awaitable
from typing import Any

import msgspec

from souk_chassis.aws.errors import AnswerLostError, CouldNotConnectError
from souk_chassis.aws.transport import HttpRequest, HttpResponse, HttpTransport, Transport
from souk_chassis.edge.forwarding import (
    SAFE_METHODS,
    FailedAnswerError,
    check_breaker,
    end_to_end,
    forwarded,
    target_of,
)
from souk_chassis.edge.takeover import LEGACY_FAULTS
from souk_chassis.errors import SoukError, timeout_unknown, unavailable
from souk_chassis.http.exchange import check_headers, failed
from souk_chassis.http.proxy_event import Incoming, as_proxy_answer
from souk_chassis.observability.logs import Log
from souk_chassis.observability.spans import CLIENT, recorder
from souk_chassis.observability.trace import incoming_traceparent
from souk_chassis.resilience import Deadline, Pipeline, Policy

MAX_REQUEST = 6_291_456
"""The largest body of a request that is passed on, in bytes: Lambda takes no larger event."""
MAX_ANSWER = 4_194_304
"""The largest answer that is passed on, in bytes: in Base64 it is just under the 6 MB that Lambda returns."""
POLICY = Policy(timeout_s=28.0, attempts=1, min_volume=3, window_s=60.0, slow_call_s=28.0, slow_rate=1.0)
"""A sandbox has one request at a time, so its breaker judges on few of them. Each sandbox has its own."""
_TEXT = ("text/", "application/json", "application/problem+json", "application/javascript", "application/xml")


class LegacyFunction:
    """Passes proxy events on to the application at `url`, an address without a path."""

    def __init__(self, url: str, log: Log, policy: Policy = POLICY, transport: Transport | None = None) -> None:
        self._url = url
        self._log = log
        self._transport = transport or HttpTransport(timeout_s=policy.timeout_s)
        self._pipeline = Pipeline("legacy", policy)

    async def check(self) -> None:
        """Raises SoukError `unavailable` where the application has been failing, as far as this sandbox knows."""
        check_breaker(self._pipeline)

    async def __call__(self, incoming: Incoming, deadline: Deadline) -> dict[str, Any]:
        """The answer to a proxy event: the application's own, whatever its status, or a problem where it gave none."""
        parent = incoming_traceparent(incoming.headers.get("traceparent"))
        span = recorder.span(f"{incoming.method} legacy", self._log.service, CLIENT, parent)
        try:
            with span:
                check_headers(incoming.headers)
                return _as_proxy_answer(await self._ask(_request(self._url, incoming, span.traceparent), deadline))
        except Exception as error:  # noqa: BLE001 - the border of the program: the caller gets an answer all the same
            return as_proxy_answer(failed(error, span.traceparent, self._log, incoming.path))

    async def _ask(self, request: HttpRequest, deadline: Deadline) -> HttpResponse:
        def attempt(limit: Deadline) -> Awaitable[HttpResponse]:
            return self._send(msgspec.structs.replace(request, timeout_s=limit.remaining_s))

        try:
            response = await self._pipeline.call(attempt, deadline=deadline, idempotent=False)
        except FailedAnswerError as failure:
            response = failure.response
        except SoukError as error:
            raise LEGACY_FAULTS.of(error) from error
        if len(response.body) > MAX_ANSWER:
            raise LEGACY_FAULTS.of(timeout_unknown("bad_answer", "It is too large."))
        return response

    async def _send(self, request: HttpRequest) -> HttpResponse:
        try:
            response = await self._transport.send(request)
        except CouldNotConnectError as error:
            raise unavailable("connection_refused", "The application can't be reached.") from error
        except AnswerLostError as error:
            raise timeout_unknown("connection_lost", "The application gave no whole answer.") from error
        if response.status >= 500:
            raise FailedAnswerError(response)
        return response


def _request(url: str, incoming: Incoming, traceparent: str) -> HttpRequest:
    """The request as the application gets it. API Gateway has decoded the path; what can't stand in a request's line
    is encoded anew. It answers by HTTPS alone."""
    http = incoming.event["requestContext"].get("http", {})
    given = [(name.encode(), value.encode("utf-8", "surrogateescape")) for name, value in incoming.headers.items()]
    cookies = "; ".join(incoming.event.get("cookies") or ())
    if cookies:
        given = [*((name, value) for name, value in given if name != b"cookie"), (b"cookie", cookies.encode())]
    headers = {
        name.decode(): value.decode("latin-1")
        for name, value in forwarded(given, http.get("sourceIp", ""), "https", traceparent)
        if name != b"content-length"
    }
    path = re.sub(r"%(?![0-9A-Fa-f]{2})", "%25", incoming.path)
    target = target_of(path.encode("utf-8", "surrogatepass"), incoming.query)
    repeatable = incoming.method in SAFE_METHODS
    return HttpRequest(incoming.method, url + target, headers, incoming.body(MAX_REQUEST), repeatable=repeatable)


def _as_proxy_answer(response: HttpResponse) -> dict[str, Any]:
    """As payload 2.0 wants it: cookies apart, and what is no text in Base64."""
    raw = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in response.all_headers]
    kept = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in end_to_end(raw)]
    headers: dict[str, str] = {}
    for name, value in kept:
        if name not in {"set-cookie", "content-length", "date"}:
            headers[name] = f"{headers[name]}, {value}" if name in headers else value
    is_text = headers.get("content-type", "").startswith(_TEXT) and "content-encoding" not in headers
    try:
        body = response.body.decode() if is_text else base64.b64encode(response.body).decode()
    except UnicodeDecodeError:
        is_text, body = False, base64.b64encode(response.body).decode()
    return {
        "statusCode": response.status,
        "headers": headers,
        "cookies": [value for name, value in kept if name == "set-cookie"],
        "body": body,
        "isBase64Encoded": not is_text,
    }
