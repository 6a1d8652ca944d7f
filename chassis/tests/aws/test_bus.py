"""The bus on a model of SNS: everything that can go goes, in batches that SNS takes; the rest is told apart."""

import asyncio
import json
import random
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import pytest

from souk_chassis.aws.batches import BATCH_BYTES, BATCH_ENTRIES, Attributed, Failed
from souk_chassis.aws.bus import PUBLISH_S, SnsBus
from souk_chassis.aws.errors import RequestRefusedError, aws_unavailable
from souk_chassis.errors import SoukError
from souk_chassis.events.event import Event, Stored, as_message, pack, topic_of
from souk_chassis.storage.ports import PublishDeferredError, UnpublishableError
from souk_chassis.testing.virtual_time import run_virtually

PREFIX = "arn:aws:sns:eu-west-1:123456789012:"


class BookRead(Event):
    """An event for these tests."""

    book: str
    text: str = ""

    @property
    def subject(self) -> str:
        return self.book


class BookLentOut(BookRead):
    """Another."""


class SKUListed(BookRead):
    """One with a name that is not split everywhere."""


def event(kind: type[BookRead] = BookRead, book: str = "b", text: str = "") -> Stored:
    return pack(kind(book=book, text=text), source="readers", time=datetime.now(UTC), traceparent=f"00-{book}-01")


class Topics:
    """A model of SNS: refuses what SNS refuses, and fails as the test says."""

    def __init__(self) -> None:
        self.published: list[tuple[str, Attributed]] = []
        self.calls = 0
        self.takes_s = 0.0
        self.fails: dict[str, list[Exception | str]] = {}

    async def publish(self, topic_arn: str, messages: Sequence[Attributed]) -> list[Failed]:
        assert 1 <= len(messages) <= BATCH_ENTRIES
        assert sum(message.weight() for message in messages) <= BATCH_BYTES
        self.calls += 1
        await asyncio.sleep(self.takes_s)
        topic = topic_arn.removeprefix(PREFIX)
        planned = self.fails.get(topic)
        failure = planned.pop(0) if planned else None
        if isinstance(failure, Exception):
            raise failure
        failed = [Failed(0, failure, "no", sender_fault=failure == "InvalidParameter")] if failure else []
        self.published += [(topic, message) for message in messages[len(failed) :]]
        return failed


def published(topics: Topics, *messages: Stored) -> Exception | None:
    """Publish messages; what was raised, if anything."""
    return timed(topics, *messages)[1]


def timed(topics: Topics, *messages: Stored) -> tuple[float, Exception | None, float]:
    """As `published`, and when it began and ended, in seconds."""
    bus = SnsBus(topics, PREFIX, random.Random(1))  # type: ignore[arg-type]

    async def publish() -> tuple[float, Exception | None, float]:
        now_s = asyncio.get_running_loop().time
        began_s = now_s()
        return began_s, await outcome(), now_s()

    async def outcome() -> Exception | None:
        try:
            await bus.publish(messages)
        except (PublishDeferredError, UnpublishableError) as error:
            return error
        return None

    return run_virtually(publish())


def ids(topics: Topics) -> list[str]:
    """The ids of the events that SNS has."""
    found: list[str] = []
    for _, message in topics.published:
        value: Any = json.loads(message.body)
        found += [each["id"] for each in (value if isinstance(value, list) else [value])]
    return found


@pytest.mark.parametrize("kind", [BookRead, BookLentOut, SKUListed])
def test_a_type_and_its_class_have_one_topic(kind: type[Event]) -> None:
    assert topic_of(kind.type_name()) == kind.topic()


def test_topics_have_words() -> None:
    assert topic_of("souk.OrderCreated.v1") == "order-created"
    assert topic_of("souk.OrderCreated.v2") == "order-created-v2"
    for wrong in ("OrderCreated", "souk.v1", "souk..v1", "a.b.c.d", "a.b.c", "souk.Order Created.v1", "souk.A.v0", ""):
        with pytest.raises(ValueError, match="No type"):
            topic_of(wrong)


def test_each_goes_to_the_topic_of_its_type_with_what_is_told_of_it() -> None:
    topics = Topics()
    first, second = event(book="one"), event(book="two")
    lent = event(BookLentOut, "three")
    assert published(topics, as_message([first, second]), lent) is None
    read_attributes = {"type": "souk.BookRead.v1", "count": 2, "traceparent": "00-one-01"}
    lent_attributes = {"type": "souk.BookLentOut.v1", "count": 1, "traceparent": "00-three-01"}
    assert topics.published == [
        ("book-read", Attributed(f"[{first.json},{second.json}]", read_attributes)),
        ("book-lent-out", Attributed(lent.json, lent_attributes)),
    ]


def test_nothing_is_nothing() -> None:
    topics = Topics()
    assert published(topics) is None
    assert topics.calls == 0


def test_many_go_in_few_calls() -> None:
    topics = Topics()
    messages = [event(book=str(number)) for number in range(95)]
    assert published(topics, *messages) is None
    assert topics.calls == 10
    assert sorted(ids(topics)) == sorted(message.event_id for message in messages)


def test_an_event_without_a_trace_has_no_empty_attribute() -> None:
    topics = Topics()
    bare = pack(BookRead(book="b"), source="readers", time=datetime.now(UTC), traceparent="")
    assert published(topics, bare) is None
    assert "traceparent" not in topics.published[0][1].attributes


def test_large_messages_fill_batches_by_weight() -> None:
    topics = Topics()
    messages = [event(text="ä" * 50_000) for _ in range(5)]
    assert published(topics, *messages) is None
    assert topics.calls == 3


def test_a_message_over_the_limit_goes_in_parts() -> None:
    topics = Topics()
    events = [event(text="ä" * 60_000) for _ in range(7)]
    assert published(topics, as_message(events)) is None
    assert ids(topics) == [each.event_id for each in events]
    assert sum(int(message.attributes["count"]) for _, message in topics.published) == 7


def test_an_event_over_the_limit_is_told_and_blocks_nothing() -> None:
    topics = Topics()
    huge, small, beside = event(text="x" * BATCH_BYTES), event(), event(BookLentOut)
    no_type = Stored("no-type", "unknown", small.json)
    error = published(topics, no_type, as_message([small, huge]), beside)
    assert isinstance(error, UnpublishableError)
    assert [message.event_id for message in error.messages] == ["no-type", huge.event_id]
    assert [message.count for message in error.messages] == [1, 1]
    assert huge.event_id in str(error)
    assert sorted(ids(topics)) == sorted([small.event_id, beside.event_id])


@pytest.mark.parametrize("over", [0, 1])
def test_the_limit_is_met_to_the_byte(over: int) -> None:
    topics = Topics()
    told = {"type": "souk.BookRead.v1", "count": 1, "traceparent": "00-b-01"}
    room = BATCH_BYTES - Attributed(event().json, told).weight()
    error = published(topics, event(text="x" * (room + over)))
    assert (error is None, len(topics.published)) == ((True, 1) if not over else (False, 0))


def test_one_that_nobody_can_read_goes_as_it_is() -> None:
    topics = Topics()
    assert published(topics, Stored("i", "souk.BookRead.v1", "{not json", 1)) is None
    assert topics.published[0][1].body == "{not json"


def test_characters_that_sns_refuses_are_escaped() -> None:
    topics = Topics()
    assert published(topics, event(text="a\ufffe\uffff")) is None
    body = topics.published[0][1].body
    assert "\ufffe" not in body
    assert json.loads(body)["data"]["text"] == "a\ufffe\uffff"


def test_what_failed_for_the_moment_is_sent_again() -> None:
    topics = Topics()
    topics.fails = {"book-read": ["InternalError", aws_unavailable(), "ThrottlingException"]}
    messages = [event() for _ in range(3)]
    assert published(topics, *messages) is None
    assert sorted(ids(topics)) == sorted(message.event_id for message in messages)


def test_one_topic_that_fails_holds_up_no_other() -> None:
    topics = Topics()
    topics.fails = {"book-read": [aws_unavailable()] * 100}
    lent = [event(BookLentOut) for _ in range(20)]
    read = event()
    error = published(topics, read, *lent)
    assert isinstance(error, PublishDeferredError)
    assert isinstance(error.fault, SoukError)
    assert error.messages == (read,)
    assert sorted(ids(topics)) == sorted(message.event_id for message in lent)


def test_each_type_has_its_fault_and_what_may_pass_comes_first() -> None:
    topics = Topics()
    missing = RequestRefusedError("no such topic", "NotFound")
    topics.fails = {"book-lent-out": [aws_unavailable()] * 100, "book-read": [missing] * 100}
    read, lent, huge = event(), event(BookLentOut), event(SKUListed, text="x" * BATCH_BYTES)
    error = published(topics, read, lent, huge)
    assert isinstance(error, PublishDeferredError)
    assert {message.event_id for message in error.messages} == {read.event_id, lent.event_id, huge.event_id}
    assert error.faults.keys() == {"souk.BookRead.v1", "souk.BookLentOut.v1"}
    assert error.faults["souk.BookRead.v1"] is missing
    assert isinstance(error.fault, SoukError)
    topics.fails = {"book-read": [missing]}
    error = published(topics, read, lent)
    assert isinstance(error, PublishDeferredError)
    assert (error.messages, error.fault) == ((read,), missing)
    assert "souk.BookRead.v1" in str(error)


def test_a_message_that_went_in_part_comes_again_whole() -> None:
    """Cut in two as the first time, so that consumers know the part that they had."""
    topics = Topics()
    whole = as_message([event(text="ä" * 60_000) for _ in range(3)])
    topics.fails = {"book-read": ["", RequestRefusedError("not now", "NotFound")]}
    error = published(topics, whole)
    assert isinstance(error, PublishDeferredError)
    assert error.messages == (whole,)
    went = [message.body for _, message in topics.published]
    assert published(topics, whole) is None
    assert set(went) < {message.body for _, message in topics.published[len(went) :]}


def test_a_slow_sns_has_so_long_and_no_longer() -> None:
    """What went by then is told apart from what did not."""
    topics = Topics()
    topics.takes_s = 4.0
    messages = [event(book=str(number)) for number in range(10 * 8 * 6)]
    began_s, error, ended_s = timed(topics, *messages)
    assert ended_s - began_s == PUBLISH_S
    assert isinstance(error, PublishDeferredError)
    assert isinstance(error.fault, SoukError)
    assert len(ids(topics)) >= 10 * 8 * 4
    assert {*ids(topics)}.isdisjoint(message.event_id for message in error.messages)
    assert len(ids(topics)) + len(error.messages) == len(messages)
