"""`souk replay` and `souk audit`: play a trade history, and compare all books."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from souk_chassis import wire
from souk_topologies.audit import AuditReport
from souk_topologies.audit import audit as run_audit
from souk_topologies.cli.options import FoundWrongError, UsedWronglyError, data_dir_option, shop_url, url_option
from souk_topologies.cli.tokens import admin_token
from souk_topologies.client import ShopAwayError, ShopClient, ShopError
from souk_topologies.replay import HistoryError, read_history
from souk_topologies.replay.history import History
from souk_topologies.replay.run import DEFAULT_STOCK, ReplayError, Result
from souk_topologies.replay.run import replay as run_replay

MAX_STOCK = 1_000_000_000


@click.command()
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="FILE...")
@click.option(
    "--stock",
    type=click.IntRange(0, MAX_STOCK),
    default=DEFAULT_STOCK,
    show_default=True,
    help="Units of each product.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one object last.")
@url_option
@data_dir_option
def replay(files: Sequence[Path], stock: int, as_json: bool, url: str | None, data_dir: Path) -> None:
    """Place every order of a trade history, and wait until each has ended. Run again, it goes on where it stopped."""
    try:
        history = read_history(files)
    except HistoryError as error:
        raise UsedWronglyError(str(error)) from None
    address, token = shop_url(data_dir, url), admin_token(data_dir, url)
    try:
        result = asyncio.run(_replay(address, token, history, stock))
    except* (ReplayError, ShopError, ShopAwayError) as group:
        raise FoundWrongError(str(_first(group))) from None
    except* KeyboardInterrupt:
        raise FoundWrongError("interrupted: the same command goes on where it stopped") from None
    click.echo(wire.encode(result).decode() if as_json else _told(result))


def _first(group: BaseExceptionGroup[BaseException]) -> BaseException:
    error: BaseException = group
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


def _told(result: Result) -> str:
    return (
        f"{result.orders} orders with {result.order_lines} lines, {result.units} units, {result.amount}\n"
        f"{result.confirmed} confirmed over {result.confirmed_amount}, {result.rejected} rejected, "
        f"{result.cancelled} cancelled\n"
        f"not replayed: {result.returns} returns, {result.skipped_lines} other lines, {result.other_invoices} other "
        f"invoices\n{result.seconds} s"
    )


async def _replay(url: str, token: str, history: History, stock: int) -> Result:
    console = Console(stderr=True)
    columns = (
        TextColumn("{task.description:>9}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, refresh_per_second=4) as bar:
        async with ShopClient(url, token) as client:
            return await run_replay(client, history, stock, _Bar(bar))


class _Bar:
    """The replay's progress as a bar a stage, with its rate and the time left."""

    def __init__(self, bar: Progress) -> None:
        self._bar = bar
        self._task: TaskID | None = None
        self._skipped = 0

    def stage(self, text: str, total: int, done: int = 0) -> None:
        """See `souk_topologies.replay.run.Progress`."""
        self._skipped = done
        self._task = self._bar.add_task(text, total=total, completed=done, rate="")

    def step(self, done: int = 1) -> None:
        """See `souk_topologies.replay.run.Progress`."""
        if self._task is None:
            return
        task = self._bar.tasks[self._task]
        elapsed_s = task.elapsed or 0.0
        rate = (task.completed + done - self._skipped) / elapsed_s if elapsed_s > 0.5 else 0.0
        self._bar.update(self._task, advance=done, rate=f"{rate:,.0f}/s" if rate else "")


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print one object.")
@url_option
@data_dir_option
def audit(as_json: bool, url: str | None, data_dir: Path) -> None:
    """Ask every service for its own books, and compare them."""
    address, token = shop_url(data_dir, url), admin_token(data_dir, url)
    try:
        report = asyncio.run(_audit(address, token))
    except (ShopError, ShopAwayError) as error:
        raise FoundWrongError(str(error)) from None
    if as_json:
        click.echo(wire.encode(report).decode())
    else:
        _show(report)
    if not report.ok:
        broken = ", ".join(check.name for check in report.checks if not check.ok)
        raise FoundWrongError(f"the books do not agree: {broken}")


async def _audit(url: str, token: str) -> AuditReport:
    async with ShopClient(url, token) as client:
        return await run_audit(client)


def _show(report: AuditReport) -> None:
    for check in report.checks:
        click.echo(f"{'ok  ' if check.ok else 'FAIL'} {check.name} ({check.checked} checked)")
        for breach in check.breaches:
            click.echo(f"       {breach}")
