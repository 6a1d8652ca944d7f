"""The shop's PostgreSQL, embedded or one's own, with the addresses that each service gets; and its keeper."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass

from souk_chassis.observability.logs import Log
from souk_topologies.places import DataDir
from souk_topologies.postgres import (
    EmbeddedPostgres,
    Further,
    bus_dsn,
    load_or_create_secrets,
    provision,
    secret_names,
    service_dsn,
)
from souk_topologies.settings import Settings, Topology
from souk_topologies.shop import SERVICES, SHOP

LOOK_EVERY_S = 0.5
"""How often the keeper looks whether the embedded server is alive."""


@dataclass(frozen=True)
class DatabaseUrls:
    """Where each service's database is, as the service and as the bus."""

    service: Mapping[str, str]
    bus: Mapping[str, str]


def further_processes(settings: Settings) -> Further:
    """The processes that a shop has beside the first: each needs connections of its own."""
    if settings.topology is Topology.PROCESS:
        shops = settings.process_count(SHOP) - 1
        return Further(shops, dict.fromkeys(SERVICES, shops))
    by_service = {name: settings.process_count(name) - 1 for name in SERVICES}
    return Further(sum(by_service.values()), by_service)


class ShopServer:
    """The PostgreSQL server of one shop."""

    def __init__(self, settings: Settings, log: Log) -> None:
        self._own_url = settings.database_url
        self._data = DataDir(settings.data_dir)
        self._log = log
        self._further = further_processes(settings)
        room = self._further.connections
        self._embedded = EmbeddedPostgres(self._data.postgres, room) if self._own_url is None else None

    async def start(self) -> DatabaseUrls:
        """Start it if it is embedded; make the databases and roles where they are missing."""
        secrets = load_or_create_secrets(self._data.secrets, secret_names(SERVICES))
        admin_url = self._own_url
        if self._embedded is not None:
            admin_url = (await self._embedded.start()).dsn("postgres")
        assert admin_url is not None  # noqa: S101 - one of the two
        await provision(admin_url, SERVICES, secrets, self._further)
        return DatabaseUrls(
            {name: service_dsn(admin_url, name, secrets) for name in SERVICES},
            {name: bus_dsn(admin_url, name, secrets) for name in SERVICES},
        )

    async def keep(self) -> None:
        """Start the embedded server again whenever it died. Runs until it is cancelled."""
        if self._embedded is None:
            return
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            try:
                if not await self._embedded.is_alive():
                    self._log.warning("PostgreSQL died: it is started again")
                    await self._embedded.ensure_running()
            except Exception as error:  # noqa: BLE001 - whatever happens, nobody else would start it again
                self._log.error("PostgreSQL does not start", error=error)

    async def stop(self) -> None:
        """Stop it if it is embedded."""
        if self._embedded is not None:
            await self._embedded.stop()
