"""Builds the users service from what the topology gives it."""

from souk_chassis.observability.logs import Log
from souk_chassis.runtimes.instance import Foundation, Instance
from souk_chassis.storage.opening import open_store
from souk_users.manifest import service
from souk_users.operations import Users, forget_old_failures
from souk_users.ports import UserStore
from souk_users.storage.memory import MemoryUserStore
from souk_users.storage.postgres import PostgresUserStore


async def build(base: Foundation) -> Instance:
    """The service, with its store open."""
    store: UserStore
    if base.database_url is None:
        store = MemoryUserStore(base.clock)
    else:
        store = await open_store(base.database_url, "souk_users", service.name, base.clock, PostgresUserStore)
    return Instance(
        manifest=service,
        deps=Users(store, base.key),
        database=store,
        clock=base.clock,
        log=Log(service.label),
        background=[forget_old_failures],
    )
