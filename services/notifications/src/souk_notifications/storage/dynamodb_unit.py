"""A unit of work of the notifications service on DynamoDB.

A unit of up to 100 writes is one transaction. A wider one is several: each mail is whole in itself, and a repeat passes
over those that are written. What says that an event was had comes after all of them.
"""

import random
from collections.abc import Iterable, Sequence

import msgspec

from souk_chassis.clock import Clock
from souk_chassis.storage.dynamodb.database import DynamoUnit
from souk_chassis.storage.dynamodb.tables import TRANSACTION_ITEMS, Tables, chunks
from souk_chassis.storage.dynamodb.writes import Write, insert
from souk_notifications.domain import Mail
from souk_notifications.storage.dynamodb_rows import mail_row
from souk_notifications.tables import EVENTS, MAILS

TRANSACTION_BYTES = 3_500_000
"""The most that the mails of one transaction weigh, in DynamoDB's JSON. DynamoDB takes 4 MB."""


class DynamoMailUnit(DynamoUnit):
    """See `souk_notifications.ports.MailUnit`, of which it has all but the queues."""

    def __init__(self, tables: Tables, clock: Clock, dice: random.Random) -> None:
        super().__init__(tables, EVENTS, "notifications", clock, dice)
        self._mails: dict[str, Mail] = {}

    async def record(self, mails: Sequence[Mail]) -> set[str]:
        """See the port. A key that another writes meanwhile makes the end of the unit a CollisionError."""
        unstaged = {mail.key: mail for mail in reversed(mails) if mail.key not in self._mails}
        known = await self.tables.get_many(MAILS, [(key,) for key in unstaged])
        fresh = {key: mail for key, mail in unstaged.items() if (key,) not in known}
        self._mails.update(fresh)
        return set(fresh)

    async def commit(self) -> None:
        """See `DynamoUnit`. Events go with the first of the notes, so that a repeat can't miss them."""
        mails = [insert(MAILS, mail_row(mail)) for mail in self._mails.values()]
        pieces = packed(mails)
        notes, events = self.heard(), [stored for _, stored in self.published]
        room = TRANSACTION_ITEMS - 1  # one for the outbox
        if pieces and len(pieces[-1]) + len(notes) <= room:
            await self._keep(pieces[:-1])
            await self.transact(pieces[-1], events, notes)
            return
        await self._keep(pieces)
        first, *others = chunks(notes, room) or [[]]
        await self.transact(first, events)
        await self._keep(others)

    async def _keep(self, pieces: Iterable[Sequence[Write]]) -> None:
        for piece in pieces:
            await self.tables.transact(piece)


def packed(writes: Iterable[Write]) -> list[list[Write]]:
    """Writes, in their sequence, in as few transactions as hold them."""
    pieces: list[list[Write]] = []
    weight = 0
    for write in writes:
        size = len(msgspec.json.encode(write.request))
        if not pieces or len(pieces[-1]) == TRANSACTION_ITEMS or weight + size > TRANSACTION_BYTES:
            pieces.append([])
            weight = 0
        pieces[-1].append(write)
        weight += size
    return pieces
