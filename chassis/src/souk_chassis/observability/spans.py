"""Spans: what was done in a trace, by which service, for how long and with what end.

One is made for every operation, call and handled event, so making one has to cost about a microsecond: a span under
way is a flat struct, its ids stay inside its `traceparent`, and nothing is written or sent where it ends. The recorder
hands them to an exporter; where there is none, it makes none, and a trace is passed on as it came.

A span holds names, ids, numbers and error codes: never a request, a response or the text of an error, which may be
secret.
"""

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from enum import StrEnum
from types import TracebackType
from typing import Final, Protocol, TypeVar

import msgspec

from souk_chassis.errors import SoukError
from souk_chassis.events.event import Delivery, Event
from souk_chassis.observability.trace import (
    TRACEPARENT_LENGTH,
    child_traceparent,
    is_sampled,
    new_traceparent,
    span_id,
    trace_id,
)

E = TypeVar("E", bound=Event)

OK = "ok"
CANCELLED = "cancelled"

Attributes = Mapping[str, str | int]
_NONE: Attributes = {}


class SpanKind(StrEnum):
    """The part that a service plays in it. Names are OpenTelemetry's."""

    SERVER = "server"
    """It was asked, by another service or from outside."""
    CLIENT = "client"
    """It asks, and waits for the answer."""
    CONSUMER = "consumer"
    """It handles an event."""
    INTERNAL = "internal"
    """Nobody asked."""


# Bound once: an enumeration takes ten times as long to find its member.
SERVER: Final = SpanKind.SERVER
CLIENT: Final = SpanKind.CLIENT


# Without references in circles, spans need not be looked at by the garbage collector, however many wait.
class Span(msgspec.Struct, frozen=True, gc=False):
    """Something that was done. `parent` is the traceparent of what it was part of, empty where it began the trace.

    `start_ns` are nanoseconds since 1970, UTC. `status` is `ok`, the code of a SoukError, `cancelled`, or the name of
    an unforeseen error's class.
    """

    name: str
    service: str
    kind: SpanKind
    traceparent: str
    parent: str
    start_ns: int
    duration_ns: int
    status: str
    attributes: Attributes

    @property
    def trace_id(self) -> str:
        """The trace: 32 hex digits."""
        return trace_id(self.traceparent)

    @property
    def span_id(self) -> str:
        """This span: 16 hex digits."""
        return span_id(self.traceparent)

    @property
    def parent_id(self) -> str:
        """The span that this one is part of; empty where it began the trace."""
        return span_id(self.parent)


class Sink(Protocol):
    """What takes ended spans somewhere else."""

    def offer(self, span: Span) -> None:
        """Take a span. Never blocks, never fails."""


class OpenSpan(msgspec.Struct, frozen=True):
    """A span under way: a context manager that ends it. What is done within passes `traceparent` on.

    Without a recorder it is not sampled, or there is no sink: `traceparent` is then the parent's.
    """

    traceparent: str
    recorder: "Recorder | None" = None
    name: str = ""
    service: str = ""
    kind: SpanKind = SpanKind.INTERNAL
    parent: str = ""
    attributes: Attributes = _NONE
    start_ns: int = 0
    began_ns: int = 0

    def __enter__(self) -> "OpenSpan":
        return self

    def __exit__(
        self, _: type[BaseException] | None, error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self.end(error)

    def end(self, error: BaseException | None) -> None:
        """End it, by the error that ended the work if there was one."""
        recorder = self.recorder
        if recorder is None:
            return
        span = Span(
            self.name,
            self.service,
            self.kind,
            self.traceparent,
            self.parent,
            self.start_ns,
            time.perf_counter_ns() - self.began_ns,
            OK if error is None else status_of(error),
            self.attributes,
        )
        recorder.record(span)


def status_of(error: BaseException) -> str:
    """What a span says of an error: no text of it."""
    if isinstance(error, SoukError):
        return error.code
    if isinstance(error, Exception):
        return type(error).__name__
    return CANCELLED


class Recorder:
    """Makes the spans of a process for its sink, if it has one."""

    def __init__(self, sink: Sink | None = None) -> None:
        self.sink = sink
        """Gets each span that has ended."""

    def span(
        self, name: str, service: str, kind: SpanKind, parent: str = "", attributes: Attributes = _NONE
    ) -> OpenSpan:
        """A span that starts now, within `parent`, a traceparent; without one it begins a trace."""
        if len(parent) == TRACEPARENT_LENGTH:
            if self.sink is None or not is_sampled(parent):
                return OpenSpan(parent)
            traceparent = child_traceparent(parent)
        else:
            traceparent, parent = new_traceparent(), ""
            if self.sink is None or not is_sampled(traceparent):
                return OpenSpan(traceparent)
        return OpenSpan(
            traceparent, self, name, service, kind, parent, attributes, time.time_ns(), time.perf_counter_ns()
        )

    @contextmanager
    def handling(self, queue: str, service: str, deliveries: Sequence[Delivery[E]]) -> Iterator[list[Delivery[E]]]:
        """A span for each event of a batch, in the event's own trace. Each took as long as the batch.

        Yields the deliveries with their spans as traceparents, so that what they lead to becomes part of them.
        """
        spans, handled = [], []
        for each in deliveries:
            if each.traceparent and (self.sink is None or not is_sampled(each.traceparent)):
                handled.append(each)
                continue
            facts: Attributes = {"eventId": each.event_id, "attempt": each.attempt, "batch": len(deliveries)}
            span = self.span(queue, service, SpanKind.CONSUMER, each.traceparent, facts)
            spans.append(span)
            handled.append(Delivery(each.event_id, each.data, span.traceparent, each.attempt))
        error: BaseException | None = None
        try:
            yield handled
        except BaseException as raised:
            error = raised
            raise
        finally:
            for span in spans:
                span.end(error)

    def record(self, span: Span) -> None:
        """Hand on a span that has ended."""
        if self.sink is not None:
            self.sink.offer(span)


recorder = Recorder()
