"""What a proxy passes on of requests and answers, and what it answers itself where the server behind gives none."""

from collections.abc import Iterable
from typing import Any, NamedTuple
from urllib.parse import quote

from souk_chassis.errors import ErrorKind, ErrorType, SoukError, unavailable
from souk_chassis.http.exchange import Headers
from souk_chassis.http.problem import EdgeError
from souk_chassis.resilience import BreakerState, Pipeline

HOP_BY_HOP = frozenset(
    {
        b"connection",
        b"keep-alive",
        b"proxy-authenticate",
        b"proxy-authorization",
        b"proxy-connection",
        b"te",
        b"trailer",
        b"transfer-encoding",
        b"upgrade",
    }
)
"""Headers of one connection (RFC 9110, sections 7.6.1 and 11.7): each hop has its own."""
_FOR_ALL = frozenset({b"host", b"content-length"})
"""Headers that `Connection` can't make those of one connection: without them a request would be another."""
_SAFE = "".join(map(chr, range(0x21, 0x7F))).replace("#", "")
"""What a request line may hold as it is: everything else is percent-encoded."""
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
"""Methods that change nothing, so that a kept connection may be used for them."""


class Faults(NamedTuple):
    """What clients are told where a server gives no answer."""

    away: ErrorType
    silent: ErrorType
    """It may have happened."""
    soonest_retry_s: float | None = None
    """What `Retry-After` says, in seconds, where nothing longer is known."""

    def of(self, error: SoukError) -> SoukError:
        """What clients are told of an error of the pipeline."""
        if error.kind is ErrorKind.TIMEOUT_UNKNOWN:
            return self.silent()
        return self.away.after(error.retry_after_s or self.soonest_retry_s)


class FailedAnswerError(SoukError):
    """The server answered that it failed: it counts for the breaker, and is an answer all the same."""

    def __init__(self, response: Any = None) -> None:
        super().__init__(ErrorKind.UNAVAILABLE, "answered_5xx", "It answered that it failed.")
        self.response = response


def check_breaker(pipeline: Pipeline) -> None:
    """Raise SoukError `unavailable` while the server behind is left alone because it has been failing."""
    if pipeline.snapshot().state is not BreakerState.CLOSED:
        raise unavailable("breaker_open", "it has been failing, and is left alone for now")


def end_to_end(headers: Iterable[tuple[bytes, bytes]]) -> Headers:
    """The headers without those of the connection, and without those that `Connection` may name. Order is kept."""
    given = [(name.lower(), value) for name, value in headers]
    named = [value for name, value in given if name == b"connection"]
    options = {option.strip().lower() for value in named for option in value.split(b",")}
    dropped = HOP_BY_HOP | (options - _FOR_ALL)
    return [(name, value) for name, value in given if name not in dropped]


def forwarded(
    headers: Iterable[tuple[bytes, bytes]], client: str, scheme: str, traceparent: str, hops: int = 0
) -> Headers:
    """A request's headers as the program behind gets them.

    What the request itself says of where it comes from is not believed: `X-Forwarded-For`, `-Proto` and `-Host` are
    what was seen here. `Host` stays, so that links, redirects and cookies of the program behind lead back here.
    `hops` proxies stand in front: what these say of the client's address and scheme is believed, and no more.
    """
    headers = [*headers]
    client, scheme = _as_seen(headers, client, scheme, hops)
    kept = [(name, value) for name, value in end_to_end(headers) if not _is_made_here(name)]
    host = next((value for name, value in kept if name == b"host"), b"")
    return [
        *kept,
        (b"x-forwarded-for", client.encode("latin-1", "replace")),
        (b"x-forwarded-proto", scheme.encode()),
        (b"x-forwarded-host", host),
        (b"traceparent", traceparent.encode()),
    ]


def _as_seen(headers: Headers, client: str, scheme: str, hops: int) -> tuple[str, str]:
    """The addresses and the scheme as the outermost of so many proxies saw them: each adds its client's address at the
    end, and the last says the scheme. Where one says nothing, what was seen here."""
    if not hops:
        return client, scheme
    said = _values(headers, b"x-forwarded-for")
    schemes = _values(headers, b"x-forwarded-proto")
    if schemes and schemes[-1] in ("http", "https"):
        scheme = schemes[-1]
    return ", ".join([*said[-hops:], client]), scheme


def _values(headers: Headers, name: bytes) -> list[str]:
    joined = ",".join(value.decode("latin-1") for each, value in headers if each.lower() == name)
    return [value.strip() for value in joined.split(",") if value.strip()]


def check_host(headers: Iterable[tuple[bytes, bytes]]) -> None:
    """Raise EdgeError 400 where a request names several hosts (RFC 9112, section 3.2): which one counts is told
    differently by every program."""
    if sum(name == b"host" for name, _ in headers) > 1:
        raise EdgeError(400, "several_hosts", "The request has more than one Host header.")


def _is_made_here(name: bytes) -> bool:
    # A server by WSGI can't tell `X_Forwarded_For` from `X-Forwarded-For`.
    plain = name.replace(b"_", b"-")
    return plain.startswith(b"x-forwarded-") or plain in {b"forwarded", b"x-real-ip", b"traceparent", b"expect"}


def target_of(path: bytes, query: bytes) -> str:
    """Path and query as they came, for a request line: bytes that can't stand there are percent-encoded.

    It begins with a slash in any case: put behind an address, `@elsewhere` would name another.
    """
    target = quote(path, safe=_SAFE.replace("?", ""))
    target = target if target.startswith("/") else f"/{target}"
    return f"{target}?{quote(query, safe=_SAFE)}" if query else target
