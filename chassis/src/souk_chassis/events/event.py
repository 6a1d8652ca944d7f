"""Events as CloudEvents 1.0 JSON (https://github.com/cloudevents/spec): what happened, in the past tense.

An event's type carries its version (`souk.OrderCreated.v1`), its subject is the aggregate's id, its id a UUIDv7, and
`traceparent` is the distributed tracing extension. Events of one type that happened together travel together, as one
message in the batch format of CloudEvents: a row of an outbox or a queue costs the same for one event as for a hundred.
"""

import re
from collections.abc import Iterable, Sequence
from datetime import datetime
from functools import cache
from typing import Any, ClassVar, Generic, TypeVar

import msgspec

from souk_chassis import wire
from souk_chassis.ids import uuid7

E = TypeVar("E", bound="Event")
T = TypeVar("T")


class Event(wire.Lenient, frozen=True, kw_only=True):
    """Base of the data of all events. A change that a consumer can't read gets a new `version`."""

    version: ClassVar[int] = 1

    @property
    def subject(self) -> str:
        """The id of the aggregate that it happened to."""
        raise TypeError(f"{type(self).__name__} names no subject")

    @classmethod
    def type_name(cls) -> str:
        """The CloudEvents type, such as `souk.OrderCreated.v1`."""
        return f"souk.{cls.__name__}.v{cls.version}"

    @classmethod
    def topic(cls) -> str:
        """The topic that it is published on, such as `order-created`."""
        return re.sub(r"(?<=[a-z])(?=[A-Z])", "-", cls.__name__).lower()


MAX_EVENTS = 128
"""Events in one message."""
MAX_MESSAGE = 262_144
"""Characters in one message of several events. An event that is longer travels alone."""


class Envelope(msgspec.Struct, Generic[T], frozen=True, kw_only=True):
    """A CloudEvent in its JSON form."""

    id: str
    source: str
    type: str
    subject: str
    time: datetime
    data: T
    specversion: str = "1.0"
    datacontenttype: str = "application/json"
    traceparent: str = ""


# Structs, not dataclasses: see Deadline. Each event becomes several of them.
class Stored(msgspec.Struct, frozen=True):
    """A message as outboxes hold it: an event, or several of one type as a JSON array. Its id is that of the first."""

    event_id: str
    type: str
    json: str
    count: int = 1


class Delivery(msgspec.Struct, Generic[E], frozen=True):
    """An event as a handler gets it. `attempt` counts from 1."""

    event_id: str
    data: E
    traceparent: str
    attempt: int = 1


def pack(event: Event, *, source: str, time: datetime, traceparent: str) -> Stored:
    """Write `event` as a CloudEvent with a new id."""
    event_id, type_name = uuid7(), event.type_name()
    envelope = Envelope(
        id=event_id,
        source=f"/souk/{source}",
        type=type_name,
        subject=event.subject,
        time=time,
        traceparent=traceparent,
        data=event,
    )
    return Stored(event_id, type_name, wire.encode(envelope).decode())


def bundle(events: Iterable[Stored]) -> list[Stored]:
    """Put single events into messages: those of one type together, in their order, within `MAX_EVENTS` and
    `MAX_MESSAGE`."""
    filling: dict[str, list[Stored]] = {}
    lengths: dict[str, int] = {}
    full: list[list[Stored]] = []
    for event in events:
        together = filling.setdefault(event.type, [])
        length = lengths.get(event.type, 1) + len(event.json) + 1  # the brackets, and a comma each
        if together and (len(together) == MAX_EVENTS or length > MAX_MESSAGE):
            full.append(together)
            filling[event.type] = together = []
            length = len(event.json) + 2
        together.append(event)
        lengths[event.type] = length
    return [as_message(together) for together in (*full, *filling.values())]


def as_message(events: Sequence[Stored]) -> Stored:
    """One message of single events that are of one type."""
    if len(events) == 1:
        return events[0]
    return Stored(events[0].event_id, events[0].type, f"[{','.join(event.json for event in events)}]", len(events))


class _Named(msgspec.Struct, frozen=True):
    id: str


def events_of(message_json: str) -> list[tuple[str, str]]:
    """The id and the JSON of each event of a message. Raises what `wire.UNREADABLE` lists."""
    if not message_json.startswith("["):
        return [(wire.decode(message_json, _Named).id, message_json)]
    raw = [bytes(one) for one in wire.decode(message_json, list[msgspec.Raw])]
    if not raw:
        raise msgspec.ValidationError("A message of no events")
    return [(wire.decode(one, _Named).id, one.decode()) for one in raw]


def type_and_subject(stored_json: str) -> tuple[str, str]:
    """What an event is and what it happened to, for lists of events; both empty where it can't be read."""
    try:
        envelope = wire.decode(stored_json, Envelope[msgspec.Raw])
    except wire.UNREADABLE:
        return "", ""
    return envelope.type, envelope.subject


class _Traced(msgspec.Struct, frozen=True):
    traceparent: str = ""


def traceparent_of(stored_json: str | bytes) -> str:
    """The trace of an event that may be unreadable otherwise; empty where it has none."""
    try:
        return wire.decode(stored_json, _Traced).traceparent
    except wire.UNREADABLE:
        return ""


@cache
def _forms(kind: type[E]) -> tuple[Any, Any]:
    """How a message of one event reads, and one of several."""
    return Envelope[kind], list[Envelope[kind]]  # type: ignore[valid-type] # the kind is known where it runs


def unpack(message_json: str, kind: type[E], attempt: int = 1) -> list[Delivery[E]]:
    """Read a message of events whose data is of `kind`. Raises what `wire.UNREADABLE` lists."""
    one, several = _forms(kind)
    is_array = message_json.startswith("[")
    envelopes = wire.decode(message_json, several) if is_array else [wire.decode(message_json, one)]
    if not envelopes:
        raise msgspec.ValidationError("A message of no events")
    return [Delivery(envelope.id, envelope.data, envelope.traceparent, attempt) for envelope in envelopes]
