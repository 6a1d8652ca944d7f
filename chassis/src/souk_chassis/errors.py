"""What can go wrong, in a few kinds.

A service raises a `SoukError` of a kind with a stable code; what the kind means for HTTP, for a retry and for a
circuit breaker stands in one table here, so that no service decides it again. Knows no transport.
"""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Final, NamedTuple

import msgspec


class ErrorKind(StrEnum):
    """What sort of failure it is, as the one who asked must take it."""

    INVALID = "invalid"
    """The request is wrong, and stays wrong when it is repeated."""
    NOT_FOUND = "not_found"
    """What was asked for does not exist."""
    CONFLICT = "conflict"
    """The state of things forbids it now."""
    FORBIDDEN = "forbidden"
    """The caller is known and may not."""
    UNAUTHENTICATED = "unauthenticated"
    """The caller is not known."""
    TOO_MANY = "too_many"
    """The caller asks too often. Nothing happened."""
    UNAVAILABLE = "unavailable"
    """It cannot be done now. Nothing happened."""
    TIMEOUT_UNKNOWN = "timeout_unknown"
    """No answer came. It may have happened: ask, do not guess."""


class KindRule(NamedTuple):
    """What a kind means to those who handle errors."""

    http_status: int
    """The status of the answer (RFC 9110; 429 is RFC 6585)."""
    retryable: bool
    """The same request may succeed later. For `timeout_unknown` only where a repeat does no harm."""
    breaker_counts: bool
    """It speaks against the dependency's health. A caller's mistake does not."""


KIND_RULES: Final[Mapping[ErrorKind, KindRule]] = MappingProxyType(
    {
        ErrorKind.INVALID: KindRule(422, retryable=False, breaker_counts=False),
        ErrorKind.NOT_FOUND: KindRule(404, retryable=False, breaker_counts=False),
        ErrorKind.CONFLICT: KindRule(409, retryable=False, breaker_counts=False),
        ErrorKind.FORBIDDEN: KindRule(403, retryable=False, breaker_counts=False),
        ErrorKind.UNAUTHENTICATED: KindRule(401, retryable=False, breaker_counts=False),
        ErrorKind.TOO_MANY: KindRule(429, retryable=True, breaker_counts=False),
        ErrorKind.UNAVAILABLE: KindRule(503, retryable=True, breaker_counts=True),
        ErrorKind.TIMEOUT_UNKNOWN: KindRule(504, retryable=True, breaker_counts=True),
    }
)
"""The one table of kinds. Every kind has its row."""


class SoukError(Exception):
    """A failure that the caller is told of.

    `code` is stable, in snake_case, for programs; `detail` is a sentence for people. `fields` says by name which parts
    of the request are meant, and why. `retry_after_s`, in seconds, is how long to wait before the next try, if known.
    """

    def __init__(
        self,
        kind: ErrorKind,
        code: str,
        detail: str,
        fields: Mapping[str, str] | None = None,
        retry_after_s: float | None = None,
    ) -> None:
        super().__init__(kind, code, detail)
        self.kind = kind
        self.code = code
        self.detail = detail
        self.fields: Mapping[str, str] = dict(fields or {})
        self.retry_after_s = retry_after_s

    @property
    def rule(self) -> KindRule:
        """What this error's kind means."""
        return KIND_RULES[self.kind]

    def __str__(self) -> str:
        return f"{self.kind} ({self.code}): {self.detail}"


class ErrorType(msgspec.Struct, frozen=True):
    """An error that an operation declares: its kind, its code and a title that does not vary. Call it to make one."""

    kind: ErrorKind
    code: str
    title: str

    def __call__(self, detail: str | None = None, /, **fields: str) -> SoukError:
        """The error, ready to be raised; `detail` is the title unless given."""
        return SoukError(self.kind, self.code, self.title if detail is None else detail, fields)

    def after(self, retry_after_s: float | None) -> SoukError:
        """The error for a client that may try again after that many seconds, if it is known how many."""
        return SoukError(self.kind, self.code, self.title, retry_after_s=retry_after_s)


def invalid(code: str, detail: str, /, **fields: str) -> SoukError:
    """The request is wrong."""
    return SoukError(ErrorKind.INVALID, code, detail, fields)


def not_found(code: str, detail: str, /, **fields: str) -> SoukError:
    """What was asked for does not exist."""
    return SoukError(ErrorKind.NOT_FOUND, code, detail, fields)


def conflict(code: str, detail: str, /, **fields: str) -> SoukError:
    """The state of things forbids it now."""
    return SoukError(ErrorKind.CONFLICT, code, detail, fields)


def forbidden(code: str, detail: str, /, **fields: str) -> SoukError:
    """The caller is known and may not."""
    return SoukError(ErrorKind.FORBIDDEN, code, detail, fields)


def unauthenticated(code: str, detail: str, /, **fields: str) -> SoukError:
    """The caller is not known."""
    return SoukError(ErrorKind.UNAUTHENTICATED, code, detail, fields)


def too_many(code: str, detail: str, /, *, retry_after_s: float | None = None) -> SoukError:
    """The caller asks too often. Nothing happened."""
    return SoukError(ErrorKind.TOO_MANY, code, detail, retry_after_s=retry_after_s)


def unavailable(code: str, detail: str, /, *, retry_after_s: float | None = None) -> SoukError:
    """It cannot be done now. Nothing happened."""
    return SoukError(ErrorKind.UNAVAILABLE, code, detail, retry_after_s=retry_after_s)


def timeout_unknown(code: str, detail: str, /, *, retry_after_s: float | None = None) -> SoukError:
    """No answer came. It may have happened."""
    return SoukError(ErrorKind.TIMEOUT_UNKNOWN, code, detail, retry_after_s=retry_after_s)
