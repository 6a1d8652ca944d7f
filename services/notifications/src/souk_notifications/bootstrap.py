"""Builds the notifications service from what the topology gives it."""

from souk_chassis.config import read_config
from souk_chassis.observability.logs import Log
from souk_chassis.runtimes.instance import Foundation, Instance
from souk_chassis.storage.ports import QueueBooks
from souk_notifications.manifest import service
from souk_notifications.operations import Notifications
from souk_notifications.ports import MailStore, MailTransport
from souk_notifications.transports.mailbox import Mailbox
from souk_notifications.transports.smtp import SmtpTransport
from souk_notifications.transports.smtp_settings import MailConfig, read_sender, read_server


async def build(base: Foundation) -> Instance:
    """The service, with its store open. Raises ConfigError for settings that can't be."""
    config = read_config(MailConfig, base.environment)
    server = None if config.smtp_url is None else (read_server(config.smtp_url), read_sender(config.mail_from))
    store, queues = await _store(base)
    transport: MailTransport
    transport = Mailbox() if server is None else SmtpTransport(*server, store.find_receipts, base.clock)
    return Instance(
        manifest=service,
        deps=Notifications(store, queues, transport),
        store=store,
        clock=base.clock,
        log=Log(service.label),
        closers=[transport.close],
    )


async def _store(base: Foundation) -> tuple[MailStore, QueueBooks]:
    """The store that the topology asks for, and its queues. An adapter is imported where it is chosen: a function on
    Lambda has neither the time nor the room for PostgreSQL's driver."""
    if base.aws is not None:
        from souk_notifications.storage.dynamodb import DynamoMailStore

        return DynamoMailStore(base.aws.dynamodb, base.clock), base.aws.queues
    if base.database_url is not None:
        from souk_chassis.storage.opening import open_store
        from souk_notifications.storage.postgres import PostgresMailStore

        database = await open_store(
            base.database_url, "souk_notifications", "notifications", base.clock, PostgresMailStore
        )
        return database, database
    from souk_notifications.storage.memory import MemoryMailStore

    memory = MemoryMailStore(base.clock)
    return memory, memory
