"""The books of a service's queues on SQS, for `souk_chassis.queues`: what waits, what was given up and why, and the way
back. Beside each queue lies `<queue>-dlq`, its dead letters."""

import asyncio
import random
import time
from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime
from math import ceil

from souk_chassis import wire
from souk_chassis.aws.batches import BATCH_BYTES, Attributed, batched, sendable, until_taken
from souk_chassis.aws.sqs import MAX_HIDDEN_S, Queues, Received
from souk_chassis.events.event import events_of, type_and_subject
from souk_chassis.storage.ports import MAX_REASON, DeadLetter, QueueState

DEAD_LETTERS = "-dlq"
LOOK_S = 10
"""How long dead letters are hidden while they are looked at. They are given back at once where that succeeds."""
MOVING_S = 30
"""How long a dead letter is hidden while it is moved back: a mover that dies leaves it to the next after that."""
MOVERS = 8
"""Movers of one redrive, each with 10 messages in hand."""
REDRIVE_S = 8.0
"""How long one redrive goes on. What is left then waits for the next."""
WAIT_S = 1
"""How long a look at dead letters waits for more: SQS looks at the whole queue only where one waits."""

_NO_REASON = "Its consumer failed every time, or ended before it could say why."
_KEPT_ATTRIBUTES = ("type", "traceparent")


class SqsQueues:
    """The queues of one service, by their names. Counts are SQS's own, which are approximate."""

    def __init__(self, queues: Queues, names: Collection[str], dice: random.Random | None = None) -> None:
        self._queues = queues
        self._names = tuple(sorted(names))
        self._dice = dice or random.Random()  # noqa: S311 - jitter, and no secret

    async def queue_states(self, queues: Collection[str]) -> Sequence[QueueState]:
        """What waits in each of these queues, and what was given up: in messages, those in hand included. SQS does not
        tell how old the oldest is: 0.0. (Its alarm looks at CloudWatch.)"""
        return await asyncio.gather(*(self._state(queue) for queue in queues))

    async def dead_letters(self, limit: int) -> Sequence[DeadLetter]:
        """At most `limit` dead events of all queues, newest first. They stay where they are."""
        found = await asyncio.gather(*(self._look(queue, limit) for queue in self._names))
        letters = sorted((letter for each in found for letter in each), key=lambda letter: letter.died_at, reverse=True)
        return letters[:limit]

    async def redrive(self, queue: str) -> int:
        """Put a queue's dead letters back into it, for `REDRIVE_S` at most. Returns how many events.

        Each is sent before it is removed: where that breaks off, it comes twice, and its consumer knows it. Raises as
        `until_taken` does; what was not moved is a dead letter again after `MOVING_S`.
        """
        ends_s = time.monotonic() + REDRIVE_S
        moved = await asyncio.gather(*(self._move(queue, ends_s) for _ in range(MOVERS)), return_exceptions=True)
        for outcome in moved:
            if isinstance(outcome, BaseException):
                raise outcome  # once no mover is under way any more
        return sum(count for count in moved if isinstance(count, int))

    async def bury(self, queue: str, event_json: str, reason: str, attempts: int) -> None:
        """Send an event, or a message that nobody can read, to the dead letters of its queue, with the reason: with as
        much of it as there is room for. Raises as `until_taken` does."""
        kind, _ = type_and_subject(event_json)
        message = Attributed(sendable(event_json), {"count": 1, **({"type": kind} if kind else {})})
        for name, value in (("attempts", attempts), ("reason", sendable(reason[:MAX_REASON]))):
            message = _with(message, name, value)
        await until_taken([message], lambda left: self._queues.send(queue + DEAD_LETTERS, left), self._dice)

    async def postpone(self, queue: str, delays_s: Mapping[str, float]) -> None:
        """Let messages in hand, by receipt, come again after so many seconds. One that is no longer in hand is passed
        over. Raises as `Queues` does: they then come again when the queue's own time is over."""
        hidden_s = {receipt: min(MAX_HIDDEN_S, ceil(delay_s)) for receipt, delay_s in delays_s.items()}
        for batch in batched(list(hidden_s)):
            await self._queues.hide(queue, {receipt: hidden_s[receipt] for receipt in batch})

    async def _state(self, queue: str) -> QueueState:
        waiting, dead = await asyncio.gather(self._queues.size(queue), self._queues.size(queue + DEAD_LETTERS))
        return QueueState(queue, waiting.all, 0.0, dead.all)

    async def _look(self, queue: str, limit: int) -> list[DeadLetter]:
        dead = queue + DEAD_LETTERS
        seen: dict[str, Received] = {}
        letters: list[DeadLetter] = []
        try:
            while len(letters) < limit:
                found = await self._queues.receive(dead, hidden_s=LOOK_S, wait_s=WAIT_S)
                new = [message for message in found if message.message_id not in seen]
                if not new:
                    break
                seen.update({message.message_id: message for message in new})
                letters += [letter for message in new for letter in _letters(queue, message)]
        finally:
            for batch in batched([message.receipt for message in seen.values()]):
                await self._queues.hide(dead, dict.fromkeys(batch, 0))
        return letters

    async def _move(self, queue: str, ends_s: float) -> int:
        dead = queue + DEAD_LETTERS
        moved = 0
        while time.monotonic() < ends_s:
            found = await self._queues.receive(dead, hidden_s=MOVING_S, wait_s=WAIT_S)
            if not found:
                break
            for batch in batched(found, lambda message: _again(message).weight()):
                await until_taken(
                    [_again(message) for message in batch], lambda left: self._queues.send(queue, left), self._dice
                )
                await self._queues.delete(dead, [message.receipt for message in batch])
                moved += sum(len(_events(message)) for message in batch)
        return moved


def _with(message: Attributed, name: str, value: str | int) -> Attributed:
    """The message with one more attribute; with the beginning of a text, or without it, where there is no room."""
    more = Attributed(message.body, {**message.attributes, name: value})
    over = max(0, more.weight() - BATCH_BYTES)
    if isinstance(value, int):
        return message if over else more
    text = value.encode()
    beginning = text[: max(0, len(text) - over)].decode(errors="ignore")
    # An empty attribute is none that SQS takes.
    return Attributed(message.body, {**message.attributes, name: beginning}) if beginning else message


def _again(message: Received) -> Attributed:
    """A dead letter as it first came: without what was told of its death."""
    kept: dict[str, str | int] = {
        name: message.attributes[name] for name in _KEPT_ATTRIBUTES if name in message.attributes
    }
    return Attributed(message.body, {**kept, "count": len(_events(message))})


def _events(message: Received) -> list[str]:
    """The events of a message; the whole of it where nobody can read it."""
    try:
        return [json for _, json in events_of(message.body)]
    except wire.UNREADABLE:
        return [message.body]


def _letters(queue: str, message: Received) -> list[DeadLetter]:
    told = message.attributes
    attempts = told.get("attempts", "")
    return [
        DeadLetter(
            queue,
            event_id,
            kind or told.get("type", ""),
            subject or told.get("subject", ""),
            told.get("reason", _NO_REASON),
            int(attempts) if attempts.isdecimal() else message.receives,
            datetime.fromtimestamp(message.sent_s, UTC),
        )
        for json in _events(message)
        for event_id, (kind, subject) in [(_id(json) or message.message_id, type_and_subject(json))]
    ]


def _id(json: str) -> str:
    try:
        return events_of(json)[0][0]
    except wire.UNREADABLE:
        return ""
