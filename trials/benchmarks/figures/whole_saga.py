"""The whole saga: placed, reserved, charged, confirmed and mailed, as fast as it goes on for ever; and its latency.

What counts is what went the whole way while the load was on, by the times in the shop's own tables.
"""

from trials.benchmarks.bare_sql import BareSql, Mode, settle
from trials.benchmarks.figures.limits import MEMORY, PLACING_P99
from trials.benchmarks.figures.placing import PREPARED_BASELINE, SHARE, SIMPLE_BASELINE
from trials.benchmarks.findings import Findings, LatencyPoint
from trials.benchmarks.generator import three_lines
from trials.benchmarks.loads import Rounds, WholeWay, point, rounds_of, scheduled
from trials.benchmarks.report import Figure, compared, limited
from trials.benchmarks.settings import Settings
from trials.benchmarks.spread import median
from trials.benchmarks.trial_shop import TrialShop, trial_shop

SAGA, SIMPLE, P99, MEMORY_MB = "saga", "saga_simple", "placing_p99_ms_at_70_percent", "memory_mb"
APART = "saga_workers_apart"
AGAINST: dict[Mode, tuple[str, str]] = {"prepared": (SAGA, PREPARED_BASELINE), "simple": (SIMPLE, SIMPLE_BASELINE)}
"""The figure and its baseline, by the mode of pgbench."""
NAMES = (SAGA, SIMPLE, P99, MEMORY_MB, APART)
STEADY = 0.05
"""Queues that grow by less than this share of the throughput are as good as still: the sample is that short."""


async def measure(settings: Settings, findings: Findings) -> None:
    """Add this group's figures."""
    if settings.wants(SAGA, SIMPLE, P99, MEMORY_MB):
        await _in_one_process(settings, findings)
    if settings.wants(APART):
        await _workers_apart(settings, findings)


async def _workers_apart(settings: Settings, findings: Findings) -> None:
    """One process serves, and one works on the queues."""
    async with trial_shop(environment={"SOUK_WORKERS": "shop=1"}) as shop:
        sql = BareSql(shop.server)
        await sql.create()
        rounds = await rounds_of(shop, sql, settings)
        await shop.audit()
    said = "One process serves, one works on the queues: --workers shop=1. "
    findings.figures.append(_compared(APART, rounds, "prepared", PREPARED_BASELINE, said))


def _compared(name: str, rounds: Rounds, mode: Mode, baseline: str, said: str = "") -> Figure:
    bare, note = rounds.bare_per_s[mode], said + steadiness(rounds.ways)
    return compared(
        name, "orders/s", rounds.sustained_per_s, bare, baseline=baseline, at_least=0.5, stretch=1.0, note=note
    )


async def _in_one_process(settings: Settings, findings: Findings) -> None:
    async with trial_shop() as shop:
        sql = BareSql(shop.server)
        await sql.create()
        wanted = {mode: told for mode, told in AGAINST.items() if settings.wants(told[0])}
        rounds = await rounds_of(shop, sql, settings, modes=list(wanted))
        for mode, (name, baseline) in wanted.items():
            findings.figures.append(_compared(name, rounds, mode, baseline))
        if settings.wants(P99):
            await _latency(shop, median(rounds.sustained_per_s), settings, findings)
        await shop.audit()
    if settings.wants(MEMORY_MB):
        peaks = [way.memory_mb for way in rounds.ways]
        note = "Resident, the most of each round."
        findings.figures.append(limited(MEMORY_MB, "MB", peaks, limit=MEMORY[0], stretch=MEMORY[1], note=note))


def steadiness(ways: list[WholeWay]) -> str:
    """What is to be known of the rounds: whether queues grew, and where the CPU went."""
    growth = median([way.span.growth_per_s for way in ways])
    sustained = median([way.span.sustained_per_s for way in ways])
    said = "Queues did not grow" if growth <= STEADY * sustained else "QUEUES GREW"
    return (
        f"{said} ({growth:+,.0f} open orders/s). CPU an order: shop {median([w.cpu_us for w in ways]):,.0f} us, "
        f"PostgreSQL {median([w.postgres_cpu_us for w in ways]):,.0f} us, generator "
        f"{median([w.load.cpu_us for w in ways]):,.0f} us. {sum(w.load.refused for w in ways)} refused."
    )


async def _latency(shop: TrialShop, best_per_s: float, settings: Settings, findings: Findings) -> None:
    rate = SHARE * best_per_s
    found = [await _offered(shop, rate, seed, settings, findings) for seed in range(settings.rounds)]
    refused = sum(each.refused for each in found)
    note = f"{rate:,.0f} orders/s offered, the whole saga running behind it, {refused} refused."
    p99 = [each.p99_ms for each in found]
    findings.figures.append(limited(P99, "ms", p99, limit=PLACING_P99[0], stretch=PLACING_P99[1], note=note))
    for share in settings.curve:
        if share != SHARE:
            await _offered(shop, share * best_per_s, 1, settings, findings)


async def _offered(shop: TrialShop, rate: float, seed: int, settings: Settings, findings: Findings) -> LatencyPoint:
    await settle(shop.server)
    load = await scheduled(
        shop.url, shop.token, three_lines(seed), settings.seconds, warm_s=settings.warm_s, rate_per_s=rate, seed=seed
    )
    await shop.until_quiet()
    found = point(rate, load)
    findings.latency.setdefault("whole saga", []).append(found)
    return found
