"""Medians, spreads and percentiles: exact, from all values."""

import math
import statistics
from collections.abc import Sequence

SHOWN = {"p50": 0.5, "p90": 0.9, "p99": 0.99, "p999": 0.999}


def percentile(ordered: Sequence[float], share: float) -> float:
    """The smallest value that at least `share` of all values do not exceed (nearest rank). `ordered` ascends."""
    if not ordered:
        raise ValueError("no values")
    rank = math.ceil(round(share * len(ordered), 9))  # 0.07 * 100 is a hair above 7
    return ordered[min(max(rank, 1), len(ordered)) - 1]


def percentiles(ordered: Sequence[float]) -> dict[str, float]:
    """Those that are shown, and the greatest value; nothing of nothing."""
    if not ordered:
        return {}
    return {name: percentile(ordered, share) for name, share in SHOWN.items()} | {"max": ordered[-1]}


def ratios(values: Sequence[float], against: Sequence[float]) -> list[float]:
    """Each round's ratio. What slows the whole machine for a moment slows both of a pair."""
    return [value / other for value, other in zip(values, against, strict=True)]


def median(values: Sequence[float]) -> float:
    """The middle one."""
    return statistics.median(values)
