"""Tracing in a process, as its environment says: which traces are sampled, and where their spans go."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Annotated
from urllib.parse import unquote, urlsplit

import msgspec

from souk_chassis.config import Config, ConfigError, read_config
from souk_chassis.observability.logs import Log
from souk_chassis.observability.otlp import OtlpExporter
from souk_chassis.observability.spans import recorder
from souk_chassis.observability.trace import Sampler, sample

ENDPOINT = "OTEL_EXPORTER_OTLP_ENDPOINT"
HEADERS = "OTEL_EXPORTER_OTLP_HEADERS"
"""OpenTelemetry's own names: collectors' manuals tell people to set these."""

TRACES_PER_S = 100
"""The most traces that a process begins and samples in a second, unless it is told otherwise."""


class TraceConfig(Config, frozen=True):
    """Settings of tracing. See docs/reference/configuration.md."""

    trace_ratio: Annotated[float, msgspec.Meta(ge=0, le=1)] = 1.0
    traces_per_s: Annotated[float, msgspec.Meta(ge=0)] = TRACES_PER_S


def start_tracing(environment: Mapping[str, str], log: Log) -> Callable[[], Awaitable[None]]:
    """Begin, on the running loop. Await what is returned when the process stops, after its last work.

    Raises ConfigError.
    """
    config = read_config(TraceConfig, environment)
    exporter = _exporter(environment, log)
    sample(Sampler(config.trace_ratio, config.traces_per_s))
    recorder.sink = exporter
    if exporter is not None:
        exporter.start()

    async def stop() -> None:
        recorder.sink = None
        sample(Sampler())
        if exporter is not None:
            await exporter.close()

    return stop


def _exporter(environment: Mapping[str, str], log: Log) -> OtlpExporter | None:
    endpoint = environment.get(ENDPOINT)
    if not endpoint:
        return None
    address = urlsplit(endpoint)
    if address.scheme not in ("http", "https") or not address.hostname:
        raise ConfigError(f"{ENDPOINT}: it is no address such as http://localhost:4318")
    return OtlpExporter(endpoint, _headers(environment.get(HEADERS, "")), log)


def _headers(text: str) -> dict[str, str]:
    """Headers given as `name=value,name=value`, values percent-encoded."""
    headers = {}
    for part in filter(None, text.split(",")):
        name, equals, value = part.partition("=")
        if not equals or not name.strip():
            raise ConfigError(f"{HEADERS}: it is not of the form name=value,name=value")
        headers[name.strip()] = unquote(value.strip())
    return headers
