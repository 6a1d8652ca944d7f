"""The exporter: what a collector gets, and what happens where it refuses, is away, or is slower than the work."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import msgspec
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from souk_chassis.hosts.listening import free_port
from souk_chassis.observability import otlp
from souk_chassis.observability.otlp import OtlpExporter, request_body
from souk_chassis.observability.spans import Recorder, Span, SpanKind
from souk_chassis.testing.contexts import TRACEPARENT
from souk_chassis.testing.logs import RecordedLines
from souk_chassis.testing.waiting import until

OWN = TRACEPARENT[:36] + "1111111111111111-01"


def span(name: str = "place_order", *, service: str = "order-service", status: str = "ok", parent: str = "") -> Span:
    facts = {"eventId": "e1", "attempt": 2}
    return Span(name, service, SpanKind.CONSUMER, OWN, parent, 1_700_000_000_123_456_789, 1_000, status, facts)


class Collector:
    """Answers with the statuses that it was given, the last one again and again, and keeps what it took."""

    def __init__(self) -> None:
        self.statuses = [200]
        self.headers: dict[str, str] = {}
        self.requests: list[web.Request] = []
        self.names: list[str] = []
        self.answering = asyncio.Event()
        self.answering.set()

    async def take(self, request: web.Request) -> web.Response:
        body = msgspec.json.decode(await request.read())
        self.requests.append(request)
        await self.answering.wait()
        status = self.statuses.pop(0) if len(self.statuses) > 1 else self.statuses[0]
        if status == 200:
            self.names += [each["name"] for each in spans_in(body)]
        return web.json_response({}, status=status, headers=self.headers)


def spans_in(body: Any) -> list[dict[str, Any]]:
    return [each for resource in body["resourceSpans"] for scope in resource["scopeSpans"] for each in scope["spans"]]


@pytest.fixture
async def collector() -> AsyncIterator[tuple[Collector, str]]:
    """A collector that listens, with its address."""
    made = Collector()
    app = web.Application()
    app.router.add_post("/v1/traces", made.take)
    async with TestServer(app) as server:
        yield made, str(server.make_url("/"))


@pytest.fixture
async def exporting(
    lines: RecordedLines, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Callable[[str], Awaitable[OtlpExporter]]]:
    """Starts exporters that gather for a moment only, and stops them after the test."""
    monkeypatch.setattr(otlp, "EXPORT_EVERY_S", 0.01)
    monkeypatch.setattr(otlp, "BACKOFF", otlp.Policy(backoff_base_s=0.01, backoff_cap_s=0.02))
    made: list[OtlpExporter] = []

    async def make(url: str, **headers: str) -> OtlpExporter:
        exporter = OtlpExporter(url, headers, lines.log("shop"))
        exporter.start()
        made.append(exporter)
        return exporter

    yield make
    for exporter in made:
        await exporter.close()


def test_the_body_is_otlp_json() -> None:
    body = msgspec.json.decode(request_body([span(parent=TRACEPARENT, status="not_yours")]))
    [resource] = body["resourceSpans"]
    assert resource["resource"]["attributes"] == [{"key": "service.name", "value": {"stringValue": "order-service"}}]
    assert spans_in(body) == [
        {
            "traceId": "0af7651916cd43dd8448eb211c80319c",
            "spanId": "1111111111111111",
            "parentSpanId": "b7ad6b7169203331",
            "name": "place_order",
            "kind": 5,
            "startTimeUnixNano": "1700000000123456789",
            "endTimeUnixNano": "1700000000123457789",
            "flags": 1,
            "attributes": [
                {"key": "eventId", "value": {"stringValue": "e1"}},
                {"key": "attempt", "value": {"intValue": "2"}},
                {"key": "error.type", "value": {"stringValue": "not_yours"}},
            ],
            "status": {"code": 2, "message": "not_yours"},
        }
    ]


@pytest.mark.parametrize("status", ["ok", "cancelled"])
def test_what_did_not_fail_has_no_status(status: str) -> None:
    [seen] = spans_in(msgspec.json.decode(request_body([span(status=status)])))
    assert "status" not in seen
    assert "parentSpanId" not in seen


def test_spans_stand_with_their_service() -> None:
    spans = [span("a"), span("b", service="user-service"), span("c")]
    found = {
        resource["resource"]["attributes"][0]["value"]["stringValue"]: [
            each["name"] for each in resource["scopeSpans"][0]["spans"]
        ]
        for resource in msgspec.json.decode(request_body(spans))["resourceSpans"]
    }
    assert found == {"order-service": ["a", "c"], "user-service": ["b"]}


def test_every_kind_has_its_number() -> None:
    assert set(otlp._KINDS) == set(SpanKind)


async def test_spans_arrive_with_the_headers(collector: tuple[Collector, str], exporting: Any) -> None:
    to, url = collector
    recorder = Recorder()
    recorder.sink = await exporting(url, authorization="Bearer t")
    with recorder.span("a", "s", SpanKind.SERVER, TRACEPARENT):
        pass
    await until(lambda: to.names == ["a"])
    [request] = to.requests
    assert (request.headers["content-type"], request.headers["authorization"]) == ("application/json", "Bearer t")


async def test_they_leave_in_batches(
    collector: tuple[Collector, str], exporting: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(otlp, "EXPORT_BATCH", 2)
    to, url = collector
    exporter = await exporting(url)
    for name in "abcde":
        exporter.offer(span(name))
    await until(lambda: to.names == list("abcde"))
    assert len(to.requests) == 3


@pytest.mark.parametrize("status", [429, 502, 503, 504])
async def test_what_may_work_later_is_sent_again(
    collector: tuple[Collector, str], exporting: Any, lines: RecordedLines, status: int
) -> None:
    to, url = collector
    to.statuses = [status, status, 200]
    exporter = await exporting(url)
    exporter.offer(span("a"))
    exporter.offer(span("b"))
    await until(lambda: to.names == ["a", "b"])
    assert len(to.requests) == 3
    assert lines.messages() == ["the collector of spans is away"]


@pytest.mark.parametrize("status", [400, 413, 500])
async def test_what_is_refused_is_dropped_and_told(
    collector: tuple[Collector, str], exporting: Any, lines: RecordedLines, status: int
) -> None:
    to, url = collector
    to.statuses = [status, 200]
    exporter = await exporting(url)
    exporter.offer(span("a"))
    await until(lambda: lines.messages() == ["the collector refused spans", "spans dropped"])
    exporter.offer(span("b"))
    await until(lambda: to.names == ["b"])


async def test_the_collectors_wish_to_be_left_alone_is_kept(
    collector: tuple[Collector, str], exporting: Any, lines: RecordedLines, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits: list[float | None] = []
    inner = otlp.pause_s

    def seen(*given: Any) -> float | None:
        waits.append(given[3])
        return inner(*given)

    monkeypatch.setattr(otlp, "pause_s", seen)
    to, url = collector
    to.statuses, to.headers = [503, 200], {"retry-after": "3600"}
    exporter = await exporting(url)
    exporter.offer(span("a"))
    await until(lambda: to.names == ["a"])
    assert waits == [0.02]  # the longest that it waits


async def test_a_full_queue_drops_and_counts(
    exporting: Any, lines: RecordedLines, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(otlp, "QUEUED_SPANS", 3)
    exporter = await exporting(f"http://127.0.0.1:{free_port()}")
    for _ in range(10):
        exporter.offer(span())
    await exporter.close()
    told = [line["spans"] for line in lines.lines if line["message"] == "spans dropped"]
    assert sum(told) == 10
    assert lines.messages()[0] == "the collector of spans is away"


async def test_what_can_not_be_written_ends_nothing(
    collector: tuple[Collector, str], exporting: Any, lines: RecordedLines
) -> None:
    to, url = collector
    exporter = await exporting(url)
    exporter.offer(span("\ud800"))
    await until(lambda: "spans dropped" in lines.messages())
    exporter.offer(span("b"))
    await until(lambda: to.names == ["b"])


async def test_the_rest_leaves_when_it_stops(
    collector: tuple[Collector, str], lines: RecordedLines, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(otlp, "EXPORT_EVERY_S", 3600.0)
    to, url = collector
    exporter = OtlpExporter(url, {}, lines.log())
    exporter.start()
    exporter.offer(span("a"))
    await exporter.close()
    assert (to.names, lines.lines) == (["a"], [])


async def test_stopping_does_not_wait_for_a_collector_that_hangs(
    collector: tuple[Collector, str], exporting: Any, lines: RecordedLines, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(otlp, "FLUSH_TIMEOUT_S", 0.05)
    to, url = collector
    to.answering.clear()
    exporter = await exporting(url)
    exporter.offer(span("a"))
    await until(lambda: to.requests)
    async with asyncio.timeout(2):
        await exporter.close()
    to.answering.set()
    assert [line["spans"] for line in lines.lines if line["message"] == "spans dropped"] == [1]
