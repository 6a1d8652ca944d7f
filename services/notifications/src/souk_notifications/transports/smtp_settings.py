"""By which way mails leave, how the mail server is reached, and who they are from: read from settings, checked once."""

from dataclasses import dataclass, field
from email.errors import MessageError
from email.headerregistry import Address
from email.utils import parseaddr
from typing import Literal
from urllib.parse import unquote, urlsplit

from souk_chassis.config import Config, ConfigError
from souk_notifications.transports.message import is_plain_address

_PORTS = {"smtp": 25, "smtp+starttls": 587, "smtps": 465}
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


Way = Literal["mailbox", "smtp", "ses"]
"""How mails leave the shop; by `mailbox` they do not."""


class MailConfig(Config, frozen=True):
    """`SOUK_MAIL_TRANSPORT`, `SOUK_SMTP_URL` and `SOUK_MAIL_FROM`."""

    mail_transport: Way | None = None
    smtp_url: str | None = None
    mail_from: str | None = None

    @property
    def way(self) -> Way:
        """The way that was chosen: without a word by SMTP where it has an address, else the shop's own mailbox.

        Raises ConfigError where one setting says another thing than the other.
        """
        way = self.mail_transport or ("mailbox" if self.smtp_url is None else "smtp")
        if way == "smtp" and self.smtp_url is None:
            raise ConfigError("SOUK_MAIL_TRANSPORT: smtp needs SOUK_SMTP_URL")
        if way != "smtp" and self.smtp_url is not None:
            raise ConfigError(f"SOUK_MAIL_TRANSPORT: {way} does not go with SOUK_SMTP_URL")
        return way


@dataclass(frozen=True, slots=True)
class SmtpServer:
    """A mail server. `starttls` is True where the connection must be made secret, None where it is if offered."""

    host: str
    port: int
    user: str | None
    password: str | None = field(repr=False)
    tls: bool
    starttls: bool | None


def read_server(url: str) -> SmtpServer:
    """Read `smtp://user:password@host:port`.

    `smtps://` is TLS from the first byte, `smtp+starttls://` demands STARTTLS, `smtp://` takes it where offered.
    A password is sent over TLS alone, except to this machine. Raises ConfigError, which never shows the password.
    """
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise ConfigError("SOUK_SMTP_URL: the address has no valid host and port") from None
    if parts.scheme not in _PORTS or not parts.hostname or parts.path not in ("", "/") or parts.query:
        raise ConfigError("SOUK_SMTP_URL: expected smtp://, smtp+starttls:// or smtps://[user:password@]host[:port]")
    if (parts.username is None) != (parts.password is None):
        raise ConfigError("SOUK_SMTP_URL: a user needs a password, and a password a user")
    tls = parts.scheme == "smtps"
    demanded = parts.scheme == "smtp+starttls" or (parts.username is not None and parts.hostname not in _LOOPBACK)
    return SmtpServer(
        host=parts.hostname,
        port=port or _PORTS[parts.scheme],
        user=None if parts.username is None else unquote(parts.username),
        password=None if parts.password is None else unquote(parts.password),
        tls=tls,
        starttls=False if tls else (True if demanded else None),
    )


def read_sender(text: str | None) -> Address:
    """Read `shop@example.org` or `The Shop <shop@example.org>`. Raises ConfigError."""
    given = text or ""
    name, address = parseaddr(given)
    try:
        if is_plain_address(address) and given.isprintable():
            return Address(name, addr_spec=address)
    except (ValueError, MessageError):
        pass  # told below, like any other that is none
    raise ConfigError("SOUK_MAIL_FROM: expected a sender, such as shop@example.org or The Shop <shop@example.org>")
