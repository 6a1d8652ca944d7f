"""Mails over SMTP, of which Amazon SES has one too. A mail that is sent again has the same Message-ID."""

from email.headerregistry import Address

from souk_chassis.clock import Clock
from souk_chassis.resilience import Pipeline, Policy
from souk_notifications.transports.sending import LANES, FindReceipts, SendingTransport
from souk_notifications.transports.smtp_session import SmtpSession
from souk_notifications.transports.smtp_settings import SmtpServer

POLICY = Policy(timeout_s=8.0, slow_call_s=6.0, attempts=1, max_concurrent=LANES, max_waiting=LANES)
"""One attempt a delivery: the queue tries again, with longer pauses."""


class SmtpTransport(SendingTransport):
    """See `souk_notifications.ports.MailTransport`: over one connection a lane."""

    def __init__(self, server: SmtpServer, sender: Address, find_receipts: FindReceipts, clock: Clock) -> None:
        pipeline = Pipeline("smtp", POLICY, clock)
        super().__init__(pipeline, lambda: SmtpSession(server, sender.domain), sender, find_receipts, clock)
