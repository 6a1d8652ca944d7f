"""Operations: a typed request in, a typed response out, with no transport in sight.

`contracts` declares an operation, one service implements it, and the manifest binds the two. HTTP routes, OpenAPI
and permissions are read from the declaration.
"""

import re
from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any, Generic, TypeVar

import msgspec

from souk_chassis.errors import ErrorType, SoukError, unavailable

Req = TypeVar("Req", bound=msgspec.Struct)
Res = TypeVar("Res")

NO_SUCH_OPERATION = "no_such_operation"


class Access(StrEnum):
    """Who may call an operation. What is not declared is denied."""

    PUBLIC = "public"
    """Anyone, signed in or not."""
    CUSTOMER = "customer"
    """Any signed-in customer or administrator."""
    OWNER = "owner"
    """Whoever has a token; the operation then asks that the object is his (`Context.must_own`)."""
    ADMIN = "admin"
    """Administrators."""
    SERVICE = "service"
    """Other services whose manifest declares the call. Such an operation has no public route."""


class Route(msgspec.Struct, frozen=True):
    """An HTTP method and a path template, such as `/orders/{orderId}`."""

    method: str
    path: str

    @property
    def parameters(self) -> tuple[str, ...]:
        """The names in braces, in order."""
        return tuple(re.findall(r"\{(\w+)\}", self.path))

    @property
    def in_query(self) -> bool:
        """Whether the rest of a request is its query, and not a JSON body: RFC 9110 gives the body of a GET or DELETE
        no meaning, and proxies may drop it."""
        return self.method in ("GET", "DELETE")


def GET(path: str) -> Route:  # noqa: N802 - named as HTTP names it
    """A GET route."""
    return Route("GET", path)


def POST(path: str) -> Route:  # noqa: N802 - named as HTTP names it
    """A POST route."""
    return Route("POST", path)


def PUT(path: str) -> Route:  # noqa: N802 - named as HTTP names it
    """A PUT route."""
    return Route("PUT", path)


def PATCH(path: str) -> Route:  # noqa: N802 - named as HTTP names it
    """A PATCH route."""
    return Route("PATCH", path)


def DELETE(path: str) -> Route:  # noqa: N802 - named as HTTP names it
    """A DELETE route."""
    return Route("DELETE", path)


class Throttle(msgspec.Struct, frozen=True):
    """How often gateways let an operation be asked for: `rate_per_s` requests a second on average, and `burst` at once.

    Raises ValueError where nothing would be let through.
    """

    rate_per_s: float
    burst: int

    def __post_init__(self) -> None:
        if self.rate_per_s <= 0 or self.burst < 1:
            raise ValueError(f"{self} lets nothing through")


class Operation(msgspec.Struct, Generic[Req, Res], frozen=True, eq=False):
    """A use case that a service offers.

    `service` is the one that implements it. `headers` names request fields that come from an HTTP header; path
    parameters fill the fields of the same name; the rest is the query of a GET or DELETE, and the body of anything
    else. `streams` says that the implementation yields responses one by one (server-sent events on HTTP). `location`
    is the template of the `Location` header of what was made. `token_optional` marks a public operation that treats a
    caller with a token otherwise, `may_create` one that answers 201 instead of its status for what is new (`Created`).
    `timeout_s` bounds one call, `throttle` how many requests gateways let through: their default if None.
    """

    name: str
    service: str
    route: Route | None
    request: type[Req]
    response: type[Res]
    access: Access
    summary: str
    status: int = 200
    idempotent: bool = False
    errors: Sequence[ErrorType] = ()
    headers: Mapping[str, str] = {}
    location: str | None = None
    streams: bool = False
    token_optional: bool = False
    may_create: bool = False
    timeout_s: float = 10.0
    throttle: Throttle | None = None

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[a-z][a-z0-9_]*", self.name):
            raise ValueError(f"{self.name!r} is no operation's name: it is imperative and in snake_case")
        if (self.access is Access.SERVICE) != (self.route is None):
            raise ValueError(f"{self.name}: an operation has a public route, or access SERVICE, and never both")
        for parameter in self.route.parameters if self.route else ():
            if parameter not in self.request.__struct_encode_fields__:
                raise ValueError(f"{self.name}: its path has {{{parameter}}}, and its request no such field")


class Created(msgspec.Struct, Generic[Res], frozen=True):
    """Returned instead of the bare response by an operation that made the object rather than changed it."""

    value: Res


class Nothing(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The request of an operation that needs none."""


AnyOperation = Operation[Any, Any]


def no_such_operation(name: str) -> SoukError:
    """The callee does not have the operation: its version is older than the caller's, or it is being replaced. Nothing
    of the customer's is missing, so it is `unavailable`: repeated, and counted by the breaker."""
    return unavailable(NO_SUCH_OPERATION, f"This version of the service has no operation {name}.")
