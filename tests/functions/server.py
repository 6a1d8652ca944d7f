"""The shop of functions behind a socket, on a loop and a thread of its own."""

import asyncio
import json
import threading
import time
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from aiohttp import web

from souk_chassis.auth.keys import load_or_create_keys
from souk_topologies.places import DataDir
from souk_topologies.shop import ISSUERS
from tests.functions.shop import FunctionsShop
from tests.topology.client import Customer
from tests.topology.running import Running, data_dir, souk


class FunctionsServer(Running):
    """A `FunctionsShop` behind a socket, on a loop and a thread of its own: what `Shop` is for the other topologies."""

    has_authorizer = True

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.url = ""
        self.admin = ""
        self.known: dict[str, Customer] = {}
        self.shop: FunctionsShop
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="functions")
        self._runner: web.ServerRunner

    def up(self) -> None:
        """Start it on any free port."""
        self._thread.start()
        self.run(self._up())
        made = souk("token", "--admin", at=self.folder)
        assert made.status == 0, made.err
        self.admin = made.out.strip()

    def down(self) -> None:
        """Stop it."""
        self.run(self._down())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    def run(self, work: Coroutine[Any, Any, Any]) -> Any:
        """Do something on the shop's loop."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(60)

    def audit(self) -> None:
        """Assert that all books agree."""
        ended = souk("audit", "--json", "--url", self.url, environment={"SOUK_TOKEN": self.admin})
        assert ended.out, ended.err
        report = json.loads(ended.out)
        assert (ended.status, report["ok"]) == (0, True), [check for check in report["checks"] if not check["ok"]]

    async def row_counts(self) -> dict[str, int]:
        """The number of items of every table, once no event is under way any more. What expires is not counted."""
        deadline = time.monotonic() + 30
        before: dict[str, int] = {}
        while True:
            tables = self.shop.tables.model.tables.values()
            counts = {each.name: sum("expiresAt" not in item for item in each.items.values()) for each in tables}
            moving = any(state.waiting for queues in self.shop.queues.values() for state in queues.states())
            if counts == before and not moving:
                return counts
            assert time.monotonic() < deadline, f"events do not come to rest: {counts}"
            before = counts
            await asyncio.sleep(0.05)

    async def _up(self) -> None:
        self.shop = FunctionsShop(load_or_create_keys(DataDir(self.folder).keys, ISSUERS), self.folder / "edge")
        await self.shop.open()
        # As wide as it gets: whatever is too much is for the functions to refuse.
        self._runner = web.ServerRunner(web.Server(self.shop.serve, max_line_size=2**20, max_field_size=2**20))
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"

    async def _down(self) -> None:
        await self.shop.close()
        await self._runner.cleanup()


@contextmanager
def running_functions() -> Iterator[FunctionsServer]:
    """A shop of functions with a data directory of its own. At the end its books agree."""
    with data_dir() as folder:
        server = FunctionsServer(folder)
        server.up()
        try:
            yield server
            server.audit()
        finally:
            server.down()
