"""What the notifications service needs beside its records: a way for mails to leave."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from souk_chassis.errors import SoukError
from souk_notifications.domain import MailEvent, Receipt


@dataclass(frozen=True, slots=True)
class Notice:
    """An event that somebody is to be told of. `to` is None where no address is known."""

    event: MailEvent
    to: str | None


class MailTransport(Protocol):
    """The way out of the shop. It is used outside any unit of work."""

    async def deliver(self, notices: Sequence[Notice]) -> Sequence[Receipt | SoukError]:
        """Send the mail of each notice. Returns, for each in order, how it went, or why to try again later.

        It is called again with the same notice where the answer could not be kept.
        """

    async def close(self) -> None:
        """Release connections."""
