"""Mails by Amazon SES: its API v2, operation SendEmail, with the message as `compose` writes it.

SES knows no repeats, and gives every message a Message-ID and a date of its own.
"""

import asyncio
import base64
import random
import re
from email.headerregistry import Address
from email.message import EmailMessage

import msgspec

from souk_chassis.aws.client import AwsClient
from souk_chassis.aws.errors import THROTTLED, RequestRefusedError
from souk_chassis.aws.services import SES
from souk_chassis.clock import Clock
from souk_chassis.errors import SoukError, too_many, unavailable
from souk_chassis.resilience import Deadline, Pipeline, Policy
from souk_notifications.records import MailStatus
from souk_notifications.transports.sending import LANES, FindReceipts, SendingTransport

POLICY = Policy(timeout_s=8.0, slow_call_s=6.0, attempts=1, max_concurrent=LANES, max_waiting=LANES)
"""One attempt a delivery: the queue tries again, with longer pauses."""
THROTTLED_PAUSE_S = 0.1
"""A mail that SES throttles waits a random time below this, twice this, four times ... before it is tried again."""
THROTTLED_PATIENCE_S = 4.0
"""How long it is tried: an account has its rate of mails a second. After that it comes again from its queue."""

_PATH = "/v2/email/outbound-emails"
_SENDER_UNVERIFIED = "MailFromDomainNotVerifiedException"
_ABOUT_THE_MAIL = frozenset({"MessageRejected", "BadRequestException"})
_QUOTA = "LimitExceededException"


class SesTransport(SendingTransport):
    """See `souk_notifications.ports.MailTransport`. It owns `aws`."""

    def __init__(self, aws: AwsClient, sender: Address, find_receipts: FindReceipts, clock: Clock) -> None:
        dice = random.Random()  # noqa: S311 - jitter, and no secret
        super().__init__(Pipeline("ses", POLICY, clock), lambda: _SesLane(aws, dice), sender, find_receipts, clock)
        self._aws = aws

    async def close(self) -> None:
        """See the port."""
        await self._aws.close()


class _SesLane:
    """See `Lane`. Connections are the client's."""

    def __init__(self, aws: AwsClient, dice: random.Random) -> None:
        self._aws = aws
        self._dice = dice

    async def send(self, message: EmailMessage, sender: str, to: str, deadline: Deadline) -> MailStatus:
        """See `Lane`. A mail that was throttled is tried again for a while: SES has not taken it."""
        body = msgspec.json.encode(
            {
                "FromEmailAddress": sender,
                "Destination": {"ToAddresses": [to]},
                "Content": {"Raw": {"Data": base64.b64encode(message.as_bytes()).decode()}},
            }
        )
        patience_until_s = deadline.remaining_s - THROTTLED_PATIENCE_S
        ceiling_s = THROTTLED_PAUSE_S
        while True:
            try:
                await self._aws.rest(SES, "POST", _PATH, body, timeout_s=max(0.001, deadline.remaining_s))
                return MailStatus.SENT
            except RequestRefusedError as refused:
                return _judge(refused, sender)
            except SoukError as error:
                if error.code != THROTTLED:
                    raise
            pause_s = self._dice.uniform(0.0, ceiling_s)
            if deadline.remaining_s - pause_s < patience_until_s:
                # Not `unavailable`: a service that is well puts off one mail, and the breaker shall not open.
                raise too_many("mail_deferred", "Amazon SES takes no more mails at present.")
            await asyncio.sleep(pause_s)
            ceiling_s *= 2

    async def close(self) -> None:
        """See `Lane`."""


def _judge(refused: RequestRefusedError, sender: str) -> MailStatus:
    """What a refusal means for the mail: REFUSED for good where it is about the address or the text.

    Raises SoukError where it is about the account or the sender: the mail can be sent when that is mended.
    """
    code = refused.code
    if code == _SENDER_UNVERIFIED or (code in _ABOUT_THE_MAIL and _names(sender, str(refused))):
        raise unavailable("mail_sender_refused", f"Amazon SES refuses the sender ({code}).") from None
    if code in _ABOUT_THE_MAIL:
        return MailStatus.REFUSED
    if code == _QUOTA:
        raise too_many("mail_deferred", "Amazon SES takes no more mails at present.") from None
    # Suspended, paused, not permitted: SES's words can name accounts and keys, so its code alone is shown.
    raise unavailable("mail_server_unavailable", f"Amazon SES sends nothing ({code or 'no reason'}).") from None


def _names(sender: str, text: str) -> bool:
    """Whether SES names the sender or his domain: "... identities failed the check in region X: shop@example.org"."""
    named = set(re.split(r"[\s,;<>]+", text.lower()))
    return not named.isdisjoint({sender.lower(), sender.lower().rpartition("@")[2]})
