"""A flash sale: every order wants the one product. The whole saga, against pgbench on the hot row; nothing oversold."""

from trials.benchmarks.bare_sql import BareSql
from trials.benchmarks.figures.whole_saga import steadiness
from trials.benchmarks.findings import Findings
from trials.benchmarks.generator import one_body, one_hot_line, three_hot_lines
from trials.benchmarks.loads import WholeWay, saga, scheduled, whole_way
from trials.benchmarks.report import compared
from trials.benchmarks.settings import Settings
from trials.benchmarks.trial_shop import AuditFailedError, TrialShop, trial_shop

NAMES = ("hot_product", "hot_product_one_line")
KINDS = {
    "hot_product": "pgbench, the whole order a statement each, all orders of one product, 8 clients, prepared",
    "hot_product_one_line": "pgbench, one line of three units, the hot row locked last, 8 clients, prepared",
}
RARE, RARE_STOCK, RARE_WANTED_PER_S = "rare", 200, 500.0


async def measure(settings: Settings, findings: Findings) -> None:
    """Add this group's figures."""
    async with trial_shop() as shop:
        sql = BareSql(shop.server)
        await sql.create()
        for name, baseline in KINDS.items():
            if not settings.wants(name):
                continue
            ways: list[WholeWay] = []
            bare: list[float] = []
            for _ in range(settings.rounds):
                bare.append(await sql.per_s(name, settings.seconds))
                bodies = three_hot_lines() if name == "hot_product" else one_hot_line()
                ways.append(await saga(shop, settings, bodies))
            findings.figures.append(
                compared(
                    name,
                    "orders/s",
                    [way.span.sustained_per_s for way in ways],
                    bare,
                    baseline=baseline,
                    at_least=1.5,
                    stretch=3.0,
                    note=steadiness(ways),
                )
            )
        await _sell_out(shop)
        await shop.audit()


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
