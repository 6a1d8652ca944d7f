"""The store of a service that keeps records, on the engine that the topology gives it."""

from typing import Any

from souk_chassis.manifest import Service
from souk_chassis.runtimes.instance import Foundation
from souk_chassis.storage.ports import QueueBooks


async def open_store(base: Foundation, service: Service, package: str) -> tuple[Any, QueueBooks]:
    """A store of records (`souk_chassis.storage.records.RecordStore`), and the service's queues.

    `package` is the service's import name. An engine is imported where it is chosen: a function on Lambda has neither
    the time nor the room for PostgreSQL's driver.
    """
    if base.aws is not None:
        from souk_chassis.storage.dynamodb.records import DynamoRecords

        return DynamoRecords(base.aws.dynamodb, service.name, base.clock), base.aws.queues
    if base.database_url is not None:
        from souk_chassis.storage.opening import open_records

        database = await open_records(base.database_url, package, service.name, base.clock, service.keeps)
        return database, base.books(database)
    from souk_chassis.storage.record_memory import MemoryRecords

    memory = MemoryRecords(service.name, base.clock)
    return memory, memory
