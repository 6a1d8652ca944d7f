"""The books of queues on a model of SQS: counted, shown without being taken, put back, buried with a reason."""

import itertools
import random
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

import pytest

from souk_chassis.aws import queues as queues_module
from souk_chassis.aws.batches import BATCH_BYTES, BATCH_ENTRIES, Attributed, Failed
from souk_chassis.aws.queues import SqsQueues
from souk_chassis.aws.sqs import QueueSize, Received
from souk_chassis.events.event import Event, Stored, as_message, pack
from souk_chassis.storage.ports import MAX_REASON, QueueState


class BookRead(Event):
    """An event for these tests."""

    book: str

    @property
    def subject(self) -> str:
        return self.book


def event(book: str = "b") -> Stored:
    return pack(BookRead(book=book), source="readers", time=datetime.now(UTC), traceparent="00-1-01")


class ModelQueues:
    """A model of SQS: what is in hand is hidden until it is given back; hands out a few at a time."""

    def __init__(self) -> None:
        self.messages: dict[str, list[Received]] = {}
        self.in_hand: dict[str, list[Received]] = {}
        self.numbers = itertools.count(1)
        self.fails: list[str] = []
        self.hidden_s: dict[str, int] = {}

    async def send(self, queue: str, messages: Sequence[Attributed]) -> list[Failed]:
        assert 1 <= len(messages) <= BATCH_ENTRIES
        assert sum(message.weight() for message in messages) <= BATCH_BYTES
        if self.fails:
            return [Failed(0, self.fails.pop(), "no", sender_fault=False)]
        for message in messages:
            number = next(self.numbers)
            attributes = {name: str(value) for name, value in message.attributes.items()}
            assert all(attributes.values()), "SQS takes no empty attribute"
            self.messages.setdefault(queue, []).append(
                Received(f"m{number}", f"r{number}", message.body, attributes, 0, 1.8e9 + number)
            )
        return []

    async def receive(
        self, queue: str, limit: int = 10, *, hidden_s: int | None = None, wait_s: int = 0
    ) -> list[Received]:
        found = self.messages.get(queue, [])[: min(limit, 3)]
        del self.messages.get(queue, [])[: len(found)]
        self.in_hand.setdefault(queue, []).extend(found)
        return found

    async def delete(self, queue: str, receipts: Sequence[str]) -> list[Failed]:
        self.in_hand[queue] = [each for each in self.in_hand[queue] if each.receipt not in receipts]
        return []

    async def hide(self, queue: str, hidden_s: Mapping[str, int]) -> list[Failed]:
        assert 1 <= len(hidden_s) <= BATCH_ENTRIES
        self.hidden_s |= hidden_s
        receipts = [receipt for receipt, seconds in hidden_s.items() if not seconds]
        given_back = [each for each in self.in_hand[queue] if each.receipt in receipts]
        self.in_hand[queue] = [each for each in self.in_hand[queue] if each.receipt not in receipts]
        self.messages[queue] += given_back
        return []

    async def size(self, queue: str) -> QueueSize:
        return QueueSize(len(self.messages.get(queue, [])), len(self.in_hand.get(queue, [])), 0)


@pytest.fixture
def model() -> ModelQueues:
    return ModelQueues()


@pytest.fixture
def books(model: ModelQueues) -> SqsQueues:
    return SqsQueues(model, ["read", "lent"], random.Random(1))  # type: ignore[arg-type]


async def test_states_count_messages_in_hand_too(model: ModelQueues, books: SqsQueues) -> None:
    await model.send("read", [Attributed("a"), Attributed("b"), Attributed("c"), Attributed("d")])
    await model.receive("read")
    await model.send("read-dlq", [Attributed("e")])
    assert await books.queue_states(["lent", "read"]) == [QueueState("lent", 0, 0.0, 0), QueueState("read", 4, 0.0, 1)]


async def test_what_is_buried_is_shown_with_its_reason(model: ModelQueues, books: SqsQueues) -> None:
    given_up = event("moby-dick")
    await books.bury("read", given_up.json, "no such book\x00", 5)
    [letter] = await books.dead_letters(10)
    assert (letter.queue, letter.event_id, letter.type) == ("read", given_up.event_id, "souk.BookRead.v1")
    assert (letter.subject, letter.reason, letter.attempts) == ("moby-dick", "no such book\\u0000", 5)
    assert letter.died_at == datetime.fromtimestamp(1.8e9 + 1, UTC)
    assert model.messages["read-dlq"][0].body == given_up.json


async def test_burying_is_tried_again_and_bounded(model: ModelQueues, books: SqsQueues) -> None:
    model.fails = ["InternalError"]
    await books.bury("read", "{no event", "r" * (MAX_REASON + 1), 1)
    [letter] = await books.dead_letters(10)
    assert (letter.event_id, letter.type, letter.subject) == ("m1", "", "")
    assert letter.reason == "r" * MAX_REASON


@pytest.mark.parametrize("left", [-100, 0, 20, 35, 60, 3_000])
async def test_there_is_always_room_for_the_event(model: ModelQueues, books: SqsQueues, left: int) -> None:
    """The model refuses what is over the limit, so that a full message has no room for the whole reason."""
    full = "x" * (BATCH_BYTES - len("countNumber1") - max(0, left))
    await books.bury("read", full, "ä" * 1_000, 5)
    [message] = model.messages["read-dlq"]
    assert message.body == full
    assert ("attempts" in message.attributes, "reason" in message.attributes) == (left >= 20, left >= 35)
    assert set(message.attributes.get("reason", "")) <= {"ä"}
    assert (await books.dead_letters(1))[0].attempts == (5 if left >= 20 else 0)


async def test_messages_are_put_off(model: ModelQueues, books: SqsQueues) -> None:
    delays_s = {f"r{number}": float(number) + 0.2 for number in range(1, 24)} | {"long": 1e6, "now": 0.0}
    await model.send("read", [Attributed("a")])
    await model.receive("read")
    await books.postpone("read", delays_s)
    assert model.hidden_s == {f"r{number}": number + 1 for number in range(1, 24)} | {"long": 43_200, "now": 0}


async def test_looking_takes_nothing_and_ends(model: ModelQueues, books: SqsQueues) -> None:
    events = [event(str(number)) for number in range(20)]
    for each in events:
        await books.bury("read", each.json, "why", 1)
    await books.bury("lent", events[0].json, "why", 1)
    for _ in range(2):
        letters = await books.dead_letters(100)
        assert len(letters) == 21
        assert [letter.died_at for letter in letters] == sorted((each.died_at for each in letters), reverse=True)
    assert len(await books.dead_letters(4)) == 4
    assert not any(model.in_hand.values())
    assert len(model.messages["read-dlq"]) == 20


async def test_what_sqs_itself_gave_up_has_a_reason_too(model: ModelQueues, books: SqsQueues) -> None:
    events = [event("one"), event("two")]
    await model.send("read-dlq", [Attributed(as_message(events).json, {"type": "souk.BookRead.v1", "count": 2})])
    letters = await books.dead_letters(10)
    assert {(letter.event_id, letter.subject) for letter in letters} == {
        (events[0].event_id, "one"),
        (events[1].event_id, "two"),
    }
    assert all(letter.reason for letter in letters)


async def test_redriving_moves_all_as_they_first_came(model: ModelQueues, books: SqsQueues) -> None:
    for number in range(12):
        await books.bury("read", event(str(number)).json, "why", 5)
    bundle = as_message([event("x"), event("y")])
    await model.send("read-dlq", [Attributed(bundle.json, {"type": bundle.type, "count": 2, "traceparent": "00-1-01"})])
    assert await books.redrive("read") == 14
    assert await books.dead_letters(10) == []
    assert not any(model.in_hand.values())
    moved = model.messages["read"]
    assert len(moved) == 13
    assert {frozenset(message.attributes) for message in moved} == {
        frozenset({"type", "count"}),
        frozenset({"type", "count", "traceparent"}),
    }
    assert await books.redrive("read") == 0


async def test_redriving_has_an_end(model: ModelQueues, books: SqsQueues, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queues_module, "REDRIVE_S", 0.0)
    await books.bury("read", event().json, "why", 5)
    assert await books.redrive("read") == 0


async def test_what_can_not_be_sent_stays_a_dead_letter(model: ModelQueues, books: SqsQueues) -> None:
    await books.bury("read", event().json, "why", 5)
    model.fails = ["InternalError"] * 100
    with pytest.raises(Exception, match="aws_unavailable"):
        await books.redrive("read")
    assert len(model.in_hand["read-dlq"]) == 1, "it comes back after a while"
