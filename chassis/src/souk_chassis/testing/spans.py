"""Spans that tests read."""

from collections.abc import Iterator
from contextlib import contextmanager

from souk_chassis.observability.spans import Span, recorder


class KeptSpans:
    """A sink that keeps what it gets."""

    def __init__(self) -> None:
        self.spans: list[Span] = []

    def offer(self, span: Span) -> None:
        """See `souk_chassis.observability.spans.Sink`."""
        self.spans.append(span)

    def of(self, trace: str) -> list[Span]:
        """The spans of a trace, by its id, in the order of their starts."""
        return sorted((span for span in self.spans if span.trace_id == trace), key=lambda span: span.start_ns)


@contextmanager
def recorded() -> Iterator[KeptSpans]:
    """What this process records within the block."""
    recorder.sink = kept = KeptSpans()
    try:
        yield kept
    finally:
        recorder.sink = None
