"""Events on Lambda: what becomes of a batch whose events succeed, fail, can't be read, or find no time; the relay; and
the rounds of the schedule."""

import asyncio
import random
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pytest

from souk_chassis.context import Context, unit_is_open
from souk_chassis.engine.sqs_source import RETRY_CAP_S
from souk_chassis.errors import SoukError, conflict, unavailable
from souk_chassis.events.event import Delivery, Stored, as_message, events_of
from souk_chassis.manifest import Consumer
from souk_chassis.resilience import Deadline
from souk_chassis.runtimes.instance import Instance, Round
from souk_chassis.runtimes.lambda_events import EventsFunction
from souk_chassis.storage.dynamodb.database import DynamoDatabase, DynamoUnit
from souk_chassis.storage.dynamodb.schema import Table, events_table
from souk_chassis.storage.dynamodb.tables import Tables
from souk_chassis.storage.dynamodb.values import to_item
from souk_chassis.storage.dynamodb.writes import insert
from souk_chassis.storage.ports import UnpublishableError
from souk_chassis.testing.clock import ManualClock
from souk_chassis.testing.contexts import TRACEPARENT
from souk_chassis.testing.dispatch import FakeDispatcher
from souk_chassis.testing.dynamodb_model import DynamoModel
from souk_chassis.testing.logs import RecordedLines
from souk_chassis.testing.queues import QUEUE, Noted, noted

NOTES, EVENTS = Table("Notes", "id"), events_table("notes")
PLENTY_S = 30.0


class World:
    """What a function has around it: dead letters, topics, and a reader whose notes can be poisoned."""

    def __init__(self) -> None:
        self.done: list[str] = []
        self.asked: list[list[str]] = []
        self.dead: list[tuple[str, str, str, int]] = []
        self.delays: dict[str, float] = {}
        self.published: list[str] = []
        self.poison: dict[str, Exception] = {}
        self.answers: dict[str, SoukError] = {}
        self.unpublishable: set[str] = set()
        self.hangs = False
        self.cannot_bury: Exception | None = None

    async def bury(self, queue: str, event_json: str, reason: str, attempts: int) -> None:
        if self.cannot_bury is not None:
            raise self.cannot_bury
        self.dead.append((queue, event_json, reason, attempts))

    async def postpone(self, queue: str, delays_s: Mapping[str, float]) -> None:
        assert queue == QUEUE
        self.delays.update(delays_s)

    async def publish(self, messages: Sequence[Stored]) -> None:
        events = [Stored(event_id, m.type, json) for m in messages for event_id, json in events_of(m.json)]
        self.published += [event.event_id for event in events if event.event_id not in self.unpublishable]
        if refused := [event for event in events if event.event_id in self.unpublishable]:
            raise UnpublishableError(refused, "too large")

    async def ask(self, ctx: Context[Any], deliveries: Sequence[Delivery[Noted]]) -> list[Any]:
        assert not unit_is_open.get()
        notes = [delivery.data.note for delivery in deliveries]
        self.asked.append(notes)
        return [self.answers.get(note, note.upper()) for note in notes]

    async def apply(self, ctx: Context[Any], unit: Any, deliveries: Sequence[Delivery[Noted]], *answers: Any) -> None:
        assert unit_is_open.get()
        for delivery in deliveries:
            note = delivery.data.note
            if note in self.poison:
                raise self.poison[note]
            unit.writes.append(insert(NOTES, {"id": f"{note} {delivery.event_id}"}))
        if self.hangs:
            await asyncio.sleep(600)
        if answers:
            assert answers == ([delivery.data.note.upper() for delivery in deliveries],)


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def model() -> DynamoModel:
    return DynamoModel([NOTES, EVENTS])


@pytest.fixture
def store(model: DynamoModel, clock: ManualClock) -> DynamoDatabase[DynamoUnit]:
    tables, dice = Tables(model), random.Random(3)
    return DynamoDatabase(tables, EVENTS, clock, lambda: DynamoUnit(tables, EVENTS, "readers", clock, dice))


Make = Callable[..., EventsFunction]


@pytest.fixture
def make(make_instance: Callable[..., Instance], store: DynamoDatabase[DynamoUnit], world: World) -> Make:
    """Makes the function of a service with one consumer; `asks` where that asks."""

    def make(*, asks: bool = False, attempts: int = 3, rounds: Sequence[Round] = ()) -> EventsFunction:
        consumer = Consumer(world.apply, world.ask if asks else None, attempts=attempts)
        instance = make_instance(store, consumes={Noted: consumer}, rounds=rounds)
        return EventsFunction(instance, FakeDispatcher(), world, world)

    return make


def record(message_id: str, body: str, received: int = 1) -> dict[str, Any]:
    """As SQS hands it to Lambda."""
    return {
        "messageId": message_id,
        "receiptHandle": f"receipt {message_id}",
        "body": body,
        "attributes": {"ApproximateReceiveCount": str(received), "SentTimestamp": "1735689600000"},
        "messageAttributes": {},
        "md5OfBody": "",
        "eventSource": "aws:sqs",
        "eventSourceARN": f"arn:aws:sqs:eu-west-1:123456789012:{QUEUE}",
        "awsRegion": "eu-west-1",
    }


def streamed(*events: Stored, name: str = "INSERT", slot: str = "out#01") -> dict[str, Any]:
    """As a stream of DynamoDB shows an item of the outbox."""
    item = to_item({"slot": slot, "id": events[0].event_id, "events": [event.json for event in events]})
    return {"eventSource": "aws:dynamodb", "eventName": name, "dynamodb": {"NewImage": item}}


async def handle(function: EventsFunction, *records: Mapping[str, Any], s: float = PLENTY_S) -> list[str]:
    """Hand a batch to it. Returns which messages come again."""
    answer = await function({"Records": list(records)}, Deadline.after(s))
    return [failure["itemIdentifier"] for failure in answer["batchItemFailures"]]


def kept(model: DynamoModel) -> list[str]:
    """The notes whose effect is kept, each as often as it happened."""
    return sorted(str(item["id"]["S"]).split()[0] for item in model.tables["Notes"].items.values())


@pytest.mark.parametrize("asks", [False, True])
async def test_a_batch_is_done(make: Make, world: World, model: DynamoModel, asks: bool) -> None:
    together = as_message([noted("b"), noted("c")])
    assert await handle(make(asks=asks), record("m1", noted("a").json), record("m2", together.json)) == []
    assert kept(model) == ["a", "b", "c"]
    assert world.asked == ([["a", "b", "c"]] if asks else [])
    assert (world.dead, world.delays) == ([], {})


@pytest.mark.parametrize("asks", [False, True])
async def test_only_the_message_that_failed_comes_again(
    make: Make, world: World, model: DynamoModel, asks: bool
) -> None:
    world.poison = {"bad": conflict("no", "No.")}
    batch = [record("m1", noted("a").json), record("m2", noted("bad").json), record("m3", noted("c").json)]
    assert await handle(make(asks=asks), *batch) == ["m2"]
    assert kept(model) == ["a", "c"]
    assert world.delays == {"receipt m2": 2.0}
    world.poison = {}
    assert await handle(make(asks=asks), record("m2", batch[1]["body"], 2)) == []
    assert kept(model) == ["a", "bad", "c"]


@pytest.mark.parametrize("received", [1, 50])
async def test_pauses_grow_by_what_was_tried(make: Make, world: World, received: int) -> None:
    world.poison = {"bad": ValueError("broken")}
    function, bad, pauses = make(attempts=9999), noted("bad").json, list[float]()
    for time in range(11):
        assert await handle(function, record("m1", bad, received + time)) == ["m1"]
        pauses.append(world.delays["receipt m1"])
    assert pauses == [2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 512.0, RETRY_CAP_S, RETRY_CAP_S]


async def test_an_event_is_buried_after_its_attempts_with_the_reason(make: Make, world: World) -> None:
    world.poison = {"bad": ValueError("broken")}
    bad, function = noted("bad"), make()
    for received in (1, 2):
        assert await handle(function, record("m1", bad.json, received)) == ["m1"]
    assert world.dead == []
    assert await handle(function, record("m1", bad.json, 3)) == []
    assert world.dead == [(QUEUE, bad.json, "ValueError: broken", 3)]
    assert await handle(function, record("m2", bad.json)) == ["m2"], "put back, it has all its attempts again"


@pytest.mark.parametrize("asks", [False, True])
async def test_what_was_received_and_not_tried_uses_up_no_attempt(make: Make, world: World, asks: bool) -> None:
    function, bad = make(asks=asks, attempts=2), noted("bad")
    world.hangs = True  # no time is left, again and again
    for received in (30, 31, 32):
        assert await handle(function, record("m1", bad.json, received), s=2.05) == ["m1"]
    world.hangs, world.poison = False, {"mate": unavailable("database_unavailable", "It is away.")}
    for received in (33, 34, 35):
        batch = record("m1", bad.json, received), record("m2", noted("mate").json)
        assert await handle(function, *batch) == ["m1", "m2"]
    assert world.delays["receipt m1"] == RETRY_CAP_S, "nobody knows why it comes again and again: it has time"
    world.poison = {"bad": ValueError("broken")}
    assert await handle(function, record("m1", bad.json, 36)) == ["m1"]
    assert (world.dead, world.delays["receipt m1"]) == ([], 2.0)
    assert await handle(function, record("m1", bad.json, 37)) == []
    assert world.dead == [(QUEUE, bad.json, "ValueError: broken", 2)]


@pytest.mark.parametrize("loops", [1, 2])
async def test_as_many_batches_are_asked_for_at_once_as_the_consumer_says(
    make_instance: Callable[..., Instance], store: DynamoDatabase[DynamoUnit], world: World, loops: int
) -> None:
    under_way, most, both = 0, 0, asyncio.Event()

    async def ask(ctx: Context[Any], deliveries: Sequence[Delivery[Noted]]) -> list[Any]:
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        if under_way == loops:
            both.set()
        await both.wait()
        under_way -= 1
        return await world.ask(ctx, deliveries)

    instance = make_instance(store, consumes={Noted: Consumer(world.apply, ask, batch=2, loops=loops)})
    function = EventsFunction(instance, FakeDispatcher(), world, world)
    together = as_message([noted(note) for note in "abcde"])
    assert await handle(function, record("m1", together.json)) == []
    assert most == loops
    assert sorted(world.asked) == [["a", "b"], ["c", "d"], ["e"]]


@pytest.mark.parametrize("body", ["no json", '{"half": ', "[]", '[{"id": 7}]', '{"id": "e1", "type": "souk.Noted.v1"}'])
async def test_a_message_that_nobody_can_read_is_buried_and_the_rest_goes_on(
    make: Make, world: World, model: DynamoModel, body: str
) -> None:
    assert await handle(make(), record("m1", body), record("m2", noted("a").json)) == []
    [(queue, json, reason, attempts)] = world.dead
    assert (queue, json, attempts) == (QUEUE, body, 1)
    assert "Error" in reason
    assert kept(model) == ["a"]


async def test_an_unknown_version_is_buried_alone(make: Make, world: World, model: DynamoModel) -> None:
    later = noted("later")
    newer = Stored(later.event_id, later.type, later.json.replace("souk.Noted.v1", "souk.Noted.v2"))
    message = as_message([noted("a"), newer, noted("c")])
    assert await handle(make(), record("m1", message.json)) == []
    [(_, json, reason, _)] = world.dead
    assert json == newer.json
    assert "souk.Noted.v2 came, and only souk.Noted.v1 is known here" in reason
    assert kept(model) == ["a", "c"]


async def test_what_cannot_be_read_is_buried_once_though_its_message_comes_again(make: Make, world: World) -> None:
    world.poison = {"bad": conflict("no", "No.")}
    broken = Stored("e1", "souk.Noted.v1", '{"id":"e1","type":"souk.Noted.v1"}')
    body = as_message([noted("bad"), broken]).json
    for received in (1, 2):
        assert await handle(make(), record("m1", body, received)) == ["m1"]
        assert world.dead == []
    assert await handle(make(), record("m1", body, 3)) == []
    assert sorted(letter[1] for letter in world.dead) == sorted(json for _, json in events_of(body))


async def test_what_cannot_be_buried_comes_again(make: Make, world: World) -> None:
    world.cannot_bury = unavailable("aws_unavailable", "SQS is away.")
    assert await handle(make(), record("m1", "no json")) == ["m1"]
    world.cannot_bury = None
    assert await handle(make(), record("m1", "no json", 2)) == []
    assert len(world.dead) == 1


@pytest.mark.parametrize("asks", [False, True])
async def test_a_repeat_changes_nothing(make: Make, world: World, model: DynamoModel, asks: bool) -> None:
    a, b = noted("a"), noted("b")
    assert await handle(make(asks=asks), record("m1", a.json), record("m2", a.json)) == []
    assert await handle(make(asks=asks), record("m3", as_message([a, b]).json)) == []
    assert kept(model) == ["a", "b"]
    assert world.asked == ([["a"], ["a", "b"]] if asks else []), "asking twice is harmless: its answer has no effect"


async def test_a_refused_answer_comes_again_and_the_others_are_kept(
    make: Make, world: World, model: DynamoModel
) -> None:
    world.answers = {"bad": unavailable("away", "It is away.")}
    bad, function = noted("bad"), make(asks=True, attempts=2)
    assert await handle(function, record("m1", noted("a").json), record("m2", bad.json)) == ["m2"]
    assert kept(model) == ["a"]
    assert await handle(function, record("m2", bad.json, 2)) == []
    assert [letter[1] for letter in world.dead] == [bad.json]


async def test_no_time_left_brings_the_whole_batch_again(make: Make, world: World, model: DynamoModel) -> None:
    world.hangs = True
    function = make()
    assert await handle(function, record("m1", noted("a").json), record("m2", noted("b").json), s=2.05) == ["m1", "m2"]
    assert kept(model) == []
    world.hangs = False
    assert await handle(function, record("m1", noted("a").json, 2)) == []
    assert kept(model) == ["a"]


@pytest.mark.parametrize("received", [1, 9])
async def test_the_stores_own_trouble_buries_nothing(make: Make, world: World, received: int) -> None:
    world.poison = {"a": unavailable("database_unavailable", "It is away.")}
    batch = [record("m1", noted("a").json, received), record("m2", noted("b").json, received)]
    assert await handle(make(), *batch) == ["m1", "m2"]
    assert world.dead == []


async def test_the_stream_is_relayed(make: Make, world: World) -> None:
    a, b, c = noted("a"), noted("b"), noted("c")
    removed = {"eventSource": "aws:dynamodb", "eventName": "REMOVE", "dynamodb": {"Keys": {}}}
    inbox = {
        "eventSource": "aws:dynamodb",
        "eventName": "INSERT",
        "dynamodb": {"NewImage": to_item({"slot": "in#e1", "id": "q", "expiresAt": 1})},
    }
    records = [streamed(a, b), streamed(c, name="MODIFY"), removed, inbox]
    assert await handle(make(), *records) == []
    assert world.published == [a.event_id, b.event_id]
    assert await handle(make()) == []


async def test_an_event_that_cannot_be_published_holds_up_no_stream(
    make: Make, world: World, lines: RecordedLines
) -> None:
    a, huge = noted("a"), noted("huge")
    world.unpublishable = {huge.event_id}
    assert await handle(make(), streamed(huge), streamed(a)) == []
    assert world.published == [a.event_id]
    assert lines.messages("error") == ["events can't be published"]


async def test_what_the_stream_missed_is_swept_and_a_round_failed_keeps_no_other(
    make: Make, world: World, store: DynamoDatabase[DynamoUnit], clock: ManualClock, lines: RecordedLines
) -> None:
    ran: list[str] = []

    async def fails(_: Context[Any]) -> None:
        ran.append("fails")
        raise ZeroDivisionError

    async def refuses(_: Context[Any]) -> None:
        raise unavailable("away", "It is away.")

    async def hangs(_: Context[Any]) -> None:
        await asyncio.sleep(600)

    async def works(ctx: Context[Any]) -> None:
        assert ctx.service == "readers"
        ran.append("works")

    async with store.unit() as unit:
        unit.publish(Noted(note="a"), TRACEPARENT)
    clock.advance(4_000_000_000)  # ids are of the system's time
    rounds = [Round(each, 1.0) for each in (fails, refuses, hangs, works)]
    assert await make(rounds=rounds)({"source": "aws.events"}, Deadline.after(2.5)) == {}
    assert ran == ["fails", "works"]
    assert len(world.published) == 1
    assert lines.messages("error") == ["round failed"]
    assert lines.messages("warning") == ["outbox swept", "round failed", "no time left for a round"]


async def test_rounds_are_done_as_often_as_they_are_due(make: Make, clock: ManualClock) -> None:
    ran: list[str] = []

    def round_of(name: str, every_s: float) -> Round:
        async def run(_: Context[Any]) -> None:
            ran.append(name)

        return Round(run, every_s)

    function = make(rounds=[round_of("second", 1.0), round_of("minute", 60.0), round_of("tenth", 600.0)])
    for _ in range(20):
        await function({}, Deadline.after(PLENTY_S))
        clock.advance(60.0)
    assert {name: ran.count(name) for name in ran} == {"second": 20, "minute": 20, "tenth": 2}
