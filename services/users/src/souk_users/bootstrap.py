"""Builds the users service from what the topology gives it."""

from souk_chassis.observability.logs import Log
from souk_chassis.runtimes.instance import Foundation, Instance, Round
from souk_chassis.storage.ports import QueueBooks
from souk_users.manifest import service
from souk_users.operations import FORGET_EVERY_S, Users, forget_old_failures
from souk_users.ports import UserStore


async def build(base: Foundation) -> Instance:
    """The service, with its store open."""
    store, queues = await _store(base)
    return Instance(
        manifest=service,
        deps=Users(store, queues, base.key),
        store=store,
        clock=base.clock,
        log=Log(service.label),
        rounds=[Round(forget_old_failures, FORGET_EVERY_S)],
    )


async def _store(base: Foundation) -> tuple[UserStore, QueueBooks]:
    """The store that the topology asks for, and its queues. An adapter is imported where it is chosen: a function on
    Lambda has neither the time nor the room for PostgreSQL's driver."""
    if base.aws is not None:
        from souk_users.storage.dynamodb import DynamoUserStore

        return DynamoUserStore(base.aws.dynamodb, base.clock), base.aws.queues
    if base.database_url is not None:
        from souk_chassis.storage.opening import open_store
        from souk_users.storage.postgres import PostgresUserStore

        database = await open_store(base.database_url, "souk_users", "users", base.clock, PostgresUserStore)
        return database, base.books(database)
    from souk_users.storage.memory import MemoryUserStore

    memory = MemoryUserStore(base.clock)
    return memory, memory
