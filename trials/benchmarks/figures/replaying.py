"""A real shop's months played through the whole saga, in order lines per second, against pgbench inserting them."""

import msgspec

from souk_topologies.replay import read_history
from souk_topologies.replay.history import History
from souk_topologies.replay.run import DEFAULT_STOCK, replay
from trials.benchmarks.bare_sql import BareSql, settle
from trials.benchmarks.findings import Findings
from trials.benchmarks.report import Figure, compared
from trials.benchmarks.settings import Settings
from trials.benchmarks.trial_shop import AuditFailedError, TrialShop, trial_shop

LINES, LITERAL = "replay_lines", "replay_lines_simple"
NAMES = (LINES, LITERAL)
BASELINES = {
    LINES: "pgbench inserting lines with drawn values in transactions of 21, 8 clients, prepared statements",
    LITERAL: "pgbench inserting the very lines, written out, in transactions of 21, 8 clients, simple protocol",
}


class _Silent:
    """Nobody looks at this replay's progress."""

    def stage(self, text: str, total: int, done: int = 0) -> None:
        """See `souk_topologies.replay.run.Progress`."""

    def step(self, done: int = 1) -> None:
        """See `souk_topologies.replay.run.Progress`."""


async def measure(settings: Settings, findings: Findings) -> None:
    """Add this group's figures."""
    history = read_history(settings.history)
    async with trial_shop(products=False) as shop:
        sql = BareSql(shop.server)
        await sql.create()
        # Products are made once: an empty history of the same goods places no order.
        await replay(shop.client, msgspec.structs.replace(history, orders=()), DEFAULT_STOCK, _Silent())
        lines: list[float] = []
        walls: list[float] = []
        bare: dict[str, list[float]] = {LINES: [], LITERAL: []}
        for number in range(settings.rounds):
            bare[LINES].append(await sql.lines_per_s(settings.seconds))
            bare[LITERAL].append(await sql.literal_lines_per_s(history))
            seconds, wall_s = await _replayed(shop, history, f"r{number}-")
            lines.append(history.order_lines / seconds)
            walls.append(wall_s)
        await shop.audit()
    note = (
        f"{history.order_lines:,} lines of {len(history.orders):,} orders, from the first placed to the last confirmed."
        f" The command itself took {min(walls):.1f}..{max(walls):.1f} s a round."
    )
    findings.figures += [_figure(name, lines, bare[name], note) for name in NAMES if settings.wants(name)]


def _figure(name: str, lines: list[float], bare: list[float], note: str) -> Figure:
    return compared(name, "lines/s", lines, bare, baseline=BASELINES[name], at_least=0.5, stretch=1.0, note=note)


async def _replayed(shop: TrialShop, history: History, prefix: str) -> tuple[float, float]:
    """A replay under ids of its own: how long it took by the books and by the clock."""
    orders = tuple(msgspec.structs.replace(each, order_id=prefix + each.order_id) for each in history.orders)
    await settle(shop.server)
    result = await replay(shop.client, msgspec.structs.replace(history, orders=orders), DEFAULT_STOCK, _Silent())
    if result.confirmed != len(orders):
        raise AuditFailedError(f"of {len(orders)} orders replayed {result.confirmed} are confirmed")
    await shop.until_quiet()
    return await shop.books.seconds_of(prefix), result.seconds
