"""Whether an order costs more when many are stored.

`stored_orders.fill(server, orders)` stores orders that have ended, with all that their services keep of them, until
there are so many, and returns when it is done. What it stores must pass the audit.

The loads can't alternate between few and many, so each is measured beside pgbench, whose own tables do not grow: it
tells what the machine did meanwhile.
"""

import asyncio

from trials.benchmarks.bare_sql import BareSql, settle
from trials.benchmarks.books import MAILS, ORDERS
from trials.benchmarks.findings import Findings, StoredPoint
from trials.benchmarks.loads import WholeWay, rounds_of
from trials.benchmarks.report import compared
from trials.benchmarks.settings import Settings
from trials.benchmarks.spread import median, ratios
from trials.benchmarks.stored_orders import fill
from trials.benchmarks.trial_shop import trial_shop

NAME = "stored_orders"
NAMES = (NAME,)
AUDITED = 200_000
"""The most stored orders that are audited: with more it takes minutes, so it comes before they are stored."""


async def measure(settings: Settings, findings: Findings) -> None:
    """Add this group's figure."""
    shares: dict[int, list[float]] = {}
    ways: dict[int, list[WholeWay]] = {}
    async with trial_shop() as shop:
        sql = BareSql(shop.server)
        await sql.create()
        audited = False
        for number in settings.stored:
            if number > AUDITED and not audited:
                await shop.audit()
                audited = True
            await asyncio.to_thread(fill, shop.server, number)
            await settle(shop.server, ORDERS, MAILS)
            rounds = await rounds_of(shop, sql, settings, rounds=settings.stored_rounds)
            ways[number] = rounds.ways
            shares[number] = ratios(rounds.sustained_per_s, rounds.bare_per_s["prepared"])
            findings.stored.append(_point(number, ways[number]))
        if not audited:
            await shop.audit()
    few, many = settings.stored[0], settings.stored[-1]
    findings.figures.append(
        compared(
            NAME,
            "orders/s",
            [way.span.sustained_per_s for way in ways[many]],
            [way.span.sustained_per_s for way in ways[few]],
            baseline=f"the same shop with {few:,} orders stored",
            at_least=0.9,
            stretch=0.97,
            note=f"{many:,} stored. As a share of pgbench beside it: {median(shares[many]):.2f}, "
            f"against {median(shares[few]):.2f} with few.",
        )
    )


def _per_s(ways: list[WholeWay]) -> float:
    return median([way.span.sustained_per_s for way in ways])


def _point(stored: int, ways: list[WholeWay]) -> StoredPoint:
    return StoredPoint(stored, _per_s(ways), median([way.cpu_us + way.postgres_cpu_us for way in ways]))
