"""Tracing as the environment says."""

import pytest
from aiohttp.test_utils import unused_port

from souk_chassis.config import ConfigError
from souk_chassis.observability.spans import recorder
from souk_chassis.observability.trace import is_sampled, new_traceparent
from souk_chassis.observability.tracing import TRACES_PER_S, start_tracing
from souk_chassis.testing.logs import RecordedLines


@pytest.mark.parametrize(
    ("environment", "sampled"),
    [
        ({}, TRACES_PER_S),
        ({"SOUK_TRACE_RATIO": "0"}, 0),
        ({"SOUK_TRACES_PER_S": "7"}, 7),
        ({"SOUK_TRACES_PER_S": "0"}, 0),
    ],
)
async def test_sampling_is_configured(lines: RecordedLines, environment: dict[str, str], sampled: int) -> None:
    stop = start_tracing(environment, lines.log())
    try:
        seen = sum(is_sampled(new_traceparent()) for _ in range(500))
        assert sampled <= seen <= sampled * 1.5  # a little time passes, and lets a few more through
        assert recorder.sink is None
    finally:
        await stop()
    assert all(is_sampled(new_traceparent()) for _ in range(500))


@pytest.mark.parametrize(
    ("environment", "named"),
    [
        ({"SOUK_TRACE_RATIO": "2"}, "SOUK_TRACE_RATIO"),
        ({"SOUK_TRACE_RATIO": "much"}, "SOUK_TRACE_RATIO"),
        ({"SOUK_TRACES_PER_S": "-1"}, "SOUK_TRACES_PER_S"),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "localhost:4318"}, "OTEL_EXPORTER_OTLP_ENDPOINT"),
        (
            {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://x", "OTEL_EXPORTER_OTLP_HEADERS": "secret"},
            "OTEL_EXPORTER_OTLP_HEADERS",
        ),
    ],
)
async def test_a_setting_that_can_not_be_is_named(
    lines: RecordedLines, environment: dict[str, str], named: str
) -> None:
    with pytest.raises(ConfigError, match=named) as caught:
        start_tracing(environment, lines.log())
    assert "secret" not in str(caught.value)
    assert recorder.sink is None


async def test_with_an_endpoint_spans_are_exported(lines: RecordedLines) -> None:
    environment = {
        "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{unused_port()}",
        "OTEL_EXPORTER_OTLP_HEADERS": "api-key=a%20b, other=c",
    }
    stop = start_tracing(environment, lines.log())
    exporter = recorder.sink
    assert exporter is not None
    assert exporter._headers == {"content-type": "application/json", "api-key": "a b", "other": "c"}
    await stop()
    assert recorder.sink is None
