"""What the notifications service needs: a store for mails, and a way for them to leave."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from souk_chassis.errors import SoukError
from souk_chassis.storage.ports import Store, Unit
from souk_contracts.notifications import MailBook
from souk_notifications.domain import Mail, MailEvent, Receipt


@dataclass(frozen=True, slots=True)
class Notice:
    """An event that somebody is to be told of. `to` is None where no address is known."""

    event: MailEvent
    to: str | None


@dataclass(frozen=True, slots=True)
class MailFilter:
    """Whose mails are asked for. What is None does not limit."""

    customer_id: str | None = None
    order_id: str | None = None


class MailUnit(Unit, Protocol):
    """Writes of one unit of work."""

    async def record(self, mails: Sequence[Mail]) -> set[str]:
        """Store those mails whose key is new. Returns their keys."""


class MailStore(Store[MailUnit], Protocol):
    """Reads outside a unit of work."""

    async def find_receipts(self, keys: Collection[str]) -> Mapping[str, Receipt]:
        """How those mails that are stored went out, by key."""

    async def page(self, wanted: MailFilter, before: str | None, limit: int) -> Sequence[Mail]:
        """Mails, newest first, older than the mail of the id `before`."""

    async def books(self, after: str, limit: int) -> Sequence[MailBook]:
        """How many mails of each kind the orders have had, by order id, from `after` on."""


class MailTransport(Protocol):
    """The way out of the shop. It is used outside any unit of work."""

    async def deliver(self, notices: Sequence[Notice]) -> Sequence[Receipt | SoukError]:
        """Send the mail of each notice. Returns, for each in order, how it went, or why to try again later.

        It is called again with the same notice where the answer could not be kept.
        """

    async def close(self) -> None:
        """Release connections."""
