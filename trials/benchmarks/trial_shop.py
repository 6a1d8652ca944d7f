"""A shop of the benchmark's own: started, driven through its command and its HTTP API, watched, audited, removed."""

import asyncio
import os
import shutil
import sys
import tempfile
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import psutil

from souk_chassis.auth.identity import Identity, Role
from souk_chassis.queues import Queues
from souk_contracts.products import Product
from souk_topologies.at_once import at_once
from souk_topologies.audit import audit
from souk_topologies.cli.tokens import OPERATOR_ADMIN, make_token
from souk_topologies.client import ShopClient
from souk_topologies.places import DataDir
from souk_topologies.postgres import EmbeddedPostgres, ServerAddress
from souk_topologies.shop import SERVICES
from trials.benchmarks.books import Books
from trials.benchmarks.generator import PRICE_MINOR, PRODUCTS, run_program

SOUK = Path(sys.executable).with_name("souk")
STOCK = 1_000_000_000
CUSTOMER = "bench"
AT_ONCE = 16
LOOK_EVERY_S = 0.05
STALLED_S = 60.0
"""Waiting for orders to end gives up where none has ended for so long."""
PLACING_ALONE = {"SOUK_WORK": "off", "SOUK_MAX_OPEN_ORDERS": "1000000"}
"""A shop that takes orders and works on no queue. Started again without, it does the rest."""
BURSTS = {"SOUK_MAX_OPEN_ORDERS": "1000000"}
"""A shop that takes orders however many are open."""


class AuditFailedError(RuntimeError):
    """The shop's books do not agree: what was measured counts for nothing."""


class TrialShop:
    """One data directory, with a shop that runs on it now and then."""

    def __init__(self, folder: Path, topology: str, replicas: str = "") -> None:
        self._data = DataDir(folder)
        self._topology = topology
        self._replicas = replicas
        self._runs = False
        self.url = ""
        self.token = ""
        self._client: ShopClient | None = None
        self._server: ServerAddress | None = None

    @property
    def client(self) -> ShopClient:
        """Calls the shop as an administrator."""
        assert self._client is not None
        return self._client

    @property
    def server(self) -> ServerAddress:
        """Its PostgreSQL."""
        assert self._server is not None
        return self._server

    @property
    def keys(self) -> Path:
        """The folder of its signing keys."""
        return self._data.keys

    @property
    def books(self) -> Books:
        """What it has written down."""
        return Books(self.server)

    async def start(self, environment: Mapping[str, str] | None = None) -> None:
        """Return when it takes orders. Raises ProgramError."""
        command = [str(SOUK), "up", "--detach", "--empty", "--port", "0", "--topology", self._topology]
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("SOUK_")}
        place = ["--data-dir", str(self._data.path)]
        more = {"SOUK_REPLICAS": self._replicas, **(environment or {})}
        self.url = (await run_program([*command, *place], environment=inherited | more)).strip()
        self._runs = True
        self.token = make_token(self._data.path, Identity(Role.CUSTOMER, CUSTOMER))
        self._client = await ShopClient(self.url, make_token(self._data.path, OPERATOR_ADMIN)).__aenter__()
        self._server = await EmbeddedPostgres(self._data.postgres).start()

    async def stop(self) -> None:
        """Stop it gracefully, if it runs. Its data stays."""
        if self._client is not None:
            await self._client.__aexit__(None, None, None)
            self._client = None
        if self._runs:
            self._runs = False
            await run_program([str(SOUK), "down", "--data-dir", str(self._data.path)])

    async def restart(self, environment: Mapping[str, str] | None = None) -> None:
        """Stop it, and start it with another environment."""
        await self.stop()
        await self.start(environment)

    async def make_products(self) -> None:
        """What the orders are of."""

        async def make(number: int) -> None:
            await self.put_product(str(number), STOCK)

        await at_once(make, range(1, PRODUCTS + 1), AT_ONCE)

    async def put_product(self, product_id: str, stock: int) -> None:
        """Make a product."""
        price = f"{PRICE_MINOR / 100:.2f}"
        body = {"name": f"Product {product_id}", "price": price, "inventory": stock}
        await self.client.call("PUT", f"/products/{product_id}", Product, body=body)

    async def until_quiet(self) -> None:
        """Return when every order has ended and no event waits. Raises RuntimeError where orders do not end."""
        loop = asyncio.get_running_loop()
        fewest, since = sys.maxsize, loop.time()
        while True:
            left = await self.books.open_now()
            if left == 0:
                states = [await self.client.call("GET", f"/queues/{name}", Queues) for name in SERVICES]
                if not any(state.outbox or any(queue.waiting for queue in state.queues) for state in states):
                    return
            if left < fewest:
                fewest, since = left, loop.time()
            if loop.time() - since > STALLED_S:
                raise RuntimeError(f"{left} orders do not end")
            await asyncio.sleep(LOOK_EVERY_S)

    async def audit(self) -> None:
        """Compare all books once every order has ended. Raises AuditFailedError."""
        await self.until_quiet()
        report = await audit(self.client)
        if not report.ok:
            broken = [f"{check.name} ({check.breaches[0]})" for check in report.checks if check.breaches]
            raise AuditFailedError("the audit fails: " + ", ".join(broken))

    def cpu_s(self) -> float:
        """CPU time that its Python processes have used, in seconds."""
        return sum(sum(process.cpu_times()[:2]) for process in self._processes())

    def postgres_cpu_s(self) -> float:
        """CPU time that its PostgreSQL has used, in seconds, less that of connections which have ended."""
        number = int((self._data.postgres / "cluster" / "postmaster.pid").read_text().splitlines()[0])
        server = psutil.Process(number)
        used_s = 0.0
        for process in [server, *server.children()]:
            with suppress(psutil.NoSuchProcess):
                used_s += sum(process.cpu_times()[:2])
        return used_s

    def memory_mb(self) -> float:
        """Resident memory of its Python processes now, in MB (1,000,000 bytes)."""
        return sum(process.memory_info().rss for process in self._processes()) / 1e6

    def _processes(self) -> list[psutil.Process]:
        state = self._data.read_state()
        pids = [*self._data.read_processes().values(), *([state.pid] if state else [])]
        return [psutil.Process(pid) for pid in pids]


@asynccontextmanager
async def trial_shop(
    topology: str = "process",
    environment: Mapping[str, str] | None = None,
    *,
    products: bool = True,
    replicas: str = "",
) -> AsyncIterator[TrialShop]:
    """A fresh shop; nothing of it is left. `replicas`, such as `shop=2`, are its processes whenever it is started."""
    folder = Path(tempfile.mkdtemp(prefix="souk-bench-"))
    folder.chmod(0o755)  # PostgreSQL runs as another user when we are root
    shop = TrialShop(folder, topology, replicas)
    try:
        await shop.start(environment)
        if products:
            await shop.make_products()
        yield shop
    finally:
        try:
            await shop.stop()
        finally:
            shutil.rmtree(folder)
