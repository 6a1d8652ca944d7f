"""What splitting the shop costs: CPU for each confirmed order, in one process and in a process a service.

Both get the same load at the same rate, one that the costlier can follow.
"""

from trials.benchmarks.findings import Findings
from trials.benchmarks.generator import three_lines
from trials.benchmarks.loads import WholeWay, saga, scheduled, whole_way
from trials.benchmarks.report import compared
from trials.benchmarks.settings import Settings
from trials.benchmarks.spread import median
from trials.benchmarks.trial_shop import TrialShop, trial_shop

NAME = "one_process_cpu"
NAMES = (NAME,)
SHARE = 0.6


async def measure(settings: Settings, findings: Findings) -> None:
    """Add this group's figure."""
    async with trial_shop("process") as one, trial_shop("processes") as many:
        best = (await saga(many, settings, three_lines(0))).span.sustained_per_s
        cpu_us: dict[TrialShop, list[float]] = {one: [], many: []}
        for seed in range(settings.rounds):
            for shop, used in cpu_us.items():
                used.append((await _offered(shop, SHARE * best, seed, settings)).cpu_us)
        await one.audit()
        await many.audit()
    note = f"Python processes alone, at {SHARE * best:,.0f} orders/s each."
    if median(cpu_us[one]) >= median(cpu_us[many]):
        note += " One process costs no less."
    findings.figures.append(
        compared(
            NAME,
            "us",
            cpu_us[one],
            cpu_us[many],
            baseline="the same shop with the gateway and each service in a process of its own",
            at_least=3.0,
            stretch=6.0,
            less_is_better=True,
            note=note,
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
