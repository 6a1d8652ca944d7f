"""The ports that every store of Souk has beside its own: units of work, the outbox, and the queues.

A service's own port adds its reads and writes to `Unit` and `Store`: all that its operations and handlers need. Where
the queues are kept is the topology's business: in the same database (`Database`), or elsewhere (SQS). The contract
suite is in `souk_chassis.testing`.
"""

import asyncio
from collections.abc import Collection, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from typing import Protocol, TypeVar

import msgspec

from souk_chassis.errors import SoukError
from souk_chassis.events.event import Event, Stored

TOO_WIDE = "unit_too_wide"
"""The code of `invalid` for a unit of work that is more than its store can keep as a whole: half of it may not be."""

MAX_REASON = 2_000
"""The most characters of a dead letter's reason that are kept."""


def outbox_queue(service: str) -> str:
    """The name under which a service's dead letters show what could never be published, such as `orders-outbox`."""
    return f"{service}-outbox"


U_co = TypeVar("U_co", bound="Unit", covariant=True)


class Waiting(msgspec.Struct, frozen=True):
    """A message in a queue, of `count` events. `attempts` counts the deliveries before this one."""

    event_id: str
    json: str
    attempts: int
    count: int = 1


class QueueState(msgspec.Struct, frozen=True):
    """What waits in a queue, in events. `oldest_s` is the age of the oldest one, in seconds."""

    name: str
    waiting: int
    oldest_s: float
    dead: int


class DeadLetter(msgspec.Struct, frozen=True):
    """An event that was given up, with the reason."""

    queue: str
    event_id: str
    type: str
    subject: str
    reason: str
    attempts: int
    died_at: datetime


class Unit(Protocol):
    """One unit of work: all of it is kept or nothing."""

    def publish(self, event: Event, traceparent: str) -> None:
        """Put an event into the outbox when this unit commits."""


class QueueUnit(Unit, Protocol):
    """A unit of work of a store that holds the service's queues."""

    async def take(self, queue: str, limit: int) -> list[Waiting]:
        """Take messages that are due, oldest first: they are gone when this unit commits, and back if it does not.

        At most `limit` events together, or one message.
        """

    async def acknowledge(self, queue: str, leased: Mapping[str, int]) -> set[str]:
        """Remove leased messages (id to its attempts, lease included). Returns the ids whose lease still held."""


class Store(Protocol[U_co]):
    """A service's store."""

    def unit(self) -> AbstractAsyncContextManager[U_co]:
        """Open a unit of work. It commits at the end of the block, and rolls back on an exception."""

    async def outbox_size(self) -> int:
        """How many events wait in the outbox."""

    async def ping(self) -> None:
        """Raise SoukError `unavailable` where the store can't be reached."""

    async def close(self) -> None:
        """Release connections."""


class QueueBooks(Protocol):
    """What can be asked of a service's queues, and done with its dead letters."""

    async def queue_states(self, queues: Collection[str]) -> Sequence[QueueState]:
        """The state of each of these queues."""

    async def dead_letters(self, limit: int) -> Sequence[DeadLetter]:
        """The newest dead letters."""

    async def redrive(self, queue: str) -> int:
        """Put a queue's dead letters back into it, with no attempts counted. Returns how many."""


class DeadLetters(Protocol):
    """Where messages go that are given up, where that is not the store: a queue of SQS beside each queue."""

    async def bury(self, queue: str, event_json: str, reason: str, attempts: int) -> None:
        """Put an event, or a message that nobody can read, into the dead letters of the queue, with the reason. Raises
        SoukError where a repeat may help."""


Q_co = TypeVar("Q_co", bound=QueueUnit, covariant=True)


class Database(Store[Q_co], QueueBooks, Protocol[Q_co]):
    """A service's store that holds its queues, too."""

    async def lease(self, queue: str, limit: int, lease_s: float) -> list[Waiting]:
        """Hide due messages from other consumers for `lease_s`, counting an attempt, without removing them.

        At most `limit` events together, or one message.
        """

    async def split(self, queue: str, messages: Sequence[Waiting], *, leased: bool) -> list[Waiting]:
        """Give each event of these messages a message of its own, so that it can be tried, put off or given up alone.

        Attempts and times stay as they are. Returns the messages that there are now: without those that somebody else
        has taken meanwhile, and with one that nobody can read as it is. `leased` says whether they came by `lease`.
        """

    async def prolong(self, queue: str, leased: Mapping[str, int], lease_s: float) -> None:
        """Hide leased messages (id to its attempts) for `lease_s` from now, if their lease still holds."""

    async def postpone(self, queue: str, event_id: str, delay_s: float, *, lease: int | None = None) -> None:
        """Make a message due again after `delay_s`, and count a failed attempt.

        A leased one is named with its attempts, `lease`, which counts this one: nothing is done where it is lost.
        """

    async def bury(
        self, queue: str, event_id: str, reason: str, *, lease: int | None = None, letters: "DeadLetters | None" = None
    ) -> None:
        """Move a message to the dead letters, and count its last attempt. `lease` as in `postpone`.

        `letters` are dead letters elsewhere: there it goes instead, and a queue that it comes back through takes it in
        as one that it never had. Raises besides as they do: then it stays.
        """

    async def relay(self, bus: "Bus", limit: int, without: Collection[str] = ()) -> int:
        """Hand messages from the outbox to the bus, but for those of the types `without`. Returns how many left it: at
        most `limit`.

        What can never be published is put aside, as dead letters of the queue `outbox_queue`, so that it holds up no
        other: UnpublishableError says so, once the rest is gone. What the bus defers stays, and PublishDeferredError
        says so, likewise. Raises besides as `Bus.publish` does: then all of it stays.
        """

    async def receive(self, queue_events: Sequence[tuple[str, Stored]]) -> None:
        """Put messages into queues of this store. One that a queue has had before is passed over."""

    async def forget_received(self, before: datetime) -> int:
        """Forget which events came in before that time: no relay repeats them any more. Returns how many."""

    async def wait_published(self, timeout_s: float) -> None:
        """Return when a unit published something since the last call, here or in a process that announces it, or after
        `timeout_s`."""

    async def wait_received(self, queue: str, timeout_s: float) -> None:
        """Return when the queue got something since the last call, or after `timeout_s`."""


class UnpublishableError(RuntimeError):
    """Some messages can never be published: `messages` has them, and all others of the call were. A single event that
    is too large, or whose type names no topic; each is one event, unless nobody can read it."""

    def __init__(self, messages: Sequence[Stored], why: str) -> None:
        ids = ", ".join(message.event_id for message in messages[:3])
        super().__init__(f"{len(messages)} messages can't be published ({ids}{', ...' * (len(messages) > 3)}): {why}")
        self.messages = tuple(messages)


class PublishDeferredError(RuntimeError):
    """Some messages could not be published this time: `messages` has them, and all others of the call were.

    `faults` says why, by type: a SoukError passes by itself, anything else is for people to mend.
    """

    def __init__(self, messages: Sequence[Stored], faults: Mapping[str, Exception]) -> None:
        self.messages = tuple(messages)
        self.faults = dict(faults)
        super().__init__(f"{len(messages)} messages are held back ({', '.join(sorted(faults))}): {self.fault}")

    @property
    def fault(self) -> Exception:
        """One of the faults: one that passes by itself, if there is any."""
        return min(self.faults.values(), key=lambda fault: not isinstance(fault, SoukError))


class Bus(Protocol):
    """Where the events of an outbox go: into the queues of their subscribers (`Subscriptions`), or to topics, one a
    type of event (SNS)."""

    async def publish(self, messages: Sequence[Stored]) -> None:
        """Hand messages on. Where it raises, some of them may have gone; UnpublishableError says which have not, and
        never will, PublishDeferredError which have not this time."""


class Target(Protocol):
    """Where a relay delivers: the queues of one subscriber."""

    async def receive(self, queue_events: Sequence[tuple[str, Stored]]) -> None:
        """Put messages into queues. Repeats are passed over."""


class Subscriptions(msgspec.Struct, frozen=True):
    """Who hears what: event type to (service, queue) pairs, and the way to each service's queues."""

    by_type: Mapping[str, Sequence[tuple[str, str]]]
    targets: Mapping[str, Target]

    async def publish(self, messages: Sequence[Stored]) -> None:
        """Put messages into the queues of all their subscribers: see `Bus`. When it returns, each has them."""
        routed = self.route(messages)
        await asyncio.gather(*(self.targets[service].receive(pairs) for service, pairs in routed.items()))

    def route(self, events: Sequence[Stored]) -> dict[str, list[tuple[str, Stored]]]:
        """The deliveries for each service."""
        routed: dict[str, list[tuple[str, Stored]]] = {}
        for event in events:
            for service, queue in self.by_type.get(event.type, ()):
                routed.setdefault(service, []).append((queue, event))
        return routed
