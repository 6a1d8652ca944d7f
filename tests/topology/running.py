"""Shops as a user runs them: the `souk` command as a process, a data directory, and what must be gone afterwards."""

import asyncio
import contextlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import asyncpg
import psutil

from souk_topologies.places import DataDir
from souk_topologies.postgres import EmbeddedPostgres
from souk_topologies.shop import SERVICES
from tests.topology.client import CONNECTIONS, SETTLE_S, Customer

SOUK = Path(sys.executable).with_name("souk")
"""The console script beside the interpreter."""
COMMAND_TIMEOUT_S = 120.0
_TELLING = ("DATABASE_URL", "SOUK_DATABASE_URLS", "SOUK_READY_FILE")
"""Variables by which the processes of a data directory are known: the database's socket is in it."""


@dataclass(frozen=True)
class Finished:
    """A command that has ended."""

    status: int
    out: str
    err: str


@contextmanager
def data_dir() -> Iterator[Path]:
    """A short folder that the database's own user can reach. At the end no process of it is left."""
    folder = Path(tempfile.mkdtemp(prefix="souk-t-"))
    folder.chmod(0o755)
    try:
        yield folder
    finally:
        left = end_processes(folder)
        shutil.rmtree(folder)
    assert not left, f"processes were left behind: {left}"


def souk(*arguments: str, at: Path | None = None, environment: Mapping[str, str] | None = None) -> Finished:
    """Run the command to its end, on this data directory."""
    ended = subprocess.run(
        [str(SOUK), *arguments, *(("--data-dir", str(at)) if at else ())],
        capture_output=True,
        text=True,
        timeout=COMMAND_TIMEOUT_S,
        env=clean_environment() | dict(environment or {}),
        check=False,
    )
    return Finished(ended.returncode, ended.stdout, ended.stderr)


def clean_environment() -> dict[str, str]:
    """This process's environment without settings of Souk that the caller's shell may have."""
    return {name: value for name, value in os.environ.items() if not name.startswith("SOUK_")}


def processes_of(folder: Path) -> list[str]:
    """Every process that works on this data directory, by its command line, its folder or its settings."""
    return [f"{process.pid} {' '.join(process.cmdline())[:200]}" for process in _working_on(folder)]


def end_processes(folder: Path) -> list[str]:
    """End what still works on the folder. Returns what it was."""
    left = list(_working_on(folder))
    names = [str(process) for process in left]
    for process in left:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()
    psutil.wait_procs(left, timeout=10)
    return names


def _working_on(folder: Path) -> Iterator[psutil.Process]:
    sign = str(folder)
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.NoSuchProcess, psutil.AccessDenied, psutil.ZombieProcess):
            if process.pid == os.getpid():
                continue
            settings = " ".join(value for name, value in process.environ().items() if name in _TELLING)
            if sign in " ".join(process.cmdline()) or process.cwd().startswith(sign) or sign in settings:
                yield process


class Running:
    """What the tests of the topologies are told of a shop that runs, where nothing else is said of it."""

    has_authorizer = False
    """Whether API Gateway's authorizer stands before it, which is not asked for a public route: no token is looked at
    there. The shop's own gateway refuses a bad one everywhere."""
    settle_s = SETTLE_S
    """As `Client.settle_s`."""
    connections = CONNECTIONS
    """How many requests of a test are under way at once, at most: the others wait."""


class Shop(Running):
    """A shop that was started with `souk up --detach`."""

    def __init__(self, folder: Path, topology: str = "process", *options: str, serialised: bool = False) -> None:
        self.folder = folder
        self.options = options
        self.topology = topology
        self.environment = {"SOUK_SERIALISE": "1"} if serialised else {}
        self.url = ""
        self.admin = ""
        self.known: dict[str, Customer] = {}
        """Customers that several tests use, by name: opening an account takes its time."""

    def up(self) -> None:
        """Start it on any free port, without the sample catalogue."""
        began = souk(
            *("up", "--detach", "--port", "0", "--empty", "--topology", self.topology, *self.options),
            at=self.folder,
            environment=self.environment,
        )
        assert began.status == 0, f"{began.err}\n{self.log_tail()}"
        self.url = began.out.strip()
        if not self.admin:
            self.admin = self.token("--admin")

    def down(self) -> None:
        """Stop it."""
        ended = souk("down", at=self.folder)
        assert ended.status == 0, ended.err

    def token(self, *options: str) -> str:
        """A token of the operator."""
        made = souk("token", *options, at=self.folder)
        assert made.status == 0, made.err
        return made.out.strip()

    def audit(self) -> None:
        """Assert that all books agree."""
        ended = souk("audit", "--json", at=self.folder)
        assert ended.out, ended.err
        report = json.loads(ended.out)
        assert (ended.status, report["ok"]) == (0, True), [check for check in report["checks"] if not check["ok"]]

    @property
    def pid(self) -> int:
        """The process that runs the shop."""
        state = DataDir(self.folder).read_state()
        assert state is not None
        return state.pid

    def log_tail(self) -> str:
        """The end of the shop's log."""
        log = DataDir(self.folder).log
        return log.read_text(errors="replace")[-3000:] if log.exists() else ""

    async def dsn(self, service: str) -> str:
        """The address of a service's database, as the server's superuser."""
        server = EmbeddedPostgres(DataDir(self.folder).postgres)
        return (await server.ensure_running()).dsn(f"souk_{service}")

    async def row_counts(self) -> dict[str, int]:
        """The number of rows of every table of every service, once no event is under way any more."""
        deadline = time.monotonic() + 30
        before: dict[str, int] = {}
        while True:
            counts: dict[str, int] = {}
            for service in SERVICES:
                counts |= await self._row_counts(service)
            # Seen twice: between two databases, one look can miss an event that is on its way.
            if counts == before and not any(n for name, n in counts.items() if name.endswith((".inbox", ".outbox"))):
                return counts
            assert time.monotonic() < deadline, f"events do not come to rest: {counts}"
            before = counts
            await asyncio.sleep(0.05)

    async def _row_counts(self, service: str) -> dict[str, int]:
        connection = await asyncpg.connect(await self.dsn(service))
        try:
            tables = await connection.fetch(
                "SELECT format('%I.%I', schemaname, tablename) FROM pg_tables"
                " WHERE schemaname NOT IN ('pg_catalog', 'information_schema')"
            )
            union = " UNION ALL ".join(f"SELECT '{row[0]}', count(*) FROM {row[0]}" for row in tables)  # noqa: S608 - names from the catalogue itself, quoted by it
            return {f"{service}.{row[0]}": row[1] for row in await connection.fetch(union)}
        finally:
            await connection.close()


@contextmanager
def running_shop(
    topology: str = "process", *options: str, serialised: bool = False, environment: Mapping[str, str] | None = None
) -> Iterator[Shop]:
    """A shop with a data directory of its own. At the end its books agree, and nothing of it is left."""
    with data_dir() as folder:
        shop = Shop(folder, topology, *options, serialised=serialised)
        shop.environment |= environment or {}
        shop.up()
        try:
            yield shop
            shop.audit()
        finally:
            shop.down()
            assert not processes_of(folder)
