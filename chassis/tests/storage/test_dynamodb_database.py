"""Units of work on DynamoDB, with their outbox and inbox, on the model."""
# ruff: noqa: PT012 - units of work fail in their blocks

import random
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from souk_chassis.context import unit_is_open
from souk_chassis.errors import SoukError, unavailable
from souk_chassis.events.event import Stored, events_of, unpack
from souk_chassis.storage.collisions import CollisionError
from souk_chassis.storage.dynamodb.database import DynamoDatabase, DynamoUnit
from souk_chassis.storage.dynamodb.outbox import BUNDLE_BYTES, waiting
from souk_chassis.storage.dynamodb.schema import Table, events_table
from souk_chassis.storage.dynamodb.tables import Tables
from souk_chassis.storage.dynamodb.values import Row
from souk_chassis.storage.dynamodb.writes import insert
from souk_chassis.storage.ports import UnpublishableError
from souk_chassis.testing.clock import ManualClock
from souk_chassis.testing.contexts import TRACEPARENT
from souk_chassis.testing.dynamodb_model import DynamoModel
from souk_chassis.testing.queues import Noted
from souk_chassis.testing.stores import Closed, Shelved

NOTES = Table("Notes", "id")
EVENTS = events_table("notes")


class Topic:
    """A bus that remembers what it got, and is down for the first `failures` messages."""

    def __init__(self, failures: int = 0, *refused: str) -> None:
        self.got: list[str] = []
        self.failures = failures
        self.refused = refused
        """Notes that no topic takes."""

    async def publish(self, messages: Sequence[Stored]) -> None:
        if self.failures:
            self.failures -= 1
            raise unavailable("bus_down", "The bus can't be reached.")
        events = [
            (Stored(event_id, message.type, json), unpack(json, Noted)[0].data.note)
            for message in messages
            for event_id, json in events_of(message.json)
        ]
        self.got += [note for _, note in events if note not in self.refused]
        if refused := [message for message, note in events if note in self.refused]:
            raise UnpublishableError(refused, "too large")


async def rows(store: DynamoDatabase[DynamoUnit]) -> list[Row]:
    """What a stream shows of the events table: the outbox and, beside it, the inbox."""
    inbox = {"slot": "in#e1", "id": "reader", "expiresAt": 1}
    return [*await waiting(store.tables, EVENTS), inbox]


@pytest.fixture
def model() -> DynamoModel:
    return DynamoModel([NOTES, EVENTS])


@pytest.fixture
def store(model: DynamoModel) -> DynamoDatabase[DynamoUnit]:
    tables, clock, dice = Tables(model), ManualClock(), random.Random(3)
    return DynamoDatabase(tables, EVENTS, clock, lambda: DynamoUnit(tables, EVENTS, "notes", clock, dice))


async def publish(store: DynamoDatabase[DynamoUnit], *notes: str) -> None:
    async with store.unit() as unit:
        for note in notes:
            unit.publish(Noted(note=note), TRACEPARENT)


async def test_effect_and_event_are_kept_together_or_not_at_all(store: DynamoDatabase[DynamoUnit]) -> None:
    async with store.unit() as unit:
        assert unit_is_open.get()
        unit.writes.append(insert(NOTES, {"id": "a"}))
        unit.publish(Noted(note="a"), TRACEPARENT)
    assert not unit_is_open.get()
    assert await store.outbox_size() == 1
    with pytest.raises(SoukError) as collided:
        async with store.unit() as unit:
            unit.writes += [insert(NOTES, {"id": "b"}), insert(NOTES, {"id": "a"})]
            unit.publish(Noted(note="b"), TRACEPARENT)
    assert isinstance(collided.value, CollisionError)
    with pytest.raises(ZeroDivisionError):
        async with store.unit() as unit:
            unit.writes.append(insert(NOTES, {"id": "b"}))
            raise ZeroDivisionError
    assert await store.outbox_size() == 1
    assert await store.tables.get(NOTES, "b") is None


async def test_an_event_is_had_once(store: DynamoDatabase[DynamoUnit]) -> None:
    async with store.unit() as unit:
        assert await unit.first_time("reader", ["e1", "e2"]) == {"e1", "e2"}
        assert await unit.first_time("reader", ["e2"]) == set()
    with pytest.raises(ZeroDivisionError):
        async with store.unit() as unit:
            assert await unit.first_time("reader", ["e2", "e3"]) == {"e3"}
            raise ZeroDivisionError
    async with store.unit() as unit:
        assert await unit.first_time("reader", ["e3"]) == {"e3"}
        assert await unit.first_time("other", ["e1"]) == {"e1"}


async def test_two_who_have_an_event_at_once_do_its_effect_once(store: DynamoDatabase[DynamoUnit]) -> None:
    with pytest.raises(SoukError) as collided:
        async with store.unit() as first:
            await first.first_time("reader", ["e1"])
            first.writes.append(insert(NOTES, {"id": "late"}))
            async with store.unit() as second:
                await second.first_time("reader", ["e1"])
    assert isinstance(collided.value, CollisionError)
    assert await store.tables.get(NOTES, "late") is None


async def test_the_relay_hands_on_what_the_stream_shows_and_removes_it(store: DynamoDatabase[DynamoUnit]) -> None:
    topic = Topic()
    for notes in ("ab", "c", "def"):
        await publish(store, *notes)
    assert await store.relay(topic, await rows(store)) == 6
    assert topic.got == list("abcdef")
    assert await store.outbox_size() == 0
    assert await store.relay(topic, await rows(store)) == 0


async def test_a_failed_relay_loses_nothing(store: DynamoDatabase[DynamoUnit]) -> None:
    topic = Topic(failures=1)
    await publish(store, "a", "b")
    with pytest.raises(SoukError):
        await store.relay(topic, await rows(store))
    assert await store.outbox_size() == 2
    assert await store.relay(topic, await rows(store)) == 2
    assert topic.got == ["a", "b"]


async def test_one_event_that_no_topic_takes_holds_up_no_other(store: DynamoDatabase[DynamoUnit]) -> None:
    topic = Topic(0, "huge")
    for notes in (["a"], ["huge"], ["b"]):
        await publish(store, *notes)
    with pytest.raises(UnpublishableError) as raised:
        await store.relay(topic, await rows(store))
    assert len(raised.value.messages) == 1
    assert topic.got == ["a", "b"]
    [kept] = await waiting(store.tables, EVENTS)
    assert [unpack(json, Noted)[0].data.note for json in kept["events"]] == ["huge"]
    with pytest.raises(UnpublishableError):  # the next sweep tries again, and as long as it takes
        await store.sweep(topic, datetime.now(UTC) + timedelta(seconds=1), 10)
    topic.refused = ()
    assert await store.sweep(topic, datetime.now(UTC) + timedelta(seconds=1), 10) == 1
    assert topic.got == ["a", "b", "huge"]
    assert await store.outbox_size() == 0


async def test_one_topic_that_is_closed_holds_up_no_other(store: DynamoDatabase[DynamoUnit]) -> None:
    topic = Closed()
    await publish(store, "a")
    async with store.unit() as unit:
        unit.publish(Shelved(note="b"), TRACEPARENT)
    with pytest.raises(ZeroDivisionError):
        await store.relay(topic, await rows(store))
    assert (topic.notes, await store.outbox_size()) == (["a"], 1)
    topic.closed = None
    assert await store.relay(topic, await rows(store)) == 1
    assert topic.notes == ["a", "b"]


async def test_an_item_of_the_outbox_that_nobody_can_read_stays_alone(store: DynamoDatabase[DynamoUnit]) -> None:
    topic = Topic()
    await publish(store, "a")
    await store.tables.put_all(EVENTS, [{"slot": "out#00", "id": "broken", "events": ["no json"]}])
    with pytest.raises(UnpublishableError, match="broken"):
        await store.relay(topic, await rows(store))
    assert topic.got == ["a"]
    assert [row["id"] for row in await waiting(store.tables, EVENTS)] == ["broken"]


async def test_what_the_stream_missed_is_swept(store: DynamoDatabase[DynamoUnit]) -> None:
    topic = Topic()
    for note in "abc":
        await publish(store, note)
    now = datetime.now(UTC)
    assert await store.sweep(topic, now - timedelta(minutes=1), 10) == 0
    soon = now + timedelta(seconds=1)
    assert [await store.sweep(topic, soon, 2) for _ in range(3)] == [2, 1, 0]
    assert topic.got == ["a", "b", "c"]


async def test_events_of_a_transaction_share_an_item_as_far_as_it_goes(
    store: DynamoDatabase[DynamoUnit], model: DynamoModel
) -> None:
    await publish(store, *(f"n{number}" for number in range(50)))
    assert len(model.tables["NotesEvents"].items) == 1
    await publish(store, *("x" * (BUNDLE_BYTES // 2) for _ in range(3)))
    assert len(model.tables["NotesEvents"].items) == 4
    topic = Topic()
    await store.relay(topic, await rows(store))
    assert topic.got[:50] == [f"n{number}" for number in range(50)]
    assert len(topic.got) == 53


async def test_a_store_that_is_away_says_so() -> None:
    class Away:
        async def call(self, operation: str, request: Mapping[str, Any]) -> dict[str, Any]:
            raise unavailable("database_unavailable", "The database can't be reached just now.")

        async def close(self) -> None:
            """There is nothing to release."""

    tables, clock, dice = Tables(Away()), ManualClock(), random.Random(3)
    store = DynamoDatabase(tables, EVENTS, clock, lambda: DynamoUnit(tables, EVENTS, "notes", clock, dice))
    with pytest.raises(SoukError):
        await store.ping()
    await store.close()
