"""The outbox and the inbox of a service on DynamoDB, in a table of their own.

The events of one transaction are one item: written together, they cost a write unit a kilobyte and not one each. The
items are spread over slots, since a partition key takes 1,000 write units a second and no more.
"""

import asyncio
import random
from collections.abc import Sequence
from datetime import datetime, timedelta

import msgspec

from souk_chassis import wire
from souk_chassis.events.event import Envelope, Stored, bundle, events_of
from souk_chassis.storage.dynamodb.schema import Table
from souk_chassis.storage.dynamodb.tables import Tables
from souk_chassis.storage.dynamodb.values import Row
from souk_chassis.storage.dynamodb.writes import Write, insert, put
from souk_chassis.storage.ports import Bus, PublishDeferredError, UnpublishableError

SLOTS = 64
"""Partition keys of an outbox: 64,000 write units a second together."""
BUNDLE_BYTES = 300_000
"""The most that the events of one item weigh. An item may have 400 KB."""
OUTBOX_SHARE = 4
"""Items of a transaction that the engine leaves to the outbox: 1.2 MB of events."""
OUTBOX = "out#"
"""How the partition keys of an outbox begin; a stream is filtered by it."""
INBOX_KEPT = timedelta(days=14)
"""How long event ids are remembered: as long as SQS can keep a message."""

_Kept = tuple[Stored, tuple[str, str]]
"""An event, and the key of the item that holds it."""


def outbox_writes(table: Table, events: Sequence[Stored], dice: random.Random) -> list[Write]:
    """The items that hold these events."""
    bundles: list[list[Stored]] = []
    weight = BUNDLE_BYTES
    for event in events:
        size = len(event.json.encode())
        if weight + size > BUNDLE_BYTES:
            bundles.append([])
            weight = 0
        bundles[-1].append(event)
        weight += size
    slots = dice.choices(range(SLOTS), k=len(bundles))
    return [
        put(table, {"slot": _slot(slot), "id": bundle[0].event_id, "events": [event.json for event in bundle]})
        for slot, bundle in zip(slots, bundles, strict=True)
    ]


def inbox_key(consumer: str, event_id: str) -> tuple[str, str]:
    """Where it is kept that a consumer has had an event."""
    return f"in#{event_id}", consumer


def inbox_write(table: Table, consumer: str, event_id: str, now: datetime) -> Write:
    """Keeps that a consumer has had an event. The transaction fails where it had it before."""
    slot, key = inbox_key(consumer, event_id)
    return insert(table, {"slot": slot, "id": key, "expiresAt": int((now + INBOX_KEPT).timestamp())})


def try_key(consumer: str, event_id: str) -> tuple[str, str]:
    """Where it is kept how often a consumer has tried an event in vain."""
    return f"try#{event_id}", consumer


def try_write(table: Table, consumer: str, event_id: str, tries: int, now: datetime) -> Write:
    """Keeps how often it has. Nobody else tries the event just then: SQS hides it."""
    slot, key = try_key(consumer, event_id)
    return put(table, {"slot": slot, "id": key, "tries": tries, "expiresAt": int((now + INBOX_KEPT).timestamp())})


async def waiting(tables: Tables, table: Table, limit: int | None = None) -> list[Row]:
    """The items of the outbox, oldest first: `limit` of each slot, where given."""
    slots = await asyncio.gather(*(tables.query(table, _slot(slot), limit=limit) for slot in range(SLOTS)))
    return sorted((row for rows in slots for row in rows), key=lambda row: str(row["id"]))


def is_outbox_row(row: Row) -> bool:
    """Whether an item of the events table holds events that are on their way out."""
    return str(row["slot"]).startswith(OUTBOX)


async def publish_and_delete(tables: Tables, table: Table, bus: Bus, rows: Sequence[Row]) -> int:
    """Publish the events of these items of the outbox, then remove the items. Returns how many events.

    Whoever dies in between, or does it twice, repeats events: consumers ask `first_time`. Raises UnpublishableError
    where events can never be published, and what kept them where they could not be this time: only the items that hold
    such an event stay, and everything else has gone.
    """
    events, refused = _read(rows)
    why = "they can't be read"
    held: PublishDeferredError | None = None
    if events:
        try:
            await bus.publish(bundle([stored for stored, _ in events]))
        except (UnpublishableError, PublishDeferredError) as error:
            why, held = str(error), error if isinstance(error, PublishDeferredError) else None
            ids = {event_id for message in error.messages for event_id, _ in events_of(message.json)}
            refused += [each for each in events if each[0].event_id in ids]
    stay = {key for _, key in refused}
    await tables.delete_all(table, [key for row in rows if (key := _key(row)) not in stay])
    if held is not None:
        raise held.fault
    if refused:
        raise UnpublishableError([stored for stored, _ in refused], why)
    return len(events)


def _read(rows: Sequence[Row]) -> tuple[list[_Kept], list[_Kept]]:
    """The events of these items, and those that nobody can read, each with its item's key."""
    events: list[_Kept] = []
    unreadable: list[_Kept] = []
    for row in rows:
        for json in row["events"]:
            try:
                envelope = wire.decode(json, Envelope[msgspec.Raw])
            except wire.UNREADABLE:
                unreadable.append((Stored(str(row["id"]), "", json), _key(row)))
            else:
                events.append((Stored(envelope.id, envelope.type, json), _key(row)))
    return events, unreadable


def _key(row: Row) -> tuple[str, str]:
    return str(row["slot"]), str(row["id"])


def _slot(slot: int) -> str:
    return f"{OUTBOX}{slot:02}"
