"""The baseline: pgbench writes the same orders straight to the shop's own PostgreSQL, a statement each, 8 clients.

Its tables are in a database of their own on the same server with the same settings, vacuumed before each run. Their
columns are the leanest that hold an order; rows of stock have room beside them, so that an update stays on its page.
"""

import asyncio
import os
import tempfile
import time
from collections.abc import Iterable, Sequence
from itertools import islice
from pathlib import Path
from typing import Literal

import asyncpg

from souk_topologies.postgres import ServerAddress
from souk_topologies.postgres.embedded import BIN_FOLDER
from souk_topologies.replay.history import History
from trials.benchmarks.generator import run_program

CLIENTS = 8
THREADS = 2
LINES_IN_TRANSACTION = 21
DATABASE = "baseline"
SQL = Path(__file__).with_name("sql")
INSERT_LINE = "INSERT INTO history_lines (order_id, line_number, product_id, quantity, unit_price) VALUES "

Mode = Literal["prepared", "simple"]


class BareSql:
    """pgbench on one server."""

    def __init__(self, server: ServerAddress) -> None:
        self._server = server

    async def create(self) -> None:
        """Make the baseline's database."""
        await create_database(self._server, DATABASE, (SQL / "schema.sql").read_text())

    async def per_s(self, script: str, seconds: float, mode: Mode = "prepared") -> float:
        """Transactions per second of a script in the folder `sql`."""
        await self._rest()
        options = ["-f", str(SQL / f"{script}.sql"), "-c", str(CLIENTS), "-j", str(THREADS)]
        options += ["-T", str(max(1, round(seconds))), "-M", mode]
        return tps(await self._pgbench(options))

    async def lines_per_s(self, seconds: float) -> float:
        """Order lines per second in transactions of 21 statements, prepared, with values that pgbench draws."""
        return await self.per_s("lines", seconds) * LINES_IN_TRANSACTION

    async def literal_lines_per_s(self, history: History) -> float:
        """Order lines per second of a history's own lines, written out in transactions of 21 statements.

        Each client has a share of the transactions. The time is that from the first's start to the last's end, with
        what starting the programs takes, measured apart, taken off.
        """
        await self._rest()
        with tempfile.TemporaryDirectory(prefix="souk-bench-") as folder:
            files = write_literal_scripts(history, Path(folder))
            empty = Path(folder) / "empty.sql"
            empty.write_text("SELECT 1;\n")
            starting_s = await self._all_once([empty] * CLIENTS)
            took_s = await self._all_once(files)
        return history.order_lines / max(took_s - starting_s, 1e-9)

    async def _all_once(self, files: Sequence[Path]) -> float:
        began = time.perf_counter()
        simple = ["-c", "1", "-t", "1", "-M", "simple"]
        await asyncio.gather(*(self._pgbench([*simple, "-f", str(file)]) for file in files))
        return time.perf_counter() - began

    async def _pgbench(self, options: Sequence[str]) -> str:
        server = self._server
        command = [str(BIN_FOLDER / "pgbench"), "-n", *options]
        command += ["-h", server.host, "-p", str(server.port), "-U", server.user, DATABASE]
        return await run_program(command, environment=dict(os.environ) | {"PGPASSWORD": server.password})

    async def _rest(self) -> None:
        """What the last run left to do is done before this one."""
        await settle(self._server, DATABASE)


def write_literal_scripts(history: History, folder: Path) -> list[Path]:
    """A script a client, with the lines of all orders as they stand; together they hold each line once."""
    lines = (
        f"{INSERT_LINE}("
        f"'{order.order_id}', {number}, '{line.product_id}', {line.quantity}, {line.unit_price_minor / 100:.2f});\n"
        for order in history.orders
        for number, line in enumerate(order.lines, 1)
    )
    shares: list[list[str]] = [[] for _ in range(CLIENTS)]
    for number, transaction in enumerate(_in_groups(lines, LINES_IN_TRANSACTION)):
        shares[number % CLIENTS] += ["BEGIN;\n", *transaction, "END;\n"]
    files = [folder / f"client-{number}.sql" for number in range(CLIENTS)]
    for file, share in zip(files, shares, strict=True):
        file.write_text("".join(share) or "SELECT 1;\n")
    return files


def _in_groups(lines: Iterable[str], size: int) -> Iterable[list[str]]:
    rest = iter(lines)
    while group := list(islice(rest, size)):
        yield group


def tps(printed: str) -> float:
    """The transactions per second that pgbench reports."""
    line = next(line for line in printed.splitlines() if line.startswith("tps"))
    return float(line.split()[2])


async def create_database(server: ServerAddress, name: str, schema: str) -> None:
    """A database with its tables."""
    admin = await asyncpg.connect(server.dsn("postgres"))
    await admin.execute(f'CREATE DATABASE "{name}"')
    await admin.close()
    connection = await asyncpg.connect(server.dsn(name))
    await connection.execute(schema)
    await connection.close()


async def settle(server: ServerAddress, *databases: str) -> None:
    """Vacuum these databases and write a checkpoint, so that nobody pays for what was before."""
    for name in databases:
        connection = await asyncpg.connect(server.dsn(name))
        await connection.execute("VACUUM ANALYZE")
        await connection.close()
    connection = await asyncpg.connect(server.dsn("postgres"))
    await connection.execute("CHECKPOINT")
    await connection.close()
