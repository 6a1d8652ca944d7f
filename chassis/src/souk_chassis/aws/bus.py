"""The outbox's way to SNS: each message to the topic of its type, where every consumer's queue hears it."""

import asyncio
import random
from collections.abc import Sequence

from souk_chassis import wire
from souk_chassis.aws.batches import BATCH_BYTES, Attributed, batched, sendable, until_taken
from souk_chassis.aws.sns import Topics
from souk_chassis.errors import SoukError
from souk_chassis.events.event import Stored, as_message, events_of, topic_of, traceparent_of
from souk_chassis.storage.ports import UnpublishableError

BATCHES_AT_ONCE = 8
"""Batches that one `publish` has on their way at a time."""


class SnsBus:
    """Publishes messages to the topics whose ARNs begin with `topic_prefix` ("arn:aws:sns:eu-west-1:123456789012:")
    and end with the topic of the type ("order-created")."""

    def __init__(self, topics: Topics, topic_prefix: str, dice: random.Random | None = None) -> None:
        self._topics = topics
        self._prefix = topic_prefix
        self._dice = dice or random.Random()  # noqa: S311 - jitter, and no secret

    async def publish(self, messages: Sequence[Stored]) -> None:
        """Publish all of them, at least once each, in batches. When it returns, SNS has them.

        It always tries all. Then it raises, where some failed: SoukError (`unavailable`, `timeout_unknown`) where a
        repeat of the whole may help, which consumers recognise; `RequestRefusedError` where topics are missing or
        closed to us; `UnpublishableError` where nothing but such messages is left.
        """
        by_topic: dict[str, list[Attributed]] = {}
        refused: list[Stored] = []
        for message in messages:
            try:
                topic = topic_of(message.type)
            except ValueError:
                refused.append(message)
                continue
            fitting, too_large = _fitting(message)
            refused += too_large
            by_topic.setdefault(topic, []).extend(fitting)
        await self._send_all(by_topic)
        if refused:
            raise UnpublishableError(refused, f"over {BATCH_BYTES} bytes, or of no type that has a topic")

    async def _send_all(self, by_topic: dict[str, list[Attributed]]) -> None:
        """Every batch is tried before the first failure is raised; one that a repeat may mend goes first."""
        slots = asyncio.Semaphore(BATCHES_AT_ONCE)

        async def send(topic: str, batch: Sequence[Attributed]) -> None:
            async with slots:
                await until_taken(batch, lambda left: self._topics.publish(self._prefix + topic, left), self._dice)

        batches = [(topic, batch) for topic, alike in by_topic.items() for batch in batched(alike, Attributed.weight)]
        outcomes = await asyncio.gather(*(send(*each) for each in batches), return_exceptions=True)
        failures = [outcome for outcome in outcomes if outcome is not None]
        for failure in sorted(failures, key=lambda failure: not isinstance(failure, SoukError)):
            raise failure


def _fitting(message: Stored) -> tuple[list[Attributed], list[Stored]]:
    """A message as SNS takes it: whole, or in halves of halves where it is too large; and events too large alone."""
    whole, events = _attributed(message)
    if whole.weight() <= BATCH_BYTES:
        return [whole], []
    if len(events) < 2:
        return [], [message]
    middle = len(events) // 2
    first, first_refused = _fitting(as_message(events[:middle]))
    second, second_refused = _fitting(as_message(events[middle:]))
    return first + second, first_refused + second_refused


def _attributed(message: Stored) -> tuple[Attributed, list[Stored]]:
    """The message with what is told about it, and its single events. One that nobody can read goes as it is: its
    consumers give it up with that reason."""
    try:
        events = [Stored(event_id, message.type, json) for event_id, json in events_of(message.json)]
    except wire.UNREADABLE:
        events = [message]
    attributes: dict[str, str | int] = {"type": message.type, "count": message.count}
    trace = traceparent_of(events[0].json)
    if trace:
        attributes["traceparent"] = trace
    return Attributed(sendable(message.json), attributes), events
