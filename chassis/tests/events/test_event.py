"""Events: CloudEvents 1.0 on the wire, and what a consumer reads of them."""

import json
import uuid
from datetime import UTC, datetime

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from souk_chassis.events.event import (
    MAX_EVENTS,
    MAX_MESSAGE,
    Delivery,
    Event,
    Stored,
    bundle,
    events_of,
    message_numbers,
    pack,
    traceparent_of,
    type_and_subject,
    unpack,
)
from souk_chassis.money import Money
from souk_chassis.testing.contexts import TRACEPARENT

AT = datetime(2025, 1, 2, 3, 4, 5, tzinfo=UTC)


class OrderPaidInFull(Event, frozen=True, kw_only=True):
    version = 2
    order_id: str
    total: Money = Money(0)

    @property
    def subject(self) -> str:
        return self.order_id


class Nameless(Event, frozen=True, kw_only=True):
    pass


EVENT = OrderPaidInFull(order_id="o1", total=Money(255))


def test_an_event_is_a_cloud_event() -> None:
    stored = pack(EVENT, source="payments", time=AT, traceparent=TRACEPARENT)
    sent = json.loads(stored.json)
    assert uuid.UUID(sent.pop("id")).version == 7
    assert sent == {
        "specversion": "1.0",
        "source": "/souk/payments",
        "type": "souk.OrderPaidInFull.v2",
        "subject": "o1",
        "time": "2025-01-02T03:04:05Z",
        "datacontenttype": "application/json",
        "traceparent": TRACEPARENT,
        "data": {"orderId": "o1", "total": "2.55"},
    }
    assert (stored.event_id, stored.type) == (json.loads(stored.json)["id"], sent["type"])


def test_a_delivery_is_what_was_packed() -> None:
    stored = pack(EVENT, source="payments", time=AT, traceparent=TRACEPARENT)
    assert unpack(stored.json, OrderPaidInFull, 3) == [Delivery(stored.event_id, EVENT, TRACEPARENT, 3)]
    assert type_and_subject(stored.json) == ("souk.OrderPaidInFull.v2", "o1")
    assert traceparent_of(stored.json) == TRACEPARENT


def test_a_publisher_may_add_fields() -> None:
    stored = pack(EVENT, source="payments", time=AT, traceparent="")
    newer = json.loads(stored.json) | {"dataschema": "x"}
    newer["data"]["color"] = "red"
    [delivery] = unpack(json.dumps(newer), OrderPaidInFull)
    assert delivery.data == EVENT


@pytest.mark.parametrize("sent", ["", "{", "[]", '{"id": "x"}', '{"a":' * 5000])
def test_what_is_no_event_has_no_type_and_is_not_read(sent: str) -> None:
    assert type_and_subject(sent) == ("", "")
    assert traceparent_of(sent) == ""
    with pytest.raises((msgspec.MsgspecError, RecursionError)):
        unpack(sent, OrderPaidInFull)


def test_topics_are_in_kebab_case_and_each_version_has_its_own() -> None:
    class OrderPaid(Event, frozen=True, kw_only=True): ...

    class OrderPaidV2(OrderPaid, frozen=True, kw_only=True):
        version = 2

    assert OrderPaidInFull.topic() == "order-paid-in-full-v2"
    assert (OrderPaid.type_name(), OrderPaid.topic()) == ("souk.OrderPaid.v1", "order-paid")
    assert (OrderPaidV2.type_name(), OrderPaidV2.topic()) == ("souk.OrderPaid.v2", "order-paid-v2")


def test_every_event_names_its_subject() -> None:
    with pytest.raises(TypeError, match="Nameless names no subject"):
        pack(Nameless(), source="tests", time=AT, traceparent="")


def _stored(number: int, type_name: str = "a", length: int = 10) -> Stored:
    head = f'{{"id":"{number:06}","x":"'
    return Stored(f"{number:06}", type_name, head + "." * (length - len(head) - 2) + '"}')


def test_events_of_one_type_share_a_message() -> None:
    events = [_stored(number, "ab"[number % 2], 40) for number in range(5)]
    messages = bundle(events)
    assert [(message.type, message.event_id, message.count) for message in messages] == [
        ("a", "000000", 3),
        ("b", "000001", 2),
    ]
    assert events_of(messages[0].json) == [(event.event_id, event.json) for event in events[::2]]
    assert bundle(events[:1]) == events[:1]
    assert bundle([]) == []


def test_a_message_is_bounded_by_events_and_by_length() -> None:
    short = [_stored(number, length=40) for number in range(MAX_EVENTS + 1)]
    assert [message.count for message in bundle(short)] == [MAX_EVENTS, 1]
    half = [_stored(number, length=MAX_MESSAGE // 2 - 2) for number in range(3)]
    assert [message.count for message in bundle(half)] == [2, 1]
    assert max(len(message.json) for message in bundle(half)) <= MAX_MESSAGE
    too_long = [_stored(0, length=40), _stored(1, length=MAX_MESSAGE + 1), _stored(2, length=40)]
    assert [message.event_id for message in bundle(too_long)] == ["000000", "000001", "000002"]


@given(st.lists(st.integers(1, MAX_MESSAGE * 2)))
def test_no_event_is_left_out_of_the_messages(lengths: list[int]) -> None:
    numbers = message_numbers(lengths)
    assert len(numbers) == len(lengths)
    assert numbers == sorted(numbers)
    for number in set(numbers):
        together = [length for length, its in zip(lengths, numbers, strict=True) if its == number]
        assert len(together) == 1 or sum(together) + len(together) + 1 <= MAX_MESSAGE
