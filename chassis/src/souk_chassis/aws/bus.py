"""The outbox's way to SNS: each message to the topic of its type, where every consumer's queue hears it."""

import asyncio
import random
from collections.abc import Awaitable, Sequence
from typing import NamedTuple

from souk_chassis import wire
from souk_chassis.aws.batches import BATCH_BYTES, Attributed, Failed, batched, sendable, until_taken
from souk_chassis.aws.errors import aws_answer_lost
from souk_chassis.aws.sns import Topics
from souk_chassis.events.event import Stored, as_message, events_of, topic_of, traceparent_of
from souk_chassis.storage.ports import PublishDeferredError, UnpublishableError

BATCHES_AT_ONCE = 8
"""Batches that one `publish` has on their way at a time."""
PUBLISH_S = 20.0
"""How long one `publish` may take: whoever publishes holds a connection of his database, and a transaction."""


class _Part(NamedTuple):
    """What SNS is sent of a message: the whole of it, or a part."""

    sent: Attributed
    message: Stored

    def weight(self) -> int:
        return self.sent.weight()


class SnsBus:
    """Publishes messages to the topics whose ARNs begin with `topic_prefix` ("arn:aws:sns:eu-west-1:123456789012:")
    and end with the topic of the type ("order-created")."""

    def __init__(self, topics: Topics, topic_prefix: str, dice: random.Random | None = None) -> None:
        self._topics = topics
        self._prefix = topic_prefix
        self._dice = dice or random.Random()  # noqa: S311 - jitter, and no secret

    async def publish(self, messages: Sequence[Stored]) -> None:
        """Publish all of them, at least once each, in batches. When it returns, SNS has them.

        It always tries all, for `PUBLISH_S`. Then it raises, where some failed: `PublishDeferredError` with those that
        are to come again, of which parts may have gone, as consumers will recognise. Its faults are SoukErrors
        (`unavailable`, `timeout_unknown`), and `RequestRefusedError` where a topic is missing or closed to us.
        `UnpublishableError` where nothing but such messages is left.
        """
        by_topic: dict[str, list[_Part]] = {}
        refused: list[Stored] = []
        wholes: dict[str, Stored] = {}
        for message in messages:
            try:
                topic = topic_of(message.type)
            except ValueError:
                refused.append(message)
                wholes[message.event_id] = message
                continue
            fitting, too_large = _fitting(message)
            if too_large:
                refused += too_large
                wholes[message.event_id] = message
            by_topic.setdefault(topic, []).extend(_Part(part, message) for part in fitting)
        failures = await self._send_all(by_topic)
        if failures:
            held = {part.message.event_id: part.message for batch, _ in failures for part in batch}
            faults = {batch[0].message.type: fault for batch, fault in failures}
            raise PublishDeferredError([*(wholes | held).values()], faults)
        if refused:
            raise UnpublishableError(refused, f"over {BATCH_BYTES} bytes, or of no type that has a topic")

    async def _send_all(self, by_topic: dict[str, list[_Part]]) -> list[tuple[Sequence[_Part], Exception]]:
        """Every batch is tried. Returns those that failed, and why."""
        slots = asyncio.Semaphore(BATCHES_AT_ONCE)
        ends_s = asyncio.get_running_loop().time() + PUBLISH_S

        async def send(topic: str, batch: Sequence[_Part]) -> None:
            def publish(left: Sequence[_Part]) -> Awaitable[Sequence[Failed]]:
                return self._topics.publish(self._prefix + topic, [part.sent for part in left])

            try:
                async with asyncio.timeout_at(ends_s), slots:
                    await until_taken(batch, publish, self._dice)
            except TimeoutError as error:
                raise aws_answer_lost() from error

        batches = [(topic, batch) for topic, alike in by_topic.items() for batch in batched(alike, _Part.weight)]
        outcomes = await asyncio.gather(*(send(*each) for each in batches), return_exceptions=True)
        failures: list[tuple[Sequence[_Part], Exception]] = []
        for (_, batch), outcome in zip(batches, outcomes, strict=True):
            if isinstance(outcome, Exception):
                failures.append((batch, outcome))
            elif outcome is not None:
                raise outcome
        return failures


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
