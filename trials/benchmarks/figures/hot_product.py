"""A flash sale: every order wants the one product. The whole saga, against pgbench on the hot row; nothing oversold."""

from trials.benchmarks.bare_sql import BareSql, Mode
from trials.benchmarks.figures.whole_saga import steadiness
from trials.benchmarks.findings import Findings
from trials.benchmarks.generator import one_body, one_hot_line, three_hot_lines
from trials.benchmarks.loads import Rounds, rounds_of, scheduled, whole_way
from trials.benchmarks.report import compared
from trials.benchmarks.settings import Settings
from trials.benchmarks.trial_shop import AuditFailedError, TrialShop, trial_shop

HOT, SIMPLE = "hot_product", "hot_product_simple"
ONE_PROCESS, ONE_LINE = "hot_product_one_process", "hot_product_one_line"
NAMES = (HOT, SIMPLE, ONE_PROCESS, ONE_LINE)
HOT_SQL, ONE_LINE_SQL = "hot_product", "hot_product_one_line"
THREE_LINES = "pgbench, the whole order a statement each, all orders of one product, 8 clients, {}"
LAST = "pgbench, one line of three units, the hot row locked last, 8 clients, prepared"
APART = "One process serves, one works on the queues: --workers shop=1. "


RARE, RARE_STOCK, RARE_WANTED_PER_S = "rare", 200, 500.0


async def measure(settings: Settings, findings: Findings) -> None:
    """Add this group's figures."""
    if settings.wants(HOT, SIMPLE):
        async with trial_shop(environment={"SOUK_WORKERS": "shop=1"}) as shop:
            sql = await _baseline(shop)
            modes: list[Mode] = ["prepared", "simple"] if settings.wants(SIMPLE) else ["prepared"]
            sale = await rounds_of(shop, sql, settings, lambda _: three_hot_lines(), script=HOT_SQL, modes=modes)
            _found(findings, HOT, sale, THREE_LINES.format("prepared"), APART)
            if settings.wants(SIMPLE):
                _found(findings, SIMPLE, sale, THREE_LINES.format("simple protocol"), APART, mode="simple")
            await _sell_out(shop)
            await shop.audit()
    if settings.wants(ONE_PROCESS, ONE_LINE):
        async with trial_shop() as shop:
            sql = await _baseline(shop)
            if settings.wants(ONE_PROCESS):
                sale = await rounds_of(shop, sql, settings, lambda _: three_hot_lines(), script=HOT_SQL)
                _found(findings, ONE_PROCESS, sale, THREE_LINES.format("prepared"))
            if settings.wants(ONE_LINE):
                sale = await rounds_of(shop, sql, settings, lambda _: one_hot_line(), script=ONE_LINE_SQL)
                _found(findings, ONE_LINE, sale, LAST)
            await _sell_out(shop)
            await shop.audit()


async def _baseline(shop: TrialShop) -> BareSql:
    sql = BareSql(shop.server)
    await sql.create()
    return sql


def _found(
    findings: Findings, name: str, sale: Rounds, baseline: str, said: str = "", *, mode: Mode = "prepared"
) -> None:
    sustained, bare = sale.sustained_per_s, sale.bare_per_s[mode]
    note = said + steadiness(sale.ways)
    findings.figures.append(
        compared(name, "orders/s", sustained, bare, baseline=baseline, at_least=1.5, stretch=3.0, note=note)
    )


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
