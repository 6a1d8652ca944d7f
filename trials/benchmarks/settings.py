"""How long a benchmark takes, and what of it is wanted."""

from dataclasses import dataclass
from pathlib import Path

CONNECTIONS = 64
"""Connections of the closed loops: enough to keep a shop on two cores busy."""
OPEN_CONNECTIONS = 256
"""Connections of the open loops: so many that the schedule hardly ever waits for one."""

NOT_QUICK = frozenset(
    {
        "fastapi_two_processes",
        "hot_product_one_line",
        "hot_product_simple",
        "hot_product_one_process",
        "one_process_cpu_at_the_same_rate",
        "placing_alone_p99_ms_at_70_percent",
        "placing_two_processes",
        "placing_with_saga_simple",
        "saga_simple",
        "saga_workers_apart",
        "stored_orders",
    }
)
"""What a quick run leaves out: the same in another way, and what a small number of stored orders would not show."""


@dataclass(frozen=True)
class Settings:
    """One run of the program. Times are in seconds."""

    rounds: int
    seconds: float
    """Of one measurement in a round."""
    warm_s: float
    """Of load before each measurement of the whole saga, until its queues have found their length."""
    curve: tuple[float, ...]
    """The loads of the plot of latency, as shares of the best throughput."""
    stored: tuple[int, ...]
    """How many orders are stored, for the plot of cost; the first and the last are compared."""
    history: tuple[Path, ...]
    """The trade history that is replayed."""
    stored_rounds: int
    """Rounds for each of them."""
    only: frozenset[str] = frozenset()
    """The figures wanted, or all if empty."""
    left_out: frozenset[str] = frozenset()
    """Figures that are not measured unless they are named."""

    def wants(self, *names: str) -> bool:
        """Whether one of these is wanted."""
        return any(name in self.only if self.only else name not in self.left_out for name in names)


def thorough(history: tuple[Path, ...], only: frozenset[str]) -> Settings:
    """Within 15 minutes."""
    return Settings(
        rounds=3,
        seconds=2.0,
        warm_s=1.5,
        curve=(0.1, 0.3, 0.5, 0.7, 0.85, 1.0),
        stored=(10_000, 1_000_000, 10_000_000),
        stored_rounds=3,
        history=history,
        only=only,
    )


def quick(history: tuple[Path, ...], only: frozenset[str]) -> Settings:
    """Within 2 minutes."""
    return Settings(
        rounds=2,
        seconds=1.0,
        warm_s=0.5,
        curve=(0.4, 0.95),
        stored=(10_000, 100_000),
        stored_rounds=2,
        left_out=NOT_QUICK,
        history=history,
        only=only,
    )
