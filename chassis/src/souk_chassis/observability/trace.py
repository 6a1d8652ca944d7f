"""W3C trace context (https://www.w3.org/TR/trace-context/): made at the edge, carried through calls and events.

A `traceparent` names a trace and the span that is under way in it, and says whether the trace is sampled. Whoever
begins a trace decides that, and everyone after him keeps to it.
"""

import math
import re
import time
from collections.abc import Callable
from typing import Final

from souk_chassis.entropy import random_hex

_TRACEPARENT = re.compile(r"00-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]([0-9a-f])")
TRACEPARENT_LENGTH: Final = 55
_ODD = frozenset("13579bdf")
"""The last digits of the flags whose lowest bit, `sampled`, is set."""


class Sampler:
    """Decides whether a new trace is sampled: a share of them, by their ids, and at most so many a second.

    By the trace id, as OpenTelemetry's TraceIdRatioBased does. The bound keeps the cost of tracing the same under load,
    when single traces matter least. `monotonic` gives seconds. Raises ValueError where `ratio` is no share.
    """

    def __init__(
        self, ratio: float = 1.0, per_s: float = math.inf, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        if not 0 <= ratio <= 1:
            raise ValueError("the ratio of sampled traces is 0 to 1")
        self._below = int(ratio * 2**56)
        self._per_s = per_s
        self._most = self._left = max(per_s, 1.0) if per_s else 0.0
        self._monotonic = monotonic
        self._seen_s = monotonic()

    def samples(self, random_56_bits: int) -> bool:
        """Whether the trace whose id ends in these bits is sampled."""
        if random_56_bits >= self._below:
            return False
        if self._per_s == math.inf:
            return True
        now_s = self._monotonic()
        self._left = min(self._most, self._left + (now_s - self._seen_s) * self._per_s)
        self._seen_s = now_s
        if self._left < 1:
            return False
        self._left -= 1
        return True


_sampler = Sampler()


def sample(sampler: Sampler) -> None:
    """Let `sampler` decide on the traces that this process begins from now on. Until then all are sampled."""
    global _sampler
    _sampler = sampler


def new_traceparent() -> str:
    """A new trace with its first span."""
    trace = random_hex(32)
    sampled = _sampler.samples(int(trace[18:], 16))
    return f"00-{trace}-{random_hex(16)}-{'01' if sampled else '00'}"


def incoming_traceparent(header: str | None) -> str:
    """The caller's trace context; empty where the header is missing or malformed."""
    match = _TRACEPARENT.fullmatch(header.strip()) if header is not None else None
    if match is None or match[1] == "0" * 32 or match[2] == "0" * 16:
        return ""
    return f"00-{match[1]}-{match[2]}-{'01' if match[3] in _ODD else '00'}"


def child_traceparent(parent: str) -> str:
    """A new span in the trace of `parent`."""
    return f"{parent[:36]}{random_hex(16)}{parent[52:]}"


def accept_traceparent(header: str | None) -> str:
    """Go on with the caller's trace, or begin one where the header is missing or malformed."""
    parent = incoming_traceparent(header)
    return child_traceparent(parent) if parent else new_traceparent()


def is_sampled(traceparent: str) -> bool:
    """Whether the spans of its trace are recorded."""
    return traceparent[-1:] in _ODD


def trace_id(traceparent: str) -> str:
    """The trace id in a traceparent; empty where there is none."""
    return traceparent[3:35]


def span_id(traceparent: str) -> str:
    """The span id in a traceparent; empty where there is none."""
    return traceparent[36:52]
