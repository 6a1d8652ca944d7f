"""What an HTTP exchange is made of, whichever server carries it: ASGI and Lambda answer alike."""

from collections.abc import Mapping
from typing import Any

import msgspec

from souk_chassis import wire
from souk_chassis.auth.identity import ANONYMOUS, Caller
from souk_chassis.auth.tokens import TokenVerifier
from souk_chassis.errors import SoukError, unauthenticated
from souk_chassis.http.problem import EdgeError, render
from souk_chassis.observability.logs import Log
from souk_chassis.operation import AnyOperation, Created

MAX_HEADERS = 32_768
"""The largest headers, in bytes, names and values together."""

Headers = list[tuple[bytes, bytes]]
Answer = tuple[int, Headers, bytes]
"""Status, headers and body."""


def check_headers(headers: Mapping[str, str]) -> None:
    """Raise EdgeError 431 where the headers are larger than `MAX_HEADERS` together."""
    if sum(map(len, headers)) + sum(map(len, headers.values())) > MAX_HEADERS:
        raise EdgeError(431, "headers_too_large", f"The headers are larger than {MAX_HEADERS} bytes.")


def caller_of(headers: Mapping[str, str], verifier: TokenVerifier) -> Caller:
    """Who is calling, by the bearer token. Raises SoukError `unauthenticated` for a token that is not valid."""
    authorization = headers.get("authorization")
    if authorization is None:
        return Caller(ANONYMOUS)
    scheme, _, token = authorization.partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise unauthenticated("invalid_token", "The Authorization header is not of the form: Bearer TOKEN.")
    return verifier.verify(token.strip())


class Answers:
    """How one operation's responses are answered."""

    def __init__(self, operation: AnyOperation) -> None:
        self._operation = operation
        fields = {field.encode_name: field.name for field in msgspec.structs.fields(operation.response)}
        template = operation.location or ""
        self._in_location = {name: field for name, field in fields.items() if f"{{{name}}}" in template}

    def __call__(self, response: Any) -> Answer:
        """The answer of a response, or of `Created`."""
        status = self._operation.status
        if isinstance(response, Created):
            response, status = response.value, 201
        headers: Headers = [(b"content-type", b"application/json"), (b"cache-control", b"no-store")]
        if self._operation.location is not None and status == 201:
            values = {name: getattr(response, field) for name, field in self._in_location.items()}
            headers.append((b"location", self._operation.location.format_map(values).encode()))
        return status, headers, wire.encode(response)


def failed(error: Exception, traceparent: str, log: Log, path: str) -> Answer:
    """The answer of a request that failed. What is unforeseen is logged, and says nothing of itself outside."""
    if not isinstance(error, SoukError | EdgeError):
        log.error("unforeseen failure", traceparent, error=error, path=path)
        return render(unforeseen(), traceparent)
    answer = render(error, traceparent)
    if answer[0] >= 500:
        log.warning("request failed", traceparent, status=answer[0], code=error.code, path=path)
    return answer


def unforeseen() -> EdgeError:
    """What is said outside of an error that nobody foresaw."""
    return EdgeError(500, "internal", "Something unforeseen happened. It was logged with this trace id.")
