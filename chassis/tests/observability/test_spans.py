"""Spans: whose child each is, what is kept of it, and what never is."""

import asyncio
from collections.abc import Iterator

import pytest

from souk_chassis import wire
from souk_chassis.errors import SoukError, forbidden
from souk_chassis.events.event import Delivery, Event
from souk_chassis.observability.spans import Recorder, SpanKind
from souk_chassis.observability.trace import Sampler, is_sampled, new_traceparent, sample, span_id, trace_id
from souk_chassis.testing.contexts import TRACEPARENT
from souk_chassis.testing.spans import KeptSpans

UNSAMPLED = TRACEPARENT[:-2] + "00"
TRACE = trace_id(TRACEPARENT)


class Happened(Event, frozen=True, kw_only=True):
    what: str


@pytest.fixture
def kept() -> KeptSpans:
    return KeptSpans()


@pytest.fixture
def recorder(kept: KeptSpans) -> Recorder:
    return Recorder(kept)


@pytest.fixture
def nothing_sampled() -> Iterator[None]:
    sample(Sampler(0.0))
    yield
    sample(Sampler())


def test_a_span_says_what_was_done(recorder: Recorder, kept: KeptSpans) -> None:
    with recorder.span("place_order", "order-service", SpanKind.SERVER, TRACEPARENT, {"attempt": 2}) as span:
        pass
    [seen] = kept.of(TRACE)
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


def test_what_is_done_within_is_a_child(recorder: Recorder, kept: KeptSpans) -> None:
    with (
        recorder.span("outer", "a", SpanKind.SERVER, TRACEPARENT) as outer,
        recorder.span("inner", "a", SpanKind.CLIENT, outer.traceparent) as inner,
    ):
        pass
    first, second = kept.of(TRACE)
    assert (first.name, second.name) == ("outer", "inner")
    assert (second.parent_id, second.span_id) == (first.span_id, span_id(inner.traceparent))
    assert first.trace_id == second.trace_id == TRACE
    assert first.start_ns + first.duration_ns >= second.start_ns + second.duration_ns


@pytest.mark.parametrize("parent", ["", "rubbish"])
def test_without_a_parent_it_begins_a_trace(recorder: Recorder, kept: KeptSpans, parent: str) -> None:
    with recorder.span("round", "a", SpanKind.INTERNAL, parent) as span:
        pass
    [seen] = kept.of(trace_id(span.traceparent))
    assert (seen.parent_id, seen.trace_id != TRACE) == ("", True)


def test_what_the_parent_does_not_sample_is_passed_on_as_it_came(recorder: Recorder, kept: KeptSpans) -> None:
    with recorder.span("a", "a", SpanKind.SERVER, UNSAMPLED) as span:
        assert span.traceparent == UNSAMPLED
    assert kept.of(TRACE) == []


@pytest.mark.usefixtures("nothing_sampled")
def test_an_unsampled_trace_of_its_own_is_not_kept(recorder: Recorder, kept: KeptSpans) -> None:
    with recorder.span("a", "a", SpanKind.SERVER) as span:
        assert not is_sampled(span.traceparent)
    assert kept.of(trace_id(span.traceparent)) == []


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
    recorder: Recorder, kept: KeptSpans, error: BaseException, status: str
) -> None:
    with pytest.raises(type(error)), recorder.span("a", "a", SpanKind.SERVER, TRACEPARENT):
        raise error
    [seen] = kept.of(TRACE)
    assert seen.status == status
    assert b"hunter2" not in wire.encode(seen)


def test_where_nobody_takes_spans_a_trace_is_passed_on_as_it_came() -> None:
    recorder = Recorder()
    with recorder.span("a", "a", SpanKind.SERVER, TRACEPARENT) as span:
        assert span.traceparent == TRACEPARENT
    with recorder.span("a", "a", SpanKind.SERVER) as begun:
        assert len(begun.traceparent) == len(TRACEPARENT)
    deliveries = [Delivery("e", Happened(what="x"), TRACEPARENT)]
    with recorder.handling("q", "a", deliveries) as handled:
        assert handled == deliveries


def test_each_event_of_a_batch_has_a_span_in_its_own_trace(recorder: Recorder, kept: KeptSpans) -> None:
    other = new_traceparent()
    parents = [TRACEPARENT, other, UNSAMPLED]
    deliveries = [Delivery(f"e{n}", Happened(what="x"), parent, n) for n, parent in enumerate(parents, 1)]
    with recorder.handling("orders-happened", "order-service", deliveries) as handled:
        assert [(each.event_id, each.data, each.attempt) for each in handled] == [
            (each.event_id, each.data, each.attempt) for each in deliveries
        ]
    [first], [second] = kept.of(TRACE), kept.of(trace_id(other))
    assert [each.traceparent for each in handled] == [first.traceparent, second.traceparent, UNSAMPLED]
    assert (first.name, first.kind, first.parent_id) == ("orders-happened", SpanKind.CONSUMER, span_id(TRACEPARENT))
    assert second.attributes == {"eventId": "e2", "attempt": 2, "batch": 3}


def test_a_batch_that_fails_fails_in_every_trace(recorder: Recorder, kept: KeptSpans) -> None:
    other = new_traceparent()
    deliveries = [Delivery("e", Happened(what="x"), parent) for parent in (TRACEPARENT, other)]
    with pytest.raises(SoukError), recorder.handling("q", "a", deliveries):
        raise forbidden("not_yours", "No.")
    seen = kept.of(TRACE) + kept.of(trace_id(other))
    assert [span.status for span in seen] == ["not_yours", "not_yours"]
