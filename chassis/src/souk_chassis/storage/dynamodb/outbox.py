"""The outbox and the inbox of a service on DynamoDB, in a table of their own.

The events of one transaction are one item: written together, they cost a write unit a kilobyte and not one each. The
items are spread over slots, since a partition key takes 1,000 write units a second and no more.
"""

import asyncio
import random
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from souk_chassis import wire
from souk_chassis.events.event import Envelope, Stored
from souk_chassis.storage.dynamodb.schema import Table
from souk_chassis.storage.dynamodb.tables import Tables
from souk_chassis.storage.dynamodb.values import Row
from souk_chassis.storage.dynamodb.writes import Write, insert, put, update
from souk_chassis.storage.ports import Subscriptions

SLOTS = 64
"""Partition keys of an outbox: 64,000 write units a second together."""
BUNDLE_BYTES = 300_000
"""The most that the events of one item weigh. An item may have 400 KB."""
INBOX_KEPT = timedelta(days=14)
"""How long event ids are remembered: as long as SQS can keep a message."""


def events_table(name: str) -> Table:
    """The table of a service's outbox and inbox. Expired ids are removed by DynamoDB, at no cost."""
    return Table(name, "slot", "id", expires="expiresAt")


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


async def relay(tables: Tables, table: Table, subscriptions: Subscriptions, limit: int) -> int:
    """Hand the oldest events to their subscribers, then remove them. Returns how many."""
    left, events = limit, list[Stored]()
    done: list[tuple[str, ...]] = []
    shortened: list[Write] = []
    for row in await waiting(tables, table, limit):
        if not left:
            break
        jsons: list[str] = row["events"]
        events += _stored(jsons[:left])
        if len(jsons) <= left:
            done.append((row["slot"], row["id"]))
        else:
            rest, key = jsons[left:], {"slot": row["slot"], "id": row["id"]}
            shortened.append(update(table, key, sets={"events": rest}, when=[("events", "=", jsons)]))
        left -= min(left, len(jsons))
    for service, pairs in subscriptions.route(events).items():
        await subscriptions.targets[service].receive(pairs)
    await tables.delete_all(table, done)
    await tables.transact(shortened)
    return len(events)


def _stored(jsons: Iterable[str]) -> list[Stored]:
    envelopes = [(wire.decode(json, Envelope), json) for json in jsons]
    return [Stored(envelope.id, envelope.type, json) for envelope, json in envelopes]


def _slot(slot: int) -> str:
    return f"out#{slot:02}"
