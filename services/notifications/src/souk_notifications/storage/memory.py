"""The mails' store in memory."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence

from souk_chassis.clock import Clock
from souk_chassis.storage.memory import MemoryDatabase, MemoryUnit
from souk_contracts.notifications import MailBook
from souk_notifications.domain import Mail, Receipt
from souk_notifications.ports import MailFilter


class MemoryMailUnit(MemoryUnit):
    """See `souk_notifications.ports.MailUnit`."""

    async def record(self, mails: Sequence[Mail]) -> set[str]:
        """See the port."""
        fresh = set()
        for mail in mails:
            if self.get("mails", mail.key) is None:
                self.put("mails", mail.key, mail)
                fresh.add(mail.key)
        return fresh


class MemoryMailStore(MemoryDatabase[MemoryMailUnit]):
    """See `souk_notifications.ports.MailStore`."""

    def __init__(self, clock: Clock) -> None:
        super().__init__("notifications", clock, MemoryMailUnit)

    async def find_receipts(self, keys: Collection[str]) -> Mapping[str, Receipt]:
        """See the port."""
        await self.ping()
        mails: dict[str, Mail] = self.tables["mails"]
        return {key: Receipt(mails[key].to, mails[key].status) for key in keys if key in mails}

    async def page(self, wanted: MailFilter, before: str | None, limit: int) -> Sequence[Mail]:
        """See the port."""
        await self.ping()
        found: list[Mail] = [
            mail
            for mail in self.tables["mails"].values()
            if wanted.customer_id in (None, mail.customer_id)
            and wanted.order_id in (None, mail.order_id)
            and (before is None or mail.mail_id < before)
        ]
        return sorted(found, key=lambda mail: mail.mail_id, reverse=True)[:limit]

    async def books(self, after: str, limit: int) -> Sequence[MailBook]:
        """See the port."""
        await self.ping()
        counts: dict[str, Counter[str]] = {}
        for mail in self.tables["mails"].values():
            if mail.order_id is not None and mail.order_id > after:
                counts.setdefault(mail.order_id, Counter())[mail.kind] += 1
        return [MailBook(order_id=order_id, kinds=dict(counts[order_id])) for order_id in sorted(counts)[:limit]]
