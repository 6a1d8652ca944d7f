"""Sends spans to a collector: OTLP over HTTP, in JSON (https://opentelemetry.io/docs/specs/otlp/#otlphttp).

Spans wait in a bounded queue, and leave it in batches. Work is never held up by it: what does not fit is dropped and
counted, and the count is logged.
"""

import asyncio
from collections import deque
from collections.abc import Mapping, Sequence
from contextlib import suppress
from random import Random
from typing import Any

import aiohttp

from souk_chassis import wire
from souk_chassis.observability.logs import Log
from souk_chassis.observability.spans import CANCELLED, OK, Attributes, Span, SpanKind
from souk_chassis.resilience.policy import Policy
from souk_chassis.resilience.retry import pause_s

QUEUED_SPANS = 8_192
"""The most spans that wait to be sent."""
EXPORT_BATCH = 512
"""The most spans in a request."""
EXPORT_EVERY_S = 1.0
"""How long spans are gathered."""
EXPORT_TIMEOUT_S = 5.0
"""How long the collector may take for a batch."""
FLUSH_TIMEOUT_S = 3.0
"""How long sending the rest may take when the process stops."""

BACKOFF = Policy(backoff_base_s=2.0, backoff_cap_s=30.0)
"""The pauses while the collector is away."""

_RETRYABLE = frozenset({429, 502, 503, 504})
# The numbers of OTLP's enumerations: names are not allowed there.
_KINDS = {SpanKind.INTERNAL: 1, SpanKind.SERVER: 2, SpanKind.CLIENT: 3, SpanKind.CONSUMER: 5}
_STATUS_ERROR = 2


class _AwayError(Exception):
    """The collector took nothing, and may do so later."""

    def __init__(self, retry_after_s: float | None = None) -> None:
        super().__init__(retry_after_s)
        self.retry_after_s = retry_after_s


class OtlpExporter:
    """A sink of spans that sends them to `endpoint`, a collector's base address such as `http://localhost:4318`.

    `headers` go with each request: a collector's token may be among them, so they are logged nowhere.
    """

    def __init__(self, endpoint: str, headers: Mapping[str, str], log: Log, random: Random | None = None) -> None:
        self._url = f"{endpoint.rstrip('/')}/v1/traces"
        self._headers = {"content-type": "application/json", **headers}
        self._log = log
        self._random = random or Random()  # noqa: S311 - jitter needs no secrecy
        self._queue: deque[Span] = deque()
        self._dropped = 0
        self._stopping = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def offer(self, span: Span) -> None:
        """Queue a span, or drop it where the queue is full."""
        if len(self._queue) < QUEUED_SPANS:
            self._queue.append(span)
        else:
            self._dropped += 1

    def start(self) -> None:
        """Begin to send, on the running loop."""
        self._task = asyncio.create_task(self._run(), name="spans")

    async def close(self) -> None:
        """Send what is queued, within `FLUSH_TIMEOUT_S`, and stop."""
        self._stopping.set()
        if self._task is not None:
            _, late = await asyncio.wait([self._task], timeout=FLUSH_TIMEOUT_S)
            for task in late:
                task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        self._dropped += len(self._queue)
        self._queue.clear()
        self._tell_dropped()

    async def _run(self) -> None:
        failures = 0
        wait_s: float = EXPORT_EVERY_S
        timeout = aiohttp.ClientTimeout(total=EXPORT_TIMEOUT_S)
        async with aiohttp.ClientSession(timeout=timeout, headers=self._headers) as session:
            while True:
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._stopping.wait(), wait_s)
                stopping = self._stopping.is_set()
                try:
                    await self._send_all(session)
                    failures, wait_s = 0, EXPORT_EVERY_S
                except _AwayError as away:
                    failures += 1
                    if failures == 1:
                        self._log.warning("the collector of spans is away")
                    wait_s = self._pause_s(failures, away)
                except Exception as error:  # noqa: BLE001 - spans that can't be sent must not end the sending of others
                    self._log.error("spans can't be sent", error=error)
                    self._dropped += len(self._queue)
                    self._queue.clear()
                self._tell_dropped()
                if stopping:
                    return

    async def _send_all(self, session: aiohttp.ClientSession) -> None:
        """Raises _AwayError; what was not sent is then still queued."""
        while self._queue:
            batch = [self._queue.popleft() for _ in range(min(EXPORT_BATCH, len(self._queue)))]
            try:
                await self._send(session, batch)
            except BaseException:
                self._queue.extendleft(reversed(batch))
                raise

    async def _send(self, session: aiohttp.ClientSession, batch: Sequence[Span]) -> None:
        try:
            async with session.post(self._url, data=request_body(batch)) as response:
                status, asked = response.status, response.headers.get("retry-after", "")
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise _AwayError from error
        if status in _RETRYABLE:
            raise _AwayError(float(asked) if asked.isdigit() else None)
        if status >= 300:
            self._dropped += len(batch)
            self._log.warning("the collector refused spans", status=status, spans=len(batch))

    def _pause_s(self, failures: int, away: _AwayError) -> float:
        asked_s = min(away.retry_after_s or 0.0, BACKOFF.backoff_cap_s)
        return max(EXPORT_EVERY_S, pause_s(BACKOFF, failures, self._random, asked_s) or 0.0)

    def _tell_dropped(self) -> None:
        if self._dropped:
            dropped, self._dropped = self._dropped, 0
            self._log.warning("spans dropped", spans=dropped)


def request_body(spans: Sequence[Span]) -> bytes:
    """An `ExportTraceServiceRequest` in OTLP's JSON: ids in hex, 64-bit numbers as decimal strings."""
    by_service: dict[str, list[dict[str, Any]]] = {}
    for span in spans:
        by_service.setdefault(span.service, []).append(_span(span))
    return wire.encode(
        {
            "resourceSpans": [
                {
                    "resource": {"attributes": _attributes({"service.name": service})},
                    "scopeSpans": [{"scope": {"name": "souk"}, "spans": made}],
                }
                for service, made in by_service.items()
            ]
        }
    )


def _span(span: Span) -> dict[str, Any]:
    made: dict[str, Any] = {
        "traceId": span.trace_id,
        "spanId": span.span_id,
        "name": span.name,
        "kind": _KINDS[span.kind],
        "startTimeUnixNano": str(span.start_ns),
        "endTimeUnixNano": str(span.start_ns + span.duration_ns),
        "flags": 1,
        "attributes": _attributes(span.attributes),
    }
    if span.parent:
        made["parentSpanId"] = span.parent_id
    if span.status == CANCELLED:
        made["attributes"] += _attributes({"souk.end": CANCELLED})  # who follows an order and leaves is no failure
    elif span.status != OK:
        made["attributes"] += _attributes({"error.type": span.status})
        made["status"] = {"code": _STATUS_ERROR, "message": span.status}
    return made


def _attributes(facts: Attributes) -> list[dict[str, Any]]:
    return [
        {"key": name, "value": {"stringValue": fact} if isinstance(fact, str) else {"intValue": str(fact)}}
        for name, fact in facts.items()
    ]
