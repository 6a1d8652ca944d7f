"""Proxy events of Amazon API Gateway, of payload 2.0 (HTTP APIs) and 1.0 (REST APIs), and their answers."""

import base64
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

import msgspec

from souk_chassis.http.binding import MAX_BODY
from souk_chassis.http.exchange import Answer
from souk_chassis.http.problem import EdgeError

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


def as_proxy_answer(answer: Answer, *, method: str = "GET", binary: bool = False) -> dict[str, Any]:
    """An answer as both payloads want it, without a body to HEAD. Names of headers are given once each; a `binary` body
    need be no UTF-8."""
    status, headers, body = answer
    body = b"" if method == "HEAD" else body
    return {
        "statusCode": status,
        "headers": {name.decode("latin-1"): value.decode("latin-1") for name, value in headers},
        "body": base64.b64encode(body).decode() if binary else body.decode(),
        "isBase64Encoded": binary,
    }
