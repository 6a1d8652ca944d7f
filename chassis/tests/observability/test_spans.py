"""Spans: whose child each is, what is kept of it, and what never is."""

import asyncio
from collections.abc import Iterator

import pytest

from souk_chassis import wire
from souk_chassis.errors import SoukError, forbidden
from souk_chassis.events.event import Delivery, Event
from souk_chassis.observability.spans import Recorder, Span, SpanKind
from souk_chassis.observability.trace import Sampler, is_sampled, new_traceparent, sample, span_id, trace_id
from souk_chassis.testing.contexts import TRACEPARENT

UNSAMPLED = TRACEPARENT[:-2] + "00"
TRACE = trace_id(TRACEPARENT)


class Happened(Event, frozen=True, kw_only=True):
    what: str


class Kept:
    """A sink that keeps what it gets."""

    def __init__(self) -> None:
        self.spans: list[Span] = []

    def offer(self, span: Span) -> None:
        self.spans.append(span)


@pytest.fixture
def recorder() -> Recorder:
    return Recorder()


@pytest.fixture
def nothing_sampled() -> Iterator[None]:
    sample(Sampler(0.0))
    yield
    sample(Sampler())


def test_a_span_says_what_was_done(recorder: Recorder) -> None:
    with recorder.span("place_order", "order-service", SpanKind.SERVER, TRACEPARENT, {"attempt": 2}) as span:
        pass
    [seen] = recorder.recent(TRACE)
    assert (seen.name, seen.service, seen.kind, seen.status) == (
        "place_order",
        "order-service",
        SpanKind.SERVER,
        "ok",
    )
    assert (seen.traceparent, seen.parent_id, seen.attributes) == (
        span.traceparent,
        span_id(TRACEPARENT),
        {"attempt": 2},
    )
    assert seen.start_ns > 1_700_000_000 * 10**9
    assert 0 <= seen.duration_ns < 10**9


def test_what_is_done_within_is_a_child(recorder: Recorder) -> None:
    with (
        recorder.span("outer", "a", SpanKind.SERVER, TRACEPARENT) as outer,
        recorder.span("inner", "a", SpanKind.CLIENT, outer.traceparent) as inner,
    ):
        pass
    first, second = recorder.recent(TRACE)
    assert (first.name, second.name) == ("outer", "inner")
    assert (second.parent_id, second.span_id) == (first.span_id, span_id(inner.traceparent))
    assert first.trace_id == second.trace_id == TRACE
    assert first.start_ns + first.duration_ns >= second.start_ns + second.duration_ns


@pytest.mark.parametrize("parent", ["", "rubbish"])
def test_without_a_parent_it_begins_a_trace(recorder: Recorder, parent: str) -> None:
    with recorder.span("round", "a", SpanKind.INTERNAL, parent) as span:
        pass
    [seen] = recorder.recent(trace_id(span.traceparent))
    assert (seen.parent_id, seen.trace_id != TRACE) == ("", True)


def test_what_the_parent_does_not_sample_is_passed_on_as_it_came(recorder: Recorder) -> None:
    with recorder.span("a", "a", SpanKind.SERVER, UNSAMPLED) as span:
        assert span.traceparent == UNSAMPLED
    assert recorder.recent(TRACE) == []


@pytest.mark.usefixtures("nothing_sampled")
def test_an_unsampled_trace_of_its_own_is_not_kept(recorder: Recorder) -> None:
    with recorder.span("a", "a", SpanKind.SERVER) as span:
        assert not is_sampled(span.traceparent)
    assert recorder.recent(trace_id(span.traceparent)) == []


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (forbidden("not_yours", "hunter2"), "not_yours"),
        (KeyError("hunter2"), "KeyError"),
        (asyncio.CancelledError("hunter2"), "cancelled"),
        (GeneratorExit(), "cancelled"),
    ],
)
def test_an_error_is_told_by_its_code_and_never_by_its_text(
    recorder: Recorder, error: BaseException, status: str
) -> None:
    with pytest.raises(type(error)), recorder.span("a", "a", SpanKind.SERVER, TRACEPARENT):
        raise error
    [seen] = recorder.recent(TRACE)
    assert seen.status == status
    assert b"hunter2" not in wire.encode(seen)


def test_the_last_are_kept() -> None:
    recorder = Recorder(kept=3)
    for number in range(5):
        with recorder.span(f"n{number}", "a", SpanKind.SERVER, TRACEPARENT):
            pass
    assert [span.name for span in recorder.recent(TRACE)] == ["n2", "n3", "n4"]


def test_other_traces_are_not_shown(recorder: Recorder) -> None:
    for parent in (TRACEPARENT, new_traceparent()):
        with recorder.span("a", "a", SpanKind.SERVER, parent):
            pass
    assert len(recorder.recent(TRACE)) == 1
    assert recorder.recent("") == []


def test_a_sink_gets_each(recorder: Recorder) -> None:
    recorder.sink = kept = Kept()
    for parent in (TRACEPARENT, UNSAMPLED):
        with recorder.span("a", "a", SpanKind.SERVER, parent):
            pass
    assert kept.spans == recorder.recent(TRACE)


def test_each_event_of_a_batch_has_a_span_in_its_own_trace(recorder: Recorder) -> None:
    other = new_traceparent()
    parents = [TRACEPARENT, other, UNSAMPLED]
    deliveries = [Delivery(f"e{n}", Happened(what="x"), parent, n) for n, parent in enumerate(parents, 1)]
    with recorder.handling("orders-happened", "order-service", deliveries) as handled:
        assert [(each.event_id, each.data, each.attempt) for each in handled] == [
            (each.event_id, each.data, each.attempt) for each in deliveries
        ]
    [first], [second] = recorder.recent(TRACE), recorder.recent(trace_id(other))
    assert [each.traceparent for each in handled] == [first.traceparent, second.traceparent, UNSAMPLED]
    assert (first.name, first.kind, first.parent_id) == ("orders-happened", SpanKind.CONSUMER, span_id(TRACEPARENT))
    assert second.attributes == {"eventId": "e2", "attempt": 2, "batch": 3}


def test_a_batch_that_fails_fails_in_every_trace(recorder: Recorder) -> None:
    other = new_traceparent()
    deliveries = [Delivery("e", Happened(what="x"), parent) for parent in (TRACEPARENT, other)]
    with pytest.raises(SoukError), recorder.handling("q", "a", deliveries):
        raise forbidden("not_yours", "No.")
    seen = recorder.recent(TRACE) + recorder.recent(trace_id(other))
    assert [span.status for span in seen] == ["not_yours", "not_yours"]
