"""Messages as what they hold: counted, and taken apart again where one event of several must go its own way."""

from collections.abc import Iterable, Sequence

from msgspec.structs import replace

from souk_chassis import wire
from souk_chassis.events.event import events_of
from souk_chassis.storage.ports import Waiting


def count_events(messages: Iterable[Waiting]) -> int:
    """How many events these messages hold together."""
    return sum(message.count for message in messages)


def parts_of(messages: Sequence[Waiting]) -> tuple[list[tuple[Waiting, Waiting]], list[Waiting]]:
    """The messages of several events, each with a message for every event of it; and those that stay whole.

    A message that nobody can read stays whole.
    """
    parts: list[tuple[Waiting, Waiting]] = []
    whole: list[Waiting] = []
    for message in messages:
        if message.count == 1:
            whole.append(message)
            continue
        try:
            events = events_of(message.json)
        except wire.UNREADABLE:
            whole.append(message)
            continue
        parts += [(message, replace(message, event_id=event_id, json=json, count=1)) for event_id, json in events]
    return parts, whole
