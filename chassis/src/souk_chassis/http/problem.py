"""Errors as problem+json (RFC 9457). The one place where a kind of error becomes an HTTP answer."""

import re
from http import HTTPStatus

import msgspec

from souk_chassis import wire
from souk_chassis.errors import ErrorKind, SoukError, invalid, timeout_unknown
from souk_chassis.observability.trace import trace_id

CONTENT_TYPE = b"application/problem+json"

_AT = re.compile(r"^(?P<text>.*?)(?: - at `(?P<path>[^`]*)`)?$", re.DOTALL)
_NAMED = re.compile(r"(?:missing required|contains unknown) field `(?P<name>[^`]*)`")


class FieldError(msgspec.Struct, frozen=True):
    """What is wrong with one field."""

    field: str
    detail: str


class Problem(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True, kw_only=True):
    """The body of an error's answer. `code` is stable; `detail` is for people."""

    type: str
    title: str
    status: int
    code: str
    detail: str
    trace_id: str
    errors: list[FieldError] = []


class EdgeError(Exception):
    """A request that no operation sees: broken JSON, too large, no such route or method."""

    def __init__(self, status: int, code: str, detail: str) -> None:
        super().__init__(detail)
        self.status = status
        self.code = code
        self.detail = detail


def status_of(error: SoukError | EdgeError) -> int:
    """The HTTP status of an error."""
    return error.status if isinstance(error, EdgeError) else error.rule.http_status


def render(error: SoukError | EdgeError, traceparent: str) -> tuple[int, list[tuple[bytes, bytes]], bytes]:
    """An error's status, headers and body."""
    status = status_of(error)
    fields = error.fields if isinstance(error, SoukError) else {}
    body = wire.encode(
        Problem(
            type=f"urn:souk:error:{error.code}",
            title=HTTPStatus(status).phrase,
            status=status,
            code=error.code,
            detail=error.detail,
            trace_id=trace_id(traceparent),
            errors=[FieldError(name, detail) for name, detail in fields.items()],
        )
    )
    headers = [(b"content-type", CONTENT_TYPE)]
    if status == HTTPStatus.UNAUTHORIZED:
        headers.append((b"www-authenticate", b'Bearer realm="souk"'))
    if isinstance(error, SoukError) and error.retry_after_s is not None:
        headers.append((b"retry-after", b"%d" % max(1, round(error.retry_after_s))))
    return status, headers, body


_KIND_BY_STATUS = {
    400: ErrorKind.INVALID,
    413: ErrorKind.INVALID,
    401: ErrorKind.UNAUTHENTICATED,
    403: ErrorKind.FORBIDDEN,
    404: ErrorKind.NOT_FOUND,
    409: ErrorKind.CONFLICT,
    422: ErrorKind.INVALID,
    429: ErrorKind.TOO_MANY,
    503: ErrorKind.UNAVAILABLE,
    504: ErrorKind.TIMEOUT_UNKNOWN,
}


def read_problem(body: bytes | str) -> Problem:
    """Read another program's error. Raises what `wire.UNREADABLE` lists."""
    return wire.decode(body, Problem)


def error_of(body: bytes | str, service: str, retry_after: str = "") -> SoukError:
    """Another service's error, as it was raised there. What can't be read is `timeout_unknown`."""
    try:
        problem = read_problem(body)
    except wire.UNREADABLE:
        return timeout_unknown("bad_answer", f"{service} answered what can't be read.")
    kind = _KIND_BY_STATUS.get(problem.status, ErrorKind.TIMEOUT_UNKNOWN)
    fields = {error.field: error.detail for error in problem.errors}
    return SoukError(kind, problem.code, problem.detail, fields, float(retry_after) if retry_after.isdigit() else None)


def refuse(error: msgspec.ValidationError) -> SoukError:
    """A request that does not fit its type, with the field that msgspec's message names."""
    match = _AT.match(str(error))
    text, path = (match["text"], match["path"] or "$") if match else (str(error), "$")
    field = path.removeprefix("$").removeprefix(".")
    if named := _NAMED.search(text):
        field = f"{field}.{named['name']}" if field else named["name"]
    return invalid("invalid_request", f"The request does not fit: {text}.", **{field or "body": text})
