"""The shop in containers, with a gateway before them: what `Shop` is for topologies that `souk up` starts."""

import asyncio
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from souk_chassis.auth.keys import load_or_create_keys
from souk_topologies.edge import write_edge
from souk_topologies.places import DataDir
from souk_topologies.postgres import EmbeddedPostgres, ServerAddress
from souk_topologies.shop import ISSUERS
from tests.images.shop import Containers
from tests.topology.running import Shop, data_dir, souk

WEB = Path(__file__).resolve().parents[2] / "web"


class ContainedShop(Shop):
    """The processes that images start, on a server of PostgreSQL that was there before."""

    def __init__(self, folder: Path, server: ServerAddress) -> None:
        super().__init__(folder, "containers")
        self._server = server
        edge, logs = folder / "edge", folder / "logs"
        write_edge(WEB, edge)
        logs.mkdir()
        self._containers = Containers(server.dsn("postgres"), logs, edge=edge)
        self._containers.keys = load_or_create_keys(DataDir(folder).keys, ISSUERS)

    def up(self) -> None:
        """Make the databases, and start everything."""
        self._containers.provision()
        self._containers.start()
        asyncio.run(self._containers.until_ready())
        self.url = self._containers.url
        self.admin = self.token("--admin")

    def down(self) -> None:
        """Stop everything, as a cluster does."""
        assert set(self._containers.stop().values()) == {0}

    def audit(self) -> None:
        """Assert that all books agree."""
        ended = souk("audit", "--json", "--url", self.url, environment={"SOUK_TOKEN": self.admin})
        assert ended.out, ended.err
        report = json.loads(ended.out)
        assert (ended.status, report["ok"]) == (0, True), [check for check in report["checks"] if not check["ok"]]

    async def dsn(self, service: str) -> str:
        """See `Shop`."""
        return self._server.dsn(f"souk_{service}")


@contextmanager
def running_containers() -> Iterator[ContainedShop]:
    """A shop in containers. At the end its books agree.

    Its server is its own: on the worker's, `tests/images` may have databases of the same names.
    """
    with data_dir() as folder:
        server = EmbeddedPostgres(folder / "postgres")
        shop = ContainedShop(folder, asyncio.run(server.start()))
        try:
            shop.up()
            yield shop
            shop.audit()
        finally:
            shop.down()
            asyncio.run(server.stop("immediate"))
