"""From a function to a service in a container, over HTTP inside the VPC. On threads, as calls of AWS are: an
asynchronous client is in no function's package, and its import would take longer than the function's whole start may.
"""

from collections.abc import AsyncIterator, Mapping
from typing import Any

from souk_chassis import wire
from souk_chassis.auth.tokens import CallTokens
from souk_chassis.aws.errors import AnswerLostError, CouldNotConnectError
from souk_chassis.aws.transport import HttpRequest, HttpTransport, Transport
from souk_chassis.context import Call
from souk_chassis.errors import timeout_unknown, unavailable
from souk_chassis.http.calls import call_headers, call_url, read_answer
from souk_chassis.operation import AnyOperation

POSTS = 16
"""Calls at once of one sandbox to services in containers; more wait for a thread."""


def http_transport() -> HttpTransport:
    """What carries such calls: one that is shared by a sandbox's callees."""
    return HttpTransport(max_calls=POSTS)


class PostingDispatcher:
    """Dispatches to the service that implements the operation, at its URL."""

    def __init__(self, transport: Transport, urls: Mapping[str, str], tokens: CallTokens) -> None:
        self._transport = transport
        self._urls = urls
        self._tokens = tokens

    async def dispatch(self, operation: AnyOperation, request: Any, call: Call) -> Any:
        """See `souk_chassis.context.Dispatcher`. What was never sent is `unavailable`; what no whole answer came for
        is `timeout_unknown`, since it may have happened."""
        call.deadline.check(sent=False)
        posted = HttpRequest(
            "POST",
            call_url(self._urls[operation.service], operation),
            call_headers(operation, call, self._tokens),
            wire.encode(request),
            repeatable=operation.idempotent,
            timeout_s=max(0.001, call.deadline.remaining_s),
        )
        try:
            response = await self._transport.send(posted)
        except CouldNotConnectError as error:
            raise unavailable("service_unavailable", f"{operation.service} can't be reached.") from error
        except AnswerLostError as error:
            raise timeout_unknown("no_answer", f"{operation.service} gave no whole answer.") from error
        return read_answer(operation, response.status, response.body, response.headers.get("retry-after", ""))

    def stream(self, operation: AnyOperation, request: Any, call: Call) -> AsyncIterator[Any]:  # noqa: ARG002 - a port's
        """Streams are for pages at the edge: no service calls one."""
        raise TypeError(f"{operation.name} is not streamed to a function")
