"""A call to another service as HTTP: the request's headers, and what its answer means. Others send it."""

from typing import Any

from souk_chassis import wire
from souk_chassis.auth.tokens import CallTokens
from souk_chassis.config import ConfigError, read_json
from souk_chassis.context import Call
from souk_chassis.errors import timeout_unknown
from souk_chassis.http.problem import error_of
from souk_chassis.operation import NO_SUCH_OPERATION, AnyOperation, Created, no_such_operation

DEADLINE_HEADER = "souk-deadline-ms"
"""How many milliseconds are left of the caller's deadline."""


def read_urls(text: str, variable: str = "SOUK_URLS") -> dict[str, str]:
    """Base URLs by the service's name, without a slash at the end. Raises ConfigError that names the variable."""
    urls: dict[str, str] = read_json(variable, text, dict[str, str])
    for name, url in urls.items():
        if not url.startswith(("http://", "https://")):
            raise ConfigError(f"{variable}: {url!r}, where {name} is, is no address")
    return {name: url.rstrip("/") for name, url in urls.items()}


def call_url(base: str, operation: AnyOperation) -> str:
    """Where a service that is at `base` answers the operation."""
    return f"{base}/operations/{operation.name}"


def call_headers(operation: AnyOperation, call: Call, tokens: CallTokens) -> dict[str, str]:
    """Who is asking, by a token for that service alone, in which trace, and how long he waits."""
    return {
        "authorization": f"Bearer {tokens.token(call.caller.identity, operation.service)}",
        "content-type": "application/json",
        "traceparent": call.traceparent,
        DEADLINE_HEADER: str(int(call.deadline.remaining_s * 1000)),
    }


def read_answer(operation: AnyOperation, status: int, body: bytes | str, retry_after: str = "") -> Any:
    """The response. Raises the error that was raised there, or `timeout_unknown` for what can't be read."""
    if status >= 400:
        error = error_of(body, operation.service, retry_after)
        # Earlier versions of a callee answer 404.
        raise no_such_operation(operation.name) if error.code == NO_SUCH_OPERATION else error
    value = read_response(operation, body)
    return Created(value) if status == 201 else value


def read_response(operation: AnyOperation, body: bytes | str) -> Any:
    """The body of a success. Raises `timeout_unknown` where it can't be read."""
    try:
        return wire.decode(body, operation.response)
    except wire.UNREADABLE as error:
        raise timeout_unknown("bad_answer", f"{operation.service} answered what can't be read.") from error
