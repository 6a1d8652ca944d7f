"""Builds the users service from what the topology gives it."""

from souk_chassis.observability.logs import Log
from souk_chassis.runtimes.instance import Foundation, Instance
from souk_chassis.runtimes.stores import open_store
from souk_users.manifest import service
from souk_users.operations import Users


async def build(base: Foundation) -> Instance:
    """The service, with its store open."""
    store, queues = await open_store(base, service, __package__)
    return Instance(
        manifest=service,
        deps=Users(store, queues, base.key),
        store=store,
        clock=base.clock,
        log=Log(service.label),
    )
