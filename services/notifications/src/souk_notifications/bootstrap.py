"""Builds the notifications service from what the topology gives it."""

from souk_chassis.config import read_config
from souk_chassis.observability.logs import Log
from souk_chassis.runtimes.instance import Foundation, Instance
from souk_chassis.storage.opening import open_store
from souk_notifications.manifest import service
from souk_notifications.operations import Notifications
from souk_notifications.ports import MailStore, MailTransport
from souk_notifications.storage.memory import MemoryMailStore
from souk_notifications.storage.postgres import PostgresMailStore
from souk_notifications.transports.mailbox import Mailbox
from souk_notifications.transports.smtp import SmtpTransport
from souk_notifications.transports.smtp_settings import MailConfig, read_sender, read_server


async def build(base: Foundation) -> Instance:
    """The service, with its store open. Raises ConfigError for settings that can't be."""
    config = read_config(MailConfig, base.environment)
    server = None if config.smtp_url is None else (read_server(config.smtp_url), read_sender(config.mail_from))
    store: MailStore
    if base.database_url is None:
        store = MemoryMailStore(base.clock)
    else:
        store = await open_store(base.database_url, "souk_notifications", service.name, base.clock, PostgresMailStore)
    transport: MailTransport
    transport = Mailbox() if server is None else SmtpTransport(*server, store.find_receipts, base.clock)
    return Instance(
        manifest=service,
        deps=Notifications(store, transport),
        database=store,
        clock=base.clock,
        log=Log(service.label),
        closers=[transport.close],
    )
