"""Calls between services that are functions: the caller's side, and the callee's.

A call is one synchronous invocation of the callee's own function for calls, which only those roles may invoke whose
service declares the call. It carries a token for that callee as every call does, so that the callee need not take the
caller's word for who is asking.
"""

from collections.abc import AsyncIterator, Iterable, Mapping
from typing import Any

import msgspec

from souk_chassis import wire
from souk_chassis.auth.tokens import CallTokens, TokenVerifier
from souk_chassis.aws.functions import Functions
from souk_chassis.context import Call, Dispatcher
from souk_chassis.errors import timeout_unknown, unauthenticated
from souk_chassis.http.calls import read_answer
from souk_chassis.http.exchange import failed
from souk_chassis.http.problem import EdgeError, refuse
from souk_chassis.observability.logs import Log
from souk_chassis.observability.trace import accept_traceparent, incoming_traceparent
from souk_chassis.operation import AnyOperation, Created, no_such_operation
from souk_chassis.resilience import Deadline


class CallMessage(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    """A call as it travels. `request` is JSON in a string: it is read once, as the operation's own type."""

    operation: str
    request: str
    token: str
    deadline_ms: int
    traceparent: str


class CallAnswer(msgspec.Struct, frozen=True, rename="camel"):
    """Its answer: the response, or the problem, as JSON in a string, with its HTTP status."""

    status: int
    body: str
    retry_after: str = ""


class InvokingDispatcher:
    """Dispatches to the function of the service that implements the operation."""

    def __init__(self, functions: Functions, names: Mapping[str, str], tokens: CallTokens) -> None:
        self._functions = functions
        self._names = names
        self._tokens = tokens

    async def dispatch(self, operation: AnyOperation, request: Any, call: Call) -> Any:
        """See `souk_chassis.context.Dispatcher`."""
        call.deadline.check(sent=False)
        remaining_s = call.deadline.remaining_s
        message = CallMessage(
            operation.name,
            wire.encode(request).decode(),
            self._tokens.token(call.caller.identity, operation.service),
            int(remaining_s * 1000),
            call.traceparent,
        )
        name = self._names[operation.service]
        invoked = await self._functions.invoke(name, wire.encode(message), timeout_s=max(0.001, remaining_s))
        if invoked.function_error:
            raise timeout_unknown("function_failed", f"{operation.service} broke off.")
        try:
            answer = wire.decode(invoked.payload, CallAnswer)
        except wire.UNREADABLE as error:
            raise timeout_unknown("bad_answer", f"{operation.service} answered what can't be read.") from error
        return read_answer(operation, answer.status, answer.body, answer.retry_after)

    def stream(self, operation: AnyOperation, request: Any, call: Call) -> AsyncIterator[Any]:  # noqa: ARG002 - a port's
        """Streams are for pages at the edge: no service calls one."""
        raise TypeError(f"{operation.name} is not streamed between functions")


class CallsFunction:
    """Answers the calls of other services."""

    def __init__(
        self, operations: Iterable[AnyOperation], dispatcher: Dispatcher, verifier: TokenVerifier, log: Log
    ) -> None:
        self._operations = {operation.name: operation for operation in operations}
        self._dispatcher = dispatcher
        self._verifier = verifier
        self._log = log

    async def __call__(self, event: Mapping[str, Any], deadline: Deadline) -> dict[str, Any]:
        """The answer to a call. Every failure becomes a problem, as it does over HTTP."""
        traceparent, operation = accept_traceparent(None), ""
        try:
            message = _message(event)
            traceparent = accept_traceparent(message.traceparent)
            operation = message.operation
            response = await self._respond(message, deadline)
        except Exception as error:  # noqa: BLE001 - the border of the program: the caller gets an answer all the same
            status, headers, body = failed(error, traceparent, self._log, operation)
            return _answer(CallAnswer(status, body.decode(), dict(headers).get(b"retry-after", b"").decode()))
        status = 201 if isinstance(response, Created) else 200
        value = response.value if isinstance(response, Created) else response
        return _answer(CallAnswer(status, wire.encode(value).decode()))

    async def _respond(self, message: CallMessage, deadline: Deadline) -> Any:
        caller = self._verifier.verify(message.token)
        if caller.service is None:
            raise unauthenticated("invalid_token", "This function is for services: it needs a token for this service.")
        operation = self._operations.get(message.operation)
        if operation is None:
            raise no_such_operation(message.operation)
        try:
            request = wire.decode(message.request, operation.request)
        except msgspec.ValidationError as error:
            raise refuse(error) from None
        except wire.UNREADABLE as error:
            raise EdgeError(400, "malformed_json", f"The request is no JSON: {error}.") from None
        limit = deadline.tighten(min(message.deadline_ms / 1000, operation.timeout_s))
        return await self._dispatcher.dispatch(
            operation, request, Call(caller, incoming_traceparent(message.traceparent), limit)
        )


def _message(event: Mapping[str, Any]) -> CallMessage:
    try:
        return msgspec.convert(event, CallMessage)
    except msgspec.ValidationError as error:
        raise refuse(error) from None


def _answer(answer: CallAnswer) -> dict[str, Any]:
    built: dict[str, Any] = msgspec.to_builtins(answer)
    return built
