"""Events as CloudEvents 1.0 JSON (https://github.com/cloudevents/spec): what happened, in the past tense.

An event's type carries its version (`souk.OrderCreated.v1`), its subject is the aggregate's id, its id a UUIDv7, and
`traceparent` is the distributed tracing extension. Events of one type that happened together travel together, as one
message in the batch format of CloudEvents: a row of an outbox or a queue costs the same for one event as for a hundred.
"""

import re
from collections.abc import Iterable, Sequence
from datetime import datetime
from functools import cache
from itertools import groupby
from operator import itemgetter
from typing import Annotated, Any, ClassVar, Generic, TypeVar

import msgspec

from souk_chassis import wire
from souk_chassis.ids import uuid7

E = TypeVar("E", bound="Event")
T = TypeVar("T")


class Event(wire.Lenient, frozen=True, kw_only=True):
    """Base of the data of all events.

    A change that a consumer can't read is a new class with the next `version`, named for it: `OrderCreatedV2`. Both are
    published and heard until no consumer of the old one is left (docs/how-to/change-a-contract.md).
    """

    version: ClassVar[int] = 1

    @property
    def subject(self) -> str:
        """The id of the aggregate that it happened to."""
        raise TypeError(f"{type(self).__name__} names no subject")

    @classmethod
    def type_name(cls) -> str:
        """The CloudEvents type, such as `souk.OrderCreated.v1`; `souk.OrderCreated.v2` for a class `OrderCreatedV2`."""
        return f"souk.{cls.__name__.removesuffix(f'V{cls.version}')}.v{cls.version}"

    @classmethod
    def topic(cls) -> str:
        """The topic that it is published on, such as `order-created`."""
        return topic_of(cls.type_name())


def topic_of(type_name: str) -> str:
    """The topic of a type such as `souk.OrderCreated.v1`: `order-created`, and of its next version `order-created-v2`.
    Raises ValueError for any other form.

    Each version has its own: who hears both has a queue for each, and who hears one is given no other.
    """
    parts = re.fullmatch(r"\w+\.(\w+)\.v([1-9]\d*)", type_name)
    if parts is None:
        raise ValueError(f"No type of an event: {type_name!r}")
    name = re.sub(r"(?<=[a-z])(?=[A-Z])", "-", parts[1]).lower()
    return name if parts[2] == "1" else f"{name}-v{parts[2]}"


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


def message_numbers(lengths: Iterable[int]) -> list[int]:
    """Which message each of these events goes into, counted from 0, given the lengths of their JSON: in their order,
    within `MAX_EVENTS` and `MAX_MESSAGE`."""
    numbers: list[int] = []
    number, count, total = 0, 0, 1  # the bracket; each event brings a comma or the other bracket
    for length in lengths:
        if count and (count == MAX_EVENTS or total + length + 1 > MAX_MESSAGE):
            number, count, total = number + 1, 0, 1
        numbers.append(number)
        count, total = count + 1, total + length + 1
    return numbers


def bundle(events: Iterable[Stored]) -> list[Stored]:
    """Put single events into messages: those of one type together, as `message_numbers` says."""
    by_type: dict[str, list[Stored]] = {}
    for event in events:
        by_type.setdefault(event.type, []).append(event)
    messages: list[Stored] = []
    for alike in by_type.values():
        numbered = zip(message_numbers(len(event.json) for event in alike), alike, strict=True)
        messages += [as_message([event for _, event in group]) for _, group in groupby(numbered, key=itemgetter(0))]
    return messages


def as_message(events: Sequence[Stored]) -> Stored:
    """One message of single events that are of one type."""
    if len(events) == 1:
        return events[0]
    return Stored(events[0].event_id, events[0].type, f"[{','.join(event.json for event in events)}]", len(events))


_SOME = msgspec.Meta(min_length=1)
_SEVERAL: Any = Annotated[list[msgspec.Raw], _SOME]
"""A message of events that are not read; one of none is unreadable."""


class _Named(msgspec.Struct, frozen=True):
    id: str


def events_of(message_json: str) -> list[tuple[str, str]]:
    """The id and the JSON of each event of a message. Raises what `wire.UNREADABLE` lists."""
    if not message_json.startswith("["):
        return [(wire.decode(message_json, _Named).id, message_json)]
    raw: list[bytes] = [bytes(one) for one in wire.decode(message_json, _SEVERAL)]
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
    return Envelope[kind], Annotated[list[Envelope[kind]], _SOME]  # type: ignore[valid-type] # the kind is known where it runs


def unpack(message_json: str, kind: type[E], attempt: int = 1) -> list[Delivery[E]]:
    """Read a message of events whose data is of `kind`. Raises what `wire.UNREADABLE` lists."""
    one, several = _forms(kind)
    is_array = message_json.startswith("[")
    envelopes = wire.decode(message_json, several) if is_array else [wire.decode(message_json, one)]
    return [Delivery(envelope.id, envelope.data, envelope.traceparent, attempt) for envelope in envelopes]
