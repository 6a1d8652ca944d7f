"""What the measurements of one run add up to: figures, and the points of the plots."""

from dataclasses import dataclass, field

from trials.benchmarks.report import Figure


@dataclass(frozen=True)
class LatencyPoint:
    """One load: what was offered, what was done a second, how long it took in milliseconds, and what was not done."""

    offered_per_s: float
    done_per_s: float
    p50_ms: float
    p99_ms: float
    refused: int = 0


@dataclass(frozen=True)
class StoredPoint:
    """What an order costs when so many are stored."""

    stored: int
    per_s: float
    cpu_us: float


@dataclass
class Findings:
    """Grows with each measurement."""

    figures: list[Figure] = field(default_factory=list)
    latency: dict[str, list[LatencyPoint]] = field(default_factory=dict)
    """By the name of the line."""
    stored: list[StoredPoint] = field(default_factory=list)
