"""Events: CloudEvents 1.0 on the wire, and what a consumer reads of them."""

import json
import uuid
from datetime import UTC, datetime

import msgspec
import pytest

from souk_chassis.events.event import Delivery, Event, pack, traceparent_of, type_and_subject, unpack
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


def test_topics_are_in_kebab_case() -> None:
    assert OrderPaidInFull.topic() == "order-paid-in-full"


def test_every_event_names_its_subject() -> None:
    with pytest.raises(TypeError, match="Nameless names no subject"):
        pack(Nameless(), source="tests", time=AT, traceparent="")
