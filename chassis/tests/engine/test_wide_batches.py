"""512 events whose handling writes five items each, on every engine: all of each is kept, or nothing of it, and no unit
of work is wider than its store can keep as a whole."""

from collections.abc import Callable, Sequence
from typing import Any

import pytest

from souk_chassis.context import Context
from souk_chassis.engine.worker import Worker
from souk_chassis.events.event import Delivery, Stored, as_message
from souk_chassis.manifest import Consumer
from souk_chassis.record import Record
from souk_chassis.resilience import Deadline
from souk_chassis.runtimes.instance import Instance
from souk_chassis.runtimes.lambda_events import EventsFunction
from souk_chassis.storage.dynamodb.database import DynamoDatabase
from souk_chassis.storage.ports import DeadLetter, Subscriptions
from souk_chassis.testing.clock import ManualClock
from souk_chassis.testing.dispatch import FakeDispatcher
from souk_chassis.testing.queues import QUEUE, Noted, noted
from souk_chassis.testing.records import Engine

EVENTS, PARTS, MESSAGE = 512, 5, 128


class Part(Record, key=("note", "number")):
    """One of the items that an event makes."""

    note: str
    number: int
    text: str


class Reader:
    """Writes five items for an event, and says so by another. It fails in the middle of a poisoned one."""

    def __init__(self, poison: str | None = None, text: str = "") -> None:
        self.batches: list[int] = []
        self.poison = poison
        self.text = text

    async def apply(self, ctx: Context[Any], unit: Any, deliveries: Sequence[Delivery[Noted]]) -> None:
        self.batches.append(len(deliveries))
        for delivery in deliveries:
            note = delivery.data.note
            await unit.add([Part(note=note, number=number, text=self.text) for number in range(PARTS - 1)])
            if note == self.poison:
                raise ValueError("poisoned")
            await unit.add([Part(note=note, number=PARTS - 1, text=self.text)])
            unit.publish(Noted(note=note), delivery.traceparent)


class Elsewhere:
    """SQS, with its dead letters, and SNS."""

    def __init__(self) -> None:
        self.dead: list[str] = []

    async def bury(self, queue: str, event_json: str, reason: str, attempts: int) -> None:
        assert (queue, reason, attempts) == (QUEUE, "ValueError: poisoned", 1)
        self.dead.append(event_json)

    async def postpone(self, queue: str, delays_s: Any) -> None:
        raise AssertionError("nothing of it comes again")

    async def publish(self, messages: Sequence[Stored]) -> None:
        raise AssertionError("nobody relays")


async def deliver(instance: Instance, messages: Sequence[Stored]) -> list[str]:
    """Hand over all messages as the engine of the store would. Returns the ids of the dead letters."""
    store, elsewhere = instance.store, Elsewhere()
    if isinstance(store, DynamoDatabase):
        function = EventsFunction(instance, FakeDispatcher(), elsewhere, elsewhere)
        records = [
            {
                "eventSource": "aws:sqs",
                "eventSourceARN": f"arn:aws:sqs:eu-west-1:123456789012:{QUEUE}",
                "messageId": f"m{number}",
                "receiptHandle": f"r{number}",
                "body": message.json,
                "attributes": {"ApproximateReceiveCount": "1"},
            }
            for number, message in enumerate(messages)
        ]
        assert await function({"Records": records}, Deadline.after(600.0)) == {"batchItemFailures": []}
        return elsewhere.dead
    await instance.database.receive([(QUEUE, message) for message in messages])
    worker = Worker(instance, Subscriptions({}, {}), FakeDispatcher())
    while await worker.consume_once(worker.subscriptions[0]):
        pass
    dead: Sequence[DeadLetter] = await instance.database.dead_letters(10)
    return [letter.event_id for letter in dead]


class TestWideBatches(Engine):
    keeps = (Part,)

    @pytest.mark.parametrize("poison", [None, "note 200"])
    async def test_each_event_is_kept_whole_or_not_at_all(
        self, store: Any, make_instance: Callable[..., Instance], clock: ManualClock, poison: str | None
    ) -> None:
        reader = Reader(poison)
        consumer = Consumer(reader.apply, writes=PARTS, attempts=1)
        instance = make_instance(store, consumes={Noted: consumer})
        events = [noted(f"note {number}") for number in range(EVENTS)]
        messages = [as_message(events[start : start + MESSAGE]) for start in range(0, EVENTS, MESSAGE)]
        assert len(await deliver(instance, messages)) == (poison is not None)

        notes = [f"note {number}" for number in range(EVENTS)]
        keys = [(note, number) for note in notes for number in range(PARTS)]
        kept = {note for note, _ in await store.get(Part, keys)}
        assert kept == set(notes) - {poison}
        assert len(await store.get(Part, keys)) == PARTS * len(kept)
        assert await store.outbox_size() == len(kept)
        assert max(reader.batches) == (16 if isinstance(store, DynamoDatabase) else EVENTS)

    async def test_a_consumer_that_guessed_too_low_is_given_half_of_its_events(
        self, store: Any, make_instance: Callable[..., Instance], clock: ManualClock
    ) -> None:
        reader = Reader()
        instance = make_instance(store, consumes={Noted: Consumer(reader.apply, writes=1, attempts=1)})
        assert await deliver(instance, [as_message([noted(f"note {number}") for number in range(40)])]) == []
        keys = [(f"note {number}", part) for number in range(40) for part in range(PARTS)]
        assert len(await store.get(Part, keys)) == len(keys)
        halved = [40, 20, 10, 10, 20, 10, 10]
        assert reader.batches == (halved if isinstance(store, DynamoDatabase) else [40])
