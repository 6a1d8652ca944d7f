"""What a gateway reads out of an OpenAPI document: which operation is where, who may ask, and how often."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from souk_chassis.operation import Throttle

THROTTLE = "x-souk-throttle"
"""The document's own throttle, which is that of every operation without one."""


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
    """The operations of a document. Fixed paths stand before those with parameters."""
    found = [
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
    return sorted(found, key=lambda entry: ("{" in entry.path, entry.path))


def _needs_token(ways_in: list[dict[str, Any]]) -> bool:
    return bool(ways_in) and all("bearer" in way for way in ways_in)


def described_throttle(throttle: Throttle) -> dict[str, float]:
    """A throttle as the document has it."""
    return {"ratePerS": throttle.rate_per_s, "burst": throttle.burst}


def _throttle(described: Mapping[str, Any]) -> Throttle:
    return Throttle(described["ratePerS"], described["burst"])
