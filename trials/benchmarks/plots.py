"""The two plots: latency against throughput, and cost against stored orders."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from matplotlib import pyplot as plt

from trials.benchmarks.findings import LatencyPoint, StoredPoint
from trials.benchmarks.spread import median

SIZE_INCHES = (7.0, 4.2)


def throughput_latency(path: Path, lines: Mapping[str, Sequence[LatencyPoint]]) -> None:
    """Open loop: what was offered, and how long an answer took from the moment at which it was meant to be asked."""
    figure, axes = plt.subplots(figsize=SIZE_INCHES, layout="constrained")
    for name, points in lines.items():
        ordered = one_a_load(points)
        loads = [each.offered_per_s for each in ordered]
        [line] = axes.plot(loads, [each.p99_ms for each in ordered], marker="o", label=f"{name}, p99")
        p50 = [each.p50_ms for each in ordered]
        axes.plot(loads, p50, marker="o", linestyle="--", color=line.get_color(), label=f"{name}, p50")
    axes.set(xlabel="orders per second, offered (Poisson)", ylabel="placing, ms from the intended time", yscale="log")
    axes.set_xlim(left=0)
    axes.yaxis.set_major_formatter("{x:g}")
    axes.grid(alpha=0.3)
    axes.legend()
    _save(figure, path)


def one_a_load(points: Sequence[LatencyPoint]) -> list[LatencyPoint]:
    """The medians of what was measured at each load, in ascending order."""
    by_load: dict[float, list[LatencyPoint]] = {}
    for each in points:
        by_load.setdefault(each.offered_per_s, []).append(each)
    return [
        LatencyPoint(
            load,
            median([each.done_per_s for each in same]),
            median([each.p50_ms for each in same]),
            median([each.p99_ms for each in same]),
            sum(each.refused for each in same),
        )
        for load, same in sorted(by_load.items())
    ]


def cost_stored(path: Path, points: Sequence[StoredPoint]) -> None:
    """The whole saga, with more and more orders stored."""
    figure, axes = plt.subplots(figsize=SIZE_INCHES, layout="constrained")
    stored = [each.stored for each in points]
    axes.plot(stored, [each.cpu_us for each in points], marker="o")
    axes.set(xlabel="orders stored", ylabel="CPU an order, shop and PostgreSQL, us", xscale="log")
    axes.set_ylim(bottom=0)
    axes.grid(alpha=0.3)
    _save(figure, path)


def _save(figure: object, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, metadata={"Date": None})  # type: ignore[attr-defined] # matplotlib has no types here
    plt.close(figure)
