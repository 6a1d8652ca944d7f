"""What the load generator is told, and what it answers. It is a process of its own, so both go through a pipe."""

from typing import Literal

import msgspec

from trials.benchmarks.schedule import Arrivals


class LoadPlan(msgspec.Struct, frozen=True, kw_only=True):
    """One run. `bodies` are posted in turn, again and again.

    `open`: requests are made at the moments of a schedule, over at most `connections` connections; a request that
    finds none free waits, and its wait counts. `closed`: each connection makes its next request when it has the answer
    to the last. What is asked for before `warm_s` is not measured.
    """

    url: str
    path: str
    token: str
    bodies: tuple[str, ...]
    mode: Literal["open", "closed"]
    seconds: float
    connections: int
    warm_s: float = 0.0
    rate_per_s: float = 0.0
    arrivals: Arrivals = "poisson"
    seed: int = 1


class LoadResult(msgspec.Struct, frozen=True, kw_only=True):
    """What came of it. Times since the epoch and durations are in seconds, latencies in milliseconds.

    `acknowledged` are all answers 201. Of the requests measured, `done` got 201 and `refused` 429; `unfinished` have no
    answer, and count in the latencies with the time that they have waited so far. `done_per_s` counts the answers that
    came from `warm_s` on until the end of the schedule. `cpu_us` is the generator's own CPU time for each answer.
    """

    began_at: float
    warm_at: float
    ended_at: float
    asked: int
    answered: int
    acknowledged: int
    done: int
    refused: int
    unfinished: int
    done_per_s: float
    latency_ms: dict[str, float]
    cpu_us: float
