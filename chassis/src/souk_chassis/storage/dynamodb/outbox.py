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
from souk_chassis.events.event import Envelope, Stored, bundle
from souk_chassis.storage.dynamodb.schema import Table
from souk_chassis.storage.dynamodb.tables import Tables
from souk_chassis.storage.dynamodb.values import Row
from souk_chassis.storage.dynamodb.writes import Write, insert, put
from souk_chassis.storage.ports import Bus

SLOTS = 64
"""Partition keys of an outbox: 64,000 write units a second together."""
BUNDLE_BYTES = 300_000
"""The most that the events of one item weigh. An item may have 400 KB."""
OUTBOX = "out#"
"""How the partition keys of an outbox begin; a stream is filtered by it."""
INBOX_KEPT = timedelta(days=14)
"""How long event ids are remembered: as long as SQS can keep a message."""


def events_table(name: str) -> Table:
    """The table of a service's outbox and inbox. Expired ids are removed by DynamoDB, at no cost."""
    return Table(name, "slot", "id", expires="expiresAt", streams=True)


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
    slots = dice.sample(range(SLOTS), min(len(bundles), SLOTS))
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


async def waiting(tables: Tables, table: Table, limit: int | None = None) -> list[Row]:
    """The items of the outbox, oldest first: `limit` of each slot, where given."""
    slots = await asyncio.gather(*(tables.query(table, _slot(slot), limit=limit) for slot in range(SLOTS)))
    return sorted((row for rows in slots for row in rows), key=lambda row: str(row["id"]))


def is_outbox_row(row: Row) -> bool:
    """Whether an item of the events table holds events that are on their way out."""
    return str(row["slot"]).startswith(OUTBOX)


async def hand_on(tables: Tables, table: Table, bus: Bus, rows: Sequence[Row]) -> int:
    """Publish the events of these items of the outbox, then remove the items. Returns how many events.

    Whoever dies in between, or does it twice, repeats events: consumers ask `first_time`.
    """
    events = [_stored(json) for row in rows for json in row["events"]]
    if events:
        await bus.publish(bundle(events))
        await tables.delete_all(table, [(row["slot"], row["id"]) for row in rows])
    return len(events)


def _stored(json: str) -> Stored:
    envelope = wire.decode(json, Envelope[msgspec.Raw])
    return Stored(envelope.id, envelope.type, json)


def _slot(slot: int) -> str:
    return f"{OUTBOX}{slot:02}"
