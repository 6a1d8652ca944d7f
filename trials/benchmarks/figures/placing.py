"""Placing alone: an order is stored and acknowledged, against the same order written by pgbench and by FastAPI.

Behind the answer the shop goes on to reserve, charge, confirm and mail, on the same two cores, which no baseline does.
So placing is measured twice: with the shop's work on its queues put off until after the run, as if it had machines of
its own; and as a burst into the shop as it runs.
"""

from trials.benchmarks.bare_sql import BareSql, settle
from trials.benchmarks.fastapi_baseline import create_tables, fastapi_shop, orders_stored
from trials.benchmarks.figures.limits import PLACING_P99
from trials.benchmarks.findings import Findings, LatencyPoint
from trials.benchmarks.generator import three_lines
from trials.benchmarks.loads import PLACING_WARM_S, check_kept, closed, point, scheduled, whole_way
from trials.benchmarks.plan import LoadResult
from trials.benchmarks.report import compared, limited
from trials.benchmarks.settings import Settings
from trials.benchmarks.spread import median
from trials.benchmarks.trial_shop import BURSTS, PLACING_ALONE, AuditFailedError, TrialShop, trial_shop

PLACING, SIMPLE, PEER, TWO_PEERS = "placing", "placing_simple", "fastapi", "fastapi_two_processes"
BURST, BURST_SIMPLE = "placing_with_saga", "placing_with_saga_simple"
TWO = "placing_two_processes"
P99 = "placing_alone_p99_ms_at_70_percent"
ALONE = (PLACING, SIMPLE, PEER, TWO_PEERS, P99)
NAMES = (*ALONE, BURST, BURST_SIMPLE, TWO)

SHARE = 0.7
PEER_CONNECTIONS = 16
"""The peer was slower with more, and each answer waited for longer."""
PEER_WARM_S = 1.5
"""It is started anew each time: its caches of statements are filled first."""
MANY_OPEN = 50_000
PREPARED_BASELINE = "pgbench, the whole order a statement each, 8 clients, prepared statements"
SIMPLE_BASELINE = "pgbench, the whole order a statement each, 8 clients, simple protocol"
PEER_BASELINE = "an order service in FastAPI and SQLAlchemy, {}, same PostgreSQL, same orders"
AIMS = {
    PLACING: (1.2, 2.0, PREPARED_BASELINE),
    SIMPLE: (1.2, 2.0, SIMPLE_BASELINE),
    PEER: (12.0, 25.0, PEER_BASELINE.format("one process, as the shop")),
    TWO_PEERS: (12.0, 25.0, PEER_BASELINE.format("two processes, one more than the shop")),
}
"""At least, stretch, and against what."""


async def measure(settings: Settings, findings: Findings) -> None:
    """Add this group's figures."""
    async with trial_shop(environment=PLACING_ALONE) as shop:
        sql = BareSql(shop.server)
        await sql.create()
        if settings.wants(*ALONE):
            await _alone(shop, sql, settings, findings)
        await shop.restart(BURSTS)
        await shop.until_quiet()
        if settings.wants(BURST, BURST_SIMPLE):
            await _bursts(shop, sql, settings, findings)
        await shop.audit()
    if settings.wants(TWO):
        await _two_processes(settings, findings)


async def _two_processes(settings: Settings, findings: Findings) -> None:
    """Placing alone where two whole shops share the address."""
    placed: list[float] = []
    bare: list[float] = []
    async with trial_shop(environment=PLACING_ALONE, replicas="shop=2") as shop:
        sql = BareSql(shop.server)
        await sql.create()
        for seed in range(settings.rounds):
            bare.append(await sql.per_s("order", settings.seconds))
            load = await _place(shop, settings, seed)
            placed.append(load.done_per_s)
        await shop.restart(BURSTS)
        await shop.until_quiet()
        await shop.audit()
    at_least, stretch, baseline = AIMS[PLACING]
    note = "As placing, by two processes of the whole shop: --replicas shop=2."
    findings.figures.append(
        compared(TWO, "orders/s", placed, bare, baseline=baseline, at_least=at_least, stretch=stretch, note=note)
    )


async def _alone(shop: TrialShop, sql: BareSql, settings: Settings, findings: Findings) -> None:
    placed: list[float] = []
    baselines: dict[str, list[float]] = {name: [] for name in AIMS}
    worked = False
    if settings.wants(PEER, TWO_PEERS):
        await create_tables(shop)
    for seed in range(settings.rounds):
        if settings.wants(PLACING):
            baselines[PLACING].append(await sql.per_s("order", settings.seconds))
        if settings.wants(SIMPLE):
            baselines[SIMPLE].append(await sql.per_s("order", settings.seconds, "simple"))
        load = await _place(shop, settings, seed)
        placed.append(load.done_per_s)
        worked = worked or await shop.books.count("CONFIRMED", load.began_at) > 0
        for name, processes in ((PEER, 1), (TWO_PEERS, 2)):
            if settings.wants(name):
                baselines[name].append(await _peer_per_s(shop, seed, settings, processes))
        await _drain_many(shop)
    note = "The shop's work on its queues is put off."
    if worked:
        note = "The shop worked on its queues all the same, which took its part of the cores."
    for name, (at_least, stretch, baseline) in AIMS.items():
        if settings.wants(name):
            findings.figures.append(
                compared(
                    name,
                    "orders/s",
                    placed,
                    baselines[name],
                    baseline=baseline,
                    at_least=at_least,
                    stretch=stretch,
                    note=note,
                )
            )
    if settings.wants(P99):
        await _latency(shop, SHARE * median(placed), settings, findings)


async def _place(shop: TrialShop, settings: Settings, seed: int) -> LoadResult:
    """As fast as it is answered; all is kept that was acknowledged. Raises AuditFailedError."""
    await settle(shop.server)
    load = await closed(shop.url, shop.token, three_lines(seed), settings.seconds, warm_s=PLACING_WARM_S)
    await check_kept(shop, load)
    return load


async def _peer_per_s(shop: TrialShop, seed: int, settings: Settings, processes: int) -> float:
    async with fastapi_shop(shop, processes) as url:
        before = await orders_stored(shop)
        await settle(shop.server)
        load = await closed(
            url,
            shop.token,
            three_lines(seed),
            settings.seconds,
            warm_s=PEER_WARM_S,
            connections=PEER_CONNECTIONS,
        )
        if await orders_stored(shop) - before != load.acknowledged:
            raise AuditFailedError("the FastAPI service has not stored what it acknowledged")
    return load.done_per_s


async def _drain_many(shop: TrialShop) -> None:
    """Let the shop work off what was put off: open orders are counted again and again, which costs the more of them."""
    if await shop.books.open_now() > MANY_OPEN:
        await shop.restart(BURSTS)
        await shop.until_quiet()
        await shop.restart(PLACING_ALONE)


async def _latency(shop: TrialShop, rate: float, settings: Settings, findings: Findings) -> None:
    found: list[LatencyPoint] = []
    for seed in range(settings.rounds):
        await settle(shop.server)
        load = await scheduled(
            shop.url, shop.token, three_lines(seed), settings.seconds, warm_s=PLACING_WARM_S, rate_per_s=rate, seed=seed
        )
        found.append(point(rate, load))
        await _drain_many(shop)
    findings.latency["placing alone"] = found
    refused = sum(each.refused for each in found)
    note = f"{rate:,.0f} orders/s offered, the work on queues put off, {refused} refused."
    p99 = [each.p99_ms for each in found]
    findings.figures.append(limited(P99, "ms", p99, limit=PLACING_P99[0], stretch=PLACING_P99[1], note=note))


async def _bursts(shop: TrialShop, sql: BareSql, settings: Settings, findings: Findings) -> None:
    placed: list[float] = []
    baselines: dict[str, list[float]] = {BURST: [], BURST_SIMPLE: []}
    for seed in range(settings.rounds):
        if settings.wants(BURST):
            baselines[BURST].append(await sql.per_s("order", settings.seconds))
        if settings.wants(BURST_SIMPLE):
            baselines[BURST_SIMPLE].append(await sql.per_s("order", settings.seconds, "simple"))
        bodies = three_lines(100 + seed)
        burst = await whole_way(
            shop,
            lambda bodies=bodies: closed(shop.url, shop.token, bodies, settings.seconds, warm_s=PLACING_WARM_S),  # type: ignore[misc] # a default binds it
        )
        placed.append(burst.load.done_per_s)
    for name, baseline in ((BURST, PREPARED_BASELINE), (BURST_SIMPLE, SIMPLE_BASELINE)):
        if settings.wants(name):
            findings.figures.append(
                compared(
                    name,
                    "orders/s",
                    placed,
                    baselines[name],
                    baseline=baseline,
                    at_least=1.2,
                    stretch=2.0,
                    note="A burst: the shop takes orders and works on its queues at once.",
                )
            )
