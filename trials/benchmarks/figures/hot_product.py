"""A flash sale: every order wants the one product. The whole saga, against pgbench on the hot row; nothing oversold."""

from trials.benchmarks.bare_sql import BareSql
from trials.benchmarks.figures.whole_saga import steadiness
from trials.benchmarks.findings import Findings
from trials.benchmarks.generator import one_body, one_hot_line, three_hot_lines
from trials.benchmarks.loads import WholeWay, saga, scheduled, whole_way
from trials.benchmarks.report import compared
from trials.benchmarks.settings import Settings
from trials.benchmarks.trial_shop import AuditFailedError, TrialShop, trial_shop

HOT, ONE_LINE, APART = "hot_product", "hot_product_one_line", "hot_product_workers_apart"
SIMPLE = "hot_product_simple"
NAMES = (HOT, ONE_LINE, APART, SIMPLE)
KINDS = {
    HOT: "pgbench, the whole order a statement each, all orders of one product, 8 clients, prepared",
    ONE_LINE: "pgbench, one line of three units, the hot row locked last, 8 clients, prepared",
}
RARE, RARE_STOCK, RARE_WANTED_PER_S = "rare", 200, 500.0


async def measure(settings: Settings, findings: Findings) -> None:
    """Add this group's figures."""
    if settings.wants(HOT, ONE_LINE):
        async with trial_shop() as shop:
            sql = BareSql(shop.server)
            await sql.create()
            for name in KINDS:
                if settings.wants(name):
                    await _sale(shop, sql, name, name, "", settings, findings)
            await _sell_out(shop)
            await shop.audit()
    if settings.wants(APART):
        async with trial_shop(environment={"SOUK_WORKERS": "shop=1"}) as shop:
            sql = BareSql(shop.server)
            await sql.create()
            said = "One process serves, one works on the queues: --workers shop=1. "
            await _sale(shop, sql, APART, HOT, said, settings, findings)
            await _sell_out(shop)
            await shop.audit()


async def _sale(
    shop: TrialShop, sql: BareSql, name: str, kind: str, said: str, settings: Settings, findings: Findings
) -> None:
    ways: list[WholeWay] = []
    bare: list[float] = []
    simple: list[float] = []
    for _ in range(settings.rounds):
        bare.append(await sql.per_s(kind, settings.seconds))
        if name == HOT and settings.wants(SIMPLE):
            simple.append(await sql.per_s(kind, settings.seconds, "simple"))
        ways.append(await saga(shop, settings, three_hot_lines() if kind == HOT else one_hot_line()))
    found = [(name, bare, KINDS[kind])]
    if simple:
        found.append((SIMPLE, simple, KINDS[kind].replace("prepared", "simple protocol")))
    sustained = [way.span.sustained_per_s for way in ways]
    note = said + steadiness(ways)
    findings.figures += [
        compared(each, "orders/s", sustained, against, baseline=baseline, at_least=1.5, stretch=3.0, note=note)
        for each, against, baseline in found
    ]


async def _sell_out(shop: TrialShop) -> None:
    """More is wanted than there is: exactly what there is gets sold. Raises AuditFailedError."""
    await shop.put_product(RARE, RARE_STOCK)
    way = await whole_way(
        shop,
        lambda: scheduled(
            shop.url, shop.token, (one_body(RARE),), 1.0, warm_s=0.0, rate_per_s=RARE_WANTED_PER_S, seed=1
        ),
    )
    confirmed = await shop.books.count("CONFIRMED", way.load.began_at)
    rejected = await shop.books.count("REJECTED", way.load.began_at)
    if confirmed != min(RARE_STOCK, way.load.done) or confirmed + rejected != way.load.done:
        raise AuditFailedError(
            f"of {RARE_STOCK} units {confirmed} are sold and {rejected} orders rejected, with {way.load.done} wanted"
        )
