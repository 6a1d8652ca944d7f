"""The default transport: the shop's own mailbox. A mail that is recorded in the store has arrived."""

from collections.abc import Sequence

from souk_notifications.domain import Receipt
from souk_notifications.ports import Notice
from souk_notifications.records import MailStatus


class Mailbox:
    """See `souk_notifications.ports.MailTransport`. Nothing leaves the shop, so nothing can fail."""

    async def deliver(self, notices: Sequence[Notice]) -> Sequence[Receipt]:
        """See the port."""
        return [Receipt(notice.to, MailStatus.SENT if notice.to else MailStatus.NO_ADDRESS) for notice in notices]

    async def close(self) -> None:
        """See the port: there is nothing to release."""
