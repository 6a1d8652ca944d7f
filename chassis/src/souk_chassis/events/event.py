"""Events as CloudEvents 1.0 JSON (https://github.com/cloudevents/spec): what happened, in the past tense.

An event's type carries its version (`souk.OrderCreated.v1`), its subject is the aggregate's id, its id a UUIDv7, and
`traceparent` is the distributed tracing extension.
"""

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar, Generic, TypeVar

import msgspec

from souk_chassis import wire
from souk_chassis.ids import uuid7

E = TypeVar("E", bound="Event")


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


class Envelope(msgspec.Struct, frozen=True, kw_only=True):
    """A CloudEvent in its JSON form, with `data` left unread."""

    id: str
    source: str
    type: str
    subject: str
    time: datetime
    data: msgspec.Raw
    specversion: str = "1.0"
    datacontenttype: str = "application/json"
    traceparent: str = ""


class _Outgoing(msgspec.Struct, frozen=True, kw_only=True):
    specversion: str = "1.0"
    id: str
    source: str
    type: str
    subject: str
    time: datetime
    datacontenttype: str = "application/json"
    traceparent: str
    data: Any


@dataclass(frozen=True, slots=True)
class Stored:
    """An event as outboxes and queues hold it."""

    event_id: str
    type: str
    json: str


@dataclass(frozen=True, slots=True)
class Delivery(Generic[E]):
    """An event as a handler gets it. `attempt` counts from 1."""

    event_id: str
    data: E
    traceparent: str
    attempt: int = 1


def pack(event: Event, *, source: str, time: datetime, traceparent: str) -> Stored:
    """Write `event` as a CloudEvent with a new id."""
    event_id, type_name = uuid7(), event.type_name()
    outgoing = _Outgoing(
        id=event_id,
        source=f"/souk/{source}",
        type=type_name,
        subject=event.subject,
        time=time,
        traceparent=traceparent,
        data=event,
    )
    return Stored(event_id, type_name, wire.encode(outgoing).decode())


def type_and_subject(stored_json: str) -> tuple[str, str]:
    """What an event is and what it happened to, for lists of events; both empty where it can't be read."""
    try:
        envelope = wire.decode(stored_json, Envelope)
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


def unpack(stored_json: str | bytes, kind: type[E], attempt: int = 1) -> Delivery[E]:
    """Read a CloudEvent whose data is of `kind`. Raises what `wire.UNREADABLE` lists."""
    envelope = wire.decode(stored_json, Envelope)
    return Delivery(envelope.id, wire.decode(envelope.data, kind), envelope.traceparent, attempt)
