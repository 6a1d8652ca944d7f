"""The loads that the figures share: a closed loop for the best throughput, an open one for latency; the whole way."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Literal, TypeVar

import msgspec

from trials.benchmarks.bare_sql import BareSql, Mode, settle
from trials.benchmarks.books import Span
from trials.benchmarks.findings import LatencyPoint
from trials.benchmarks.generator import play, three_lines
from trials.benchmarks.plan import LoadPlan, LoadResult
from trials.benchmarks.settings import CONNECTIONS, OPEN_CONNECTIONS, Settings
from trials.benchmarks.trial_shop import AuditFailedError, TrialShop

T = TypeVar("T")

MEMORY_EVERY_S = 0.1
PLACING_WARM_S = 0.5


@dataclass(frozen=True)
class WholeWay:
    """A load whose orders have all gone the whole way. CPU is in microseconds for each confirmed order."""

    span: Span
    load: LoadResult
    cpu_us: float
    postgres_cpu_us: float
    memory_mb: float


async def closed(
    url: str, token: str, bodies: Sequence[str], seconds: float, *, warm_s: float, connections: int = CONNECTIONS
) -> LoadResult:
    """As fast as it is answered."""
    return await play(_orders(url, token, bodies, seconds, warm_s=warm_s, mode="closed", connections=connections))


async def scheduled(
    url: str, token: str, bodies: Sequence[str], seconds: float, *, warm_s: float, rate_per_s: float, seed: int
) -> LoadResult:
    """At random moments that are fixed before (a Poisson process), so many a second."""
    plan = _orders(url, token, bodies, seconds, warm_s=warm_s, mode="open", connections=OPEN_CONNECTIONS)
    return await play(msgspec.structs.replace(plan, rate_per_s=rate_per_s, seed=seed))


def _orders(
    url: str,
    token: str,
    bodies: Sequence[str],
    seconds: float,
    *,
    warm_s: float,
    mode: Literal["open", "closed"],
    connections: int,
) -> LoadPlan:
    return LoadPlan(
        url=url,
        path="/orders",
        token=token,
        bodies=tuple(bodies),
        mode=mode,
        seconds=warm_s + seconds,
        warm_s=warm_s,
        connections=connections,
    )


async def whole_way(shop: TrialShop, load: Callable[[], Awaitable[LoadResult]]) -> WholeWay:
    """Play a load and wait until all its orders have ended and their mails are written."""
    await settle(shop.server)
    cpu_s, postgres_cpu_s = shop.cpu_s(), shop.postgres_cpu_s()
    peak_mb, result = await _watched(shop, load())
    await check_kept(shop, result)
    await shop.until_quiet()
    confirmed = await shop.books.count("CONFIRMED", result.began_at)
    return WholeWay(
        span=await shop.books.span(result.warm_at, result.ended_at),
        load=result,
        cpu_us=(shop.cpu_s() - cpu_s) / max(1, confirmed) * 1e6,
        postgres_cpu_us=(shop.postgres_cpu_s() - postgres_cpu_s) / max(1, confirmed) * 1e6,
        memory_mb=peak_mb,
    )


async def check_kept(shop: TrialShop, load: LoadResult) -> None:
    """Each order that was acknowledged is stored, and no other. Raises AuditFailedError."""
    stored = await shop.books.stored(load.began_at)
    if not load.acknowledged <= stored <= load.acknowledged + load.unfinished:
        raise AuditFailedError(f"{load.acknowledged} orders were acknowledged, and {stored} are stored")


@dataclass(frozen=True)
class Rounds:
    """The whole saga, round by round, and beside it what pgbench wrote a second, by mode."""

    ways: list[WholeWay]
    bare_per_s: dict[Mode, list[float]]

    @property
    def sustained_per_s(self) -> list[float]:
        """Orders a second that went the whole way."""
        return [way.span.sustained_per_s for way in self.ways]


async def rounds_of(
    shop: TrialShop,
    sql: BareSql,
    settings: Settings,
    bodies: Callable[[int], Sequence[str]] = three_lines,
    *,
    script: str = "order",
    modes: Sequence[Mode] = ("prepared",),
    rounds: int | None = None,
) -> Rounds:
    """In turns: pgbench in each mode, then the whole saga with the orders of that round; `settings.rounds` times
    unless `rounds` says otherwise."""
    made = Rounds([], {mode: [] for mode in modes})
    for seed in range(settings.rounds if rounds is None else rounds):
        for mode in modes:
            made.bare_per_s[mode].append(await sql.per_s(script, settings.seconds, mode))
        made.ways.append(await saga(shop, settings, bodies(seed)))
    return made


async def saga(shop: TrialShop, settings: Settings, bodies: Sequence[str]) -> WholeWay:
    """The whole saga as fast as the shop takes orders."""
    return await whole_way(shop, lambda: closed(shop.url, shop.token, bodies, settings.seconds, warm_s=settings.warm_s))


def point(rate_per_s: float, result: LoadResult) -> LatencyPoint:
    """A load as a point of the plot."""
    latency = result.latency_ms
    return LatencyPoint(rate_per_s, result.done_per_s, latency["p50"], latency["p99"], result.refused)


async def _watched(shop: TrialShop, work: Awaitable[T]) -> tuple[float, T]:
    """The most memory that the shop's processes had meanwhile."""
    peak_mb = 0.0

    async def watch() -> None:
        nonlocal peak_mb
        while True:
            peak_mb = max(peak_mb, shop.memory_mb())
            await asyncio.sleep(MEMORY_EVERY_S)

    watcher = asyncio.create_task(watch())
    try:
        result = await work
    finally:
        watcher.cancel()
        with suppress(asyncio.CancelledError):
            await watcher
    return peak_mb, result
