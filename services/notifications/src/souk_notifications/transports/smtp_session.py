"""One connection to the mail server after another, and what its answers mean.

RFC 5321, 4.2.1: 4yz asks to try again later, 5yz is final.
"""

from contextlib import suppress
from email.message import EmailMessage

import aiosmtplib

from souk_chassis.errors import timeout_unknown, too_many, unavailable
from souk_chassis.resilience import Deadline
from souk_notifications.records import MailStatus
from souk_notifications.transports.smtp_settings import SmtpServer

QUIT_TIMEOUT_S = 1.0
_CLOSING = 421
_FINAL = 500


class SmtpSession:
    """Sends mails one after another. A connection is used again as long as nothing went wrong on it."""

    def __init__(self, server: SmtpServer, host_name: str) -> None:
        self._server = server
        self._host_name = host_name
        self._idle: aiosmtplib.SMTP | None = None

    async def send(self, message: EmailMessage, sender: str, to: str, deadline: Deadline) -> MailStatus:
        """Hand the message over: SENT, or REFUSED for good.

        Raises SoukError `unavailable` where the server can't be used now, `too_many` where this mail shall come again
        later, `timeout_unknown` where the connection broke; ConnectionError or TimeoutError where no answer came.
        """
        # In use it belongs to this call alone: one that is cancelled leaves no half-sent mail to the next.
        smtp, self._idle = self._idle, None
        if smtp is None or not smtp.is_connected:
            smtp = await self._connect(deadline)
        try:
            refusal = await _transmit(smtp, message, sender, to, deadline)
        except BaseException:
            smtp.close()
            raise
        self._idle = smtp
        return MailStatus.SENT if refusal is None else _judge(refusal)

    async def close(self) -> None:
        """Say goodbye, within `QUIT_TIMEOUT_S`."""
        smtp, self._idle = self._idle, None
        if smtp is not None:
            with suppress(aiosmtplib.SMTPException, OSError):
                await smtp.quit(timeout=QUIT_TIMEOUT_S)
            smtp.close()

    async def _connect(self, deadline: Deadline) -> aiosmtplib.SMTP:
        server = self._server
        smtp = aiosmtplib.SMTP(
            hostname=server.host,
            port=server.port,
            username=server.user,
            password=server.password,
            use_tls=server.tls,
            start_tls=server.starttls,
            local_hostname=self._host_name,
            timeout=max(0.001, deadline.remaining_s),
        )
        try:
            await smtp.connect()
        except (aiosmtplib.SMTPException, OSError) as error:
            smtp.close()
            raise unavailable("mail_server_unavailable", f"The mail server can't be used: {_reason(error)}.") from None
        except BaseException:
            smtp.close()
            raise
        return smtp


async def _transmit(
    smtp: aiosmtplib.SMTP, message: EmailMessage, sender: str, to: str, deadline: Deadline
) -> aiosmtplib.SMTPResponseException | None:
    """Send it. Returns what the server says against this mail; raises where the connection is of no further use."""
    try:
        await smtp.send_message(message, sender=sender, recipients=[to], timeout=max(0.001, deadline.remaining_s))
    except aiosmtplib.SMTPRecipientsRefused as refused:
        return refused.recipients[0]
    except aiosmtplib.SMTPSenderRefused as refused:
        raise unavailable("mail_sender_refused", f"The mail server refuses the sender ({refused.code}).") from None
    except aiosmtplib.SMTPResponseException as refused:
        return refused
    except (ConnectionError, TimeoutError):
        raise
    except (aiosmtplib.SMTPException, OSError) as error:
        raise timeout_unknown("mail_connection_broken", f"The connection broke: {_reason(error)}.") from None
    return None


def _judge(refusal: aiosmtplib.SMTPResponseException) -> MailStatus:
    """What an answer means for the mail. Raises SoukError where it shall come again."""
    if refusal.code >= _FINAL:
        return MailStatus.REFUSED
    if refusal.code == _CLOSING:
        raise unavailable("mail_server_closing", "The mail server closes the connection (421).")
    # Not `unavailable`: a server that puts off one mail is well, and the breaker shall not open.
    raise too_many("mail_deferred", f"The mail server asks to send this mail later ({refusal.code}).")


def _reason(error: Exception) -> str:
    """What may be shown: an answer's text can repeat a user name."""
    code = getattr(error, "code", None)
    return f"{type(error).__name__} {code}" if isinstance(code, int) else type(error).__name__
