"""W3C trace context (https://www.w3.org/TR/trace-context/): made at the edge, carried through calls and events."""

import re

from souk_chassis.entropy import random_bytes

_TRACEPARENT = re.compile(r"00-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}")


def new_traceparent() -> str:
    """A new trace with its first span, sampled."""
    return f"00-{random_bytes(16).hex()}-{random_bytes(8).hex()}-01"


def accept_traceparent(header: str | None) -> str:
    """Go on with the caller's trace, or begin one where the header is missing or malformed."""
    if header is not None:
        match = _TRACEPARENT.fullmatch(header.strip())
        if match and match[1] != "0" * 32 and match[2] != "0" * 16:
            return f"00-{match[1]}-{random_bytes(8).hex()}-01"
    return new_traceparent()


def trace_id(traceparent: str) -> str:
    """The trace id in a traceparent; empty where there is none."""
    return traceparent[3:35]
