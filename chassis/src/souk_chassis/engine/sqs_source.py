"""A batch that SQS handed to a function, as the batch handler takes from it.

Lambda decides by the message, and handlers fail by the event. So a message comes again while any of its events shall;
those that are done are known by the inbox, and those that are given up are buried when nothing else holds the message
back: it would bring them again, and there would be a dead letter of them each time.
"""

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import dataclass, field
from typing import Any, Protocol

from souk_chassis.engine.batch import Subscription, check_type
from souk_chassis.events.event import Delivery, type_and_subject, unpack
from souk_chassis.storage.messages import parts_of
from souk_chassis.storage.ports import MAX_REASON, DeadLetters, Store, Waiting

RETRY_BASE_S = 2.0
RETRY_CAP_S = 900.0
"""A message that failed comes again after 2 s, 4 s, 8 s ... and at most 15 minutes."""


class InboxStore(Store[Any], Protocol):
    """A store whose queues are elsewhere: it knows which events it has had, by `first_time` of its units, and which
    were tried in vain."""

    def events_at_once(self, writes: int) -> int:
        """How many events one unit has room for, where each takes so many items."""

    async def count_try(self, consumer: str, event_id: str) -> int:
        """Count that a consumer tried an event in vain. Returns how often it did."""

    async def forget_tries(self, consumer: str, event_id: str) -> None:
        """Count from nought again: the event is given up, and may be put back."""


@dataclass(frozen=True, slots=True)
class SqsMessage:
    """A message of SQS. `receives` counts how often it was handed out: also where nobody looked at it."""

    message_id: str
    receipt: str
    body: str
    receives: int


@dataclass(frozen=True, slots=True)
class SqsSource:
    """See `souk_chassis.engine.batch.EventSource`. Of one batch."""

    subscription: Subscription
    store: InboxStore
    letters: DeadLetters
    delays_s: dict[str, float] = field(default_factory=dict)
    """The messages (by id) that must come again, and after how long."""
    _brought: dict[str, SqsMessage] = field(default_factory=dict)
    """Which message brought an event."""
    _tried: set[str] = field(default_factory=set)
    _given_up: list[tuple[Waiting, str, int]] = field(default_factory=list)

    @property
    def at_once(self) -> int:
        """See the port."""
        return self.store.events_at_once(self.subscription.consumer.writes)

    def unit(self) -> AbstractAsyncContextManager[Any]:
        """See the port."""
        return self.store.unit()

    def take(self, messages: Sequence[SqsMessage]) -> list[Waiting]:
        """Each event of these messages, once; and each message that can't be told apart, by its own id."""
        found: dict[str, Waiting] = {}
        for message in messages:
            # More events than one, for all that is known before it is read.
            whole = Waiting(message.message_id, message.body, message.receives - 1, count=2)
            parts, unreadable = parts_of([whole])
            for each in [*(part for _, part in parts), *unreadable]:
                found.setdefault(each.event_id, each)
                self._brought.setdefault(each.event_id, message)
        return list(found.values())

    def read(self, message: Waiting) -> list[Delivery[Any]]:
        """See the port. Deliveries count receives: an event that was received before may have been tried."""
        given, _ = type_and_subject(message.json)
        check_type(given, self.subscription)
        return unpack(message.json, self.subscription.event, message.attempts + 1)

    async def split(self, messages: Sequence[Waiting]) -> list[Waiting]:
        """See the port: `take` has done it."""
        return list(messages)

    async def acknowledge(self, unit: Any, messages: Sequence[Waiting]) -> set[str]:
        """See the port. The inbox remembers them: SQS deletes a message when all of it is done."""
        fresh: set[str] = await unit.first_time(self.subscription.queue, [message.event_id for message in messages])
        return fresh

    def holding(self, messages: Sequence[Waiting]) -> AbstractAsyncContextManager[None]:  # noqa: ARG002 - a port's
        """See the port: SQS hides them for longer than a function runs."""
        return nullcontext()

    async def tried(self, message: Waiting) -> int:
        """See the port. Counted in the events table: SQS counts receives, also of a message that nobody looked at."""
        self._tried.add(message.event_id)
        return await self.store.count_try(self.subscription.queue, message.event_id)

    async def postpone(self, message: Waiting, attempt: int) -> None:
        """See the port: its message comes again."""
        message_id = self._brought[message.event_id].message_id
        self.delays_s[message_id] = max(self.delays_s.get(message_id, 0.0), pause_s(attempt))

    async def bury(self, message: Waiting, reason: str, attempts: int) -> None:
        """See the port: when its message does not come again."""
        self._given_up.append((message, reason, attempts))

    async def finish(self) -> None:
        """Bury what was given up. Raises as the dead letters do, and the store: then it is given up once more."""
        queue = self.subscription.queue
        for message, reason, attempts in self._given_up:
            if self._brought[message.event_id].message_id not in self.delays_s:
                await self.letters.bury(queue, message.json, reason[:MAX_REASON], attempts)
                if message.event_id in self._tried:
                    await self.store.forget_tries(queue, message.event_id)


def pause_s(attempt: int) -> float:
    """How long a message waits after its attempt number so many."""
    doublings = min(attempt - 1, int(RETRY_CAP_S).bit_length())
    return min(RETRY_CAP_S, RETRY_BASE_S * 2.0**doublings)
