"""Units of work on DynamoDB: what is read is remembered, what is written is staged, and the end of the block commits
it by a transaction whose conditions say what was read. Nothing is locked; who came second gets a CollisionError.

Queues are SQS's here: a consumer that is handed an event asks `first_time` instead of taking it.
"""

import random
from collections.abc import AsyncIterator, Callable, Collection, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Generic, TypeVar

from souk_chassis.clock import Clock
from souk_chassis.context import unit_is_open
from souk_chassis.events.event import Event, Stored, pack
from souk_chassis.storage.collisions import CollisionError
from souk_chassis.storage.dynamodb.errors import ConditionFailedError, TransactionCancelledError
from souk_chassis.storage.dynamodb.outbox import (
    OUTBOX_SHARE,
    inbox_key,
    inbox_write,
    is_outbox_row,
    outbox_writes,
    publish_and_delete,
    try_key,
    try_write,
    waiting,
)
from souk_chassis.storage.dynamodb.schema import Table
from souk_chassis.storage.dynamodb.tables import TRANSACTION_ITEMS, Tables
from souk_chassis.storage.dynamodb.values import Row
from souk_chassis.storage.dynamodb.writes import Write
from souk_chassis.storage.ports import Bus


class DynamoUnit:
    """One unit of work. A service's unit derives from it, reads through `tables` and stages writes.

    It is kept whole or not at all: by one transaction. One that is wider (100 items, 4 MB) is refused, not split.
    """

    def __init__(self, tables: Tables, events: Table, service: str, clock: Clock, dice: random.Random) -> None:
        self.tables = tables
        self.events = events
        self.service = service
        self.clock = clock
        self.dice = dice
        self.published: list[tuple[str, Stored]] = []
        """Events with their subjects."""
        self.writes: list[Write] = []
        """What `commit` writes, each on an item of its own."""
        self._heard: dict[tuple[str, str], Write] = {}

    def publish(self, event: Event, traceparent: str) -> None:
        """Put an event into the outbox when this unit commits."""
        stored = pack(event, source=self.service, time=self.clock.now(), traceparent=traceparent)
        self.published.append((event.subject, stored))

    async def first_time(self, consumer: str, event_ids: Collection[str]) -> set[str]:
        """Which of these events the consumer has not had: from this unit's commit on, it has had them."""
        keys = {event_id: inbox_key(consumer, event_id) for event_id in event_ids}
        had = await self.tables.get_many(self.events, keys.values())
        fresh = {event_id for event_id, key in keys.items() if key not in had and key not in self._heard}
        now = self.clock.now()
        self._heard.update({keys[each]: inbox_write(self.events, consumer, each, now) for each in fresh})
        return fresh

    async def commit(self) -> None:
        """Keep what was staged. Raises CollisionError where something read has changed meanwhile, SoukError
        `unit_too_wide` where it is more than a transaction holds."""
        await self.transact(self.writes, [stored for _, stored in self.published], self.heard())

    def heard(self) -> list[Write]:
        """What keeps that events have been had. It goes with the last of several transactions: a repeat of the others
        must do nothing twice by itself."""
        return list(self._heard.values())

    async def transact(self, writes: Sequence[Write], events: Sequence[Stored], more: Sequence[Write] = ()) -> None:
        """All of this in one transaction."""
        await self.tables.transact([*writes, *outbox_writes(self.events, events, self.dice), *more])


U = TypeVar("U", bound=DynamoUnit)


class DynamoDatabase(Generic[U]):
    """A service's store on DynamoDB: see `souk_chassis.storage.ports.Store`."""

    def __init__(self, tables: Tables, events: Table, clock: Clock, make_unit: Callable[[], U]) -> None:
        self.tables = tables
        self.events = events
        self.clock = clock
        self._make_unit = make_unit

    @asynccontextmanager
    async def unit(self) -> AsyncIterator[U]:
        """Open a unit of work: it commits at the end of the block, and stages in vain on an exception.

        Raises CollisionError where another writer came in between: doing the same again at once is right.
        """
        unit = self._make_unit()
        mark = unit_is_open.set(True)
        try:
            yield unit
            await unit.commit()
        except (ConditionFailedError, TransactionCancelledError) as error:
            raise CollisionError from error
        finally:
            unit_is_open.reset(mark)

    def events_at_once(self, writes: int) -> int:
        """How many events one unit has room for where each takes so many items, besides the note that it was had."""
        return max(1, (TRANSACTION_ITEMS - OUTBOX_SHARE) // (writes + 1))

    async def count_try(self, consumer: str, event_id: str) -> int:
        """Count that a consumer tried an event in vain. Returns how often it did."""
        key = try_key(consumer, event_id)
        row = (await self.tables.get_many(self.events, [key])).get(key, {"tries": 0})
        await self.tables.write(try_write(self.events, consumer, event_id, row["tries"] + 1, self.clock.now()))
        return int(row["tries"]) + 1

    async def forget_tries(self, consumer: str, event_id: str) -> None:
        """Count from nought again: the event is given up, and may be put back."""
        await self.tables.write(try_write(self.events, consumer, event_id, 0, self.clock.now()))

    async def outbox_size(self) -> int:
        """How many events wait in the outbox. It reads them all: for audits, not for metrics."""
        return sum(len(row["events"]) for row in await waiting(self.tables, self.events))

    async def relay(self, bus: Bus, rows: Sequence[Row]) -> int:
        """Hand on items of the events table, as its stream shows them; those of the inbox are passed over. Returns how
        many events were handed on. Raises as `souk_chassis.storage.dynamodb.outbox.publish_and_delete` does."""
        return await publish_and_delete(self.tables, self.events, bus, [row for row in rows if is_outbox_row(row)])

    async def sweep(self, bus: Bus, before: datetime, limit: int) -> int:
        """Hand on what has waited since before that time, up to `limit` items: what the stream has missed, and
        what could not be published then. Raises as `souk_chassis.storage.dynamodb.outbox.publish_and_delete` does."""
        ends = f"{int(before.timestamp() * 1000):012x}"  # RFC 9562: a UUIDv7 begins with its time
        rows = [row for row in await waiting(self.tables, self.events, limit) if row["id"].replace("-", "")[:12] < ends]
        return await publish_and_delete(self.tables, self.events, bus, rows[:limit])

    async def ping(self) -> None:
        """Raise SoukError `unavailable` where the store can't be reached."""
        await self.tables.get(self.events, "ping", "ping")

    async def close(self) -> None:
        """Release connections."""
        await self.tables.client.close()
