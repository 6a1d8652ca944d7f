"""The mails' store on DynamoDB. Lists and books are read from indexes, which are a moment behind the table."""

import random
from collections import Counter
from collections.abc import Collection, Mapping, Sequence

from souk_chassis.clock import Clock
from souk_chassis.storage.dynamodb.client import DynamoClient
from souk_chassis.storage.dynamodb.database import DynamoDatabase
from souk_chassis.storage.dynamodb.tables import Tables
from souk_chassis.storage.dynamodb.values import Row
from souk_chassis.storage.dynamodb.writes import Condition
from souk_contracts.notifications import MailBook
from souk_notifications.domain import Mail, MailStatus, Receipt
from souk_notifications.ports import MailFilter
from souk_notifications.storage.dynamodb_rows import after_order, before_mail, mail_of, order_place, slot_of
from souk_notifications.storage.dynamodb_slots import merged
from souk_notifications.storage.dynamodb_unit import DynamoMailUnit
from souk_notifications.tables import BY_CUSTOMER, BY_ORDER, BY_TIME, EVENTS, MAILS


class DynamoMailStore(DynamoDatabase[DynamoMailUnit]):
    """See `souk_notifications.ports.MailStore`, of which it has all but the queues. `dice` chooses slots of the
    outbox."""

    def __init__(self, client: DynamoClient, clock: Clock, dice: random.Random | None = None) -> None:
        tables, dice = Tables(client), dice or random.Random()  # noqa: S311 - spreads load, and no secret
        super().__init__(tables, EVENTS, clock, lambda: DynamoMailUnit(tables, clock, dice))

    async def find_receipts(self, keys: Collection[str]) -> Mapping[str, Receipt]:
        """See the port. It reads the table itself: what was recorded before is found."""
        rows = await self.tables.get_many(MAILS, [(key,) for key in keys])
        return {row["mailKey"]: Receipt(row.get("recipient"), MailStatus(row["status"])) for row in rows.values()}

    async def page(self, wanted: MailFilter, before: str | None, limit: int) -> Sequence[Mail]:
        """See the port."""
        if wanted.order_id is not None:
            return await self._of_order(wanted.order_id, wanted.customer_id, before, limit)
        if wanted.customer_id is not None:
            where = _older(before)
            rows = await self.tables.query(
                MAILS, wanted.customer_id, *where, index=BY_CUSTOMER.name, limit=limit, descending=True
            )
            return await self._mails(rows)
        return await self._mails(await self._newest(before, limit))

    async def books(self, after: str, limit: int) -> Sequence[MailBook]:
        """See the port. It reads from every slot: one order more than is shown, since its last mails may be missing."""

        async def read(name: str, last: str | None, size: int) -> list[Row]:
            where: list[Condition] = [("orderPlace", ">", last or after_order(after))]
            return await self.tables.query(MAILS, name, *where, index=BY_ORDER.name, limit=size)

        rows = await merged(read, "orderPlace", limit + 1, lambda found: len(_books(found)))
        return _books(rows)[:limit]

    async def _of_order(self, order_id: str, customer_id: str | None, before: str | None, limit: int) -> list[Mail]:
        """An order's mails; those of one customer, where given, of which there seldom are others."""
        end = after_order(order_id) if before is None else before_mail(order_id, before)
        found: list[Mail] = []
        while len(found) < limit:
            where: Condition = ("orderPlace", "<", end)
            rows = await self.tables.query(
                MAILS, slot_of(order_id), where, index=BY_ORDER.name, limit=limit, descending=True
            )
            own = [row for row in rows if order_place(row["orderPlace"]).order_id == order_id]
            found += [mail for mail in await self._mails(own) if customer_id in (None, mail.customer_id)]
            if len(own) < limit:
                break
            end = own[-1]["orderPlace"]
        return found[:limit]

    async def _newest(self, before: str | None, limit: int) -> list[Row]:
        """The newest of all customers, from every slot."""

        async def read(name: str, last: str | None, size: int) -> list[Row]:
            where = _older(last or before)
            return await self.tables.query(MAILS, name, *where, index=BY_TIME.name, limit=size, descending=True)

        return (await merged(read, "mailId", limit, descending=True))[:limit]

    async def _mails(self, rows: Sequence[Row]) -> list[Mail]:
        """The mails of an index's entries, in their sequence."""
        keys = [(str(row["mailKey"]),) for row in rows]
        found = await self.tables.get_many(MAILS, keys)
        return [mail_of(found[key]) for key in keys]


def _older(before: str | None) -> list[Condition]:
    return [] if before is None else [("mailId", "<", before)]


def _books(rows: Sequence[Row]) -> list[MailBook]:
    """The books of rows that are in the order of their orders."""
    kinds: dict[str, Counter[str]] = {}
    for row in rows:
        place = order_place(row["orderPlace"])
        kinds.setdefault(place.order_id, Counter())[place.kind] += 1
    return [MailBook(order_id=order_id, kinds=dict(counted)) for order_id, counted in kinds.items()]
