"""Routing: the operations of an OpenAPI document, and what answers at a path. The same with every server."""

import re
from collections.abc import Iterable, Mapping
from typing import Any, Generic, NamedTuple, TypeVar

import msgspec

from souk_chassis.http.exchange import Answer
from souk_chassis.http.problem import EdgeError, render
from souk_chassis.operation import Throttle

THROTTLE = "x-souk-throttle"
"""The document's own throttle, which is that of every operation without one."""
READING = frozenset({"GET", "HEAD"})

T = TypeVar("T")


class Entry(NamedTuple):
    """One operation of a document. `needs_token` says that every way in takes a bearer token."""

    operation_id: str
    method: str
    path: str
    needs_token: bool
    throttle: Throttle
    tag: str = ""
    """The service whose operation it is, or the gateway."""


def entries(document: Mapping[str, Any]) -> list[Entry]:
    """The operations of a document."""
    return [
        Entry(
            described["operationId"],
            method.upper(),
            path,
            _needs_token(described.get("security", document.get("security", ()))),
            _throttle(described.get(THROTTLE) or document[THROTTLE]),
            next(iter(described.get("tags", ())), ""),
        )
        for path, methods in document["paths"].items()
        for method, described in methods.items()
        if not method.startswith("x-")
    ]


def _needs_token(ways_in: list[dict[str, Any]]) -> bool:
    return bool(ways_in) and all("bearer" in way for way in ways_in)


def described_throttle(throttle: Throttle) -> dict[str, float]:
    """A throttle as the document has it."""
    return {"ratePerS": throttle.rate_per_s, "burst": throttle.burst}


def _throttle(described: Mapping[str, Any]) -> Throttle:
    return Throttle(described["ratePerS"], described["burst"])


def in_json(document: Mapping[str, Any]) -> bytes:
    """A document as it is printed and served."""
    return msgspec.json.format(msgspec.json.encode(document), indent=2) + b"\n"


def path_pattern(path: str) -> str:
    """A path of a document as a regular expression, with a group for each parameter."""
    parts = re.split(r"\{(\w+)\}", path)
    return "".join(f"(?P<{part}>[^/]+)" if at % 2 else re.escape(part) for at, part in enumerate(parts))


class Routes(Generic[T]):
    """What is at each path, by method. Whatever answers GET answers HEAD; the server leaves the body out."""

    def __init__(self, routes: Iterable[tuple[str, str, T]]) -> None:
        """`routes` are paths, methods, and what answers. Fixed paths win over those with parameters."""
        by_path: dict[str, dict[str, T]] = {}
        for path, method, answering in routes:
            by_path.setdefault(path, {})[method] = answering
        for methods in by_path.values():
            if "GET" in methods:
                methods["HEAD"] = methods["GET"]
        self._fixed = {path: methods for path, methods in by_path.items() if "{" not in path}
        templates = sorted(by_path.keys() - self._fixed.keys())
        self._templates = [(re.compile(path_pattern(path)).fullmatch, by_path[path]) for path in templates]

    def at(self, path: str) -> tuple[Mapping[str, T], dict[str, str]]:
        """What answers at this path, by method, and the path's parameters. Nothing answers where there is no route."""
        if (methods := self._fixed.get(path)) is not None:
            return methods, {}
        for fullmatch, methods in self._templates:
            if (found := fullmatch(path)) is not None:
                return methods, found.groupdict()
        return {}, {}


def refused(method: str, allowed: Iterable[str], traceparent: str) -> Answer:
    """405 with `Allow` where other methods are allowed at a path, else 404."""
    allow = ", ".join(sorted(allowed)).encode()
    if not allow:
        return render(EdgeError(404, "no_such_route", "There is nothing here."), traceparent)
    error = EdgeError(405, "method_not_allowed", f"{method} is not possible here.")
    status, headers, body = render(error, traceparent)
    return status, [*headers, (b"allow", allow)], body
