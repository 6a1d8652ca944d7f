"""What splitting the shop costs: CPU for each confirmed order, in one process and in a process a service.

Once with each as busy as it can be, and once with both at the same rate, which the costlier can follow. There the
orders come so far apart that nearly each is written alone.
"""

from trials.benchmarks.findings import Findings
from trials.benchmarks.generator import three_lines
from trials.benchmarks.loads import WholeWay, saga, scheduled, whole_way
from trials.benchmarks.report import compared
from trials.benchmarks.settings import Settings
from trials.benchmarks.spread import median
from trials.benchmarks.trial_shop import TrialShop, trial_shop

BUSY, SAME = "one_process_cpu", "one_process_cpu_at_the_same_rate"
NAMES = (BUSY, SAME)
SHARE = 0.6
BASELINE = "the same shop with the gateway and each service in a process of its own"


async def measure(settings: Settings, findings: Findings) -> None:
    """Add this group's figures."""
    async with trial_shop("process") as one, trial_shop("processes") as many:
        busy = {shop: list[WholeWay]() for shop in (one, many)}
        for seed in range(settings.rounds):
            for shop, ways in busy.items():
                ways.append(await saga(shop, settings, three_lines(seed)))
        best = {shop: median([way.span.sustained_per_s for way in ways]) for shop, ways in busy.items()}
        rate = SHARE * best[many]
        calm = {shop: list[WholeWay]() for shop in (one, many)}
        for seed in range(settings.rounds if settings.wants(SAME) else 0):
            for shop, ways in calm.items():
                ways.append(await _offered(shop, rate, seed, settings))
        await one.audit()
        await many.audit()
    notes = {
        BUSY: f"Python processes alone, each at its best: {best[one]:,.0f} and {best[many]:,.0f} orders/s.",
        SAME: f"Python processes alone, at {rate:,.0f} orders/s each.",
    }
    for name, measured in ((BUSY, busy), (SAME, calm)):
        if settings.wants(name):
            findings.figures.append(
                compared(
                    name,
                    "us",
                    [way.cpu_us for way in measured[one]],
                    [way.cpu_us for way in measured[many]],
                    baseline=BASELINE,
                    at_least=3.0,
                    stretch=6.0,
                    less_is_better=True,
                    note=notes[name],
                )
            )


async def _offered(shop: TrialShop, rate: float, seed: int, settings: Settings) -> WholeWay:
    bodies = three_lines(seed)
    return await whole_way(
        shop,
        lambda: scheduled(
            shop.url,
            shop.token,
            bodies,
            settings.seconds,
            warm_s=settings.warm_s,
            rate_per_s=rate,
            seed=seed,
        ),
    )
