"""Builds the notifications service from what the topology gives it."""

from collections.abc import Callable
from functools import partial

from souk_chassis.config import ConfigError, read_config
from souk_chassis.observability.logs import Log
from souk_chassis.runtimes.instance import Foundation, Instance
from souk_chassis.runtimes.stores import open_store
from souk_notifications.manifest import service
from souk_notifications.operations import Notifications
from souk_notifications.ports import MailTransport
from souk_notifications.transports.sending import FindReceipts, find_receipts
from souk_notifications.transports.smtp_settings import MailConfig, read_sender, read_server


async def build(base: Foundation) -> Instance:
    """The service, with its store open. Raises ConfigError for settings that can't be."""
    make_transport = _way_out(base)
    store, queues = await open_store(base, service, __package__)
    transport = make_transport(partial(find_receipts, store))
    return Instance(
        manifest=service,
        deps=Notifications(store, queues, transport),
        store=store,
        clock=base.clock,
        log=Log(service.label),
        closers=[transport.close],
    )


def _way_out(base: Foundation) -> Callable[[FindReceipts], MailTransport]:
    """What makes the transport that the settings ask for, once there is a store. They are read before anything is
    opened."""
    config = read_config(MailConfig, base.environment)
    if config.way == "smtp":
        from souk_notifications.transports.smtp import SmtpTransport

        server, sender = read_server(config.smtp_url or ""), read_sender(config.mail_from)
        return lambda find: SmtpTransport(server, sender, find, base.clock)
    if config.way == "ses":
        from souk_chassis.aws.client import open_aws
        from souk_notifications.transports.ses import SesTransport

        sender = read_sender(config.mail_from)
        try:
            aws = open_aws(base.environment) if base.aws is None else base.aws.client
        except ValueError as error:
            raise ConfigError(f"SOUK_MAIL_TRANSPORT: ses, and {error}") from None
        return lambda find: SesTransport(aws, sender, find, base.clock)
    from souk_notifications.transports.mailbox import Mailbox

    return lambda _: Mailbox()
