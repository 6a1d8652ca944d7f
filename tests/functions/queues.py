"""Queues as SQS keeps them, with their dead letters."""

import asyncio
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from souk_chassis.events.event import events_of, type_and_subject
from souk_chassis.storage.ports import DeadLetter, QueueState


class Queues:
    """One service's queues as SQS keeps them: a message comes again until it is done, or lies with the dead letters."""

    def __init__(self, names: Collection[str]) -> None:
        self.waiting: dict[str, list[tuple[str, int]]] = {name: [] for name in names}
        """Bodies, and how often each was received."""
        self.dead: dict[str, list[tuple[str, str, int]]] = {name: [] for name in names}
        """Bodies, with reason and attempts."""
        self.in_hand: Counter[str] = Counter()
        self.woken = {name: asyncio.Event() for name in names}

    def send(self, queue: str, body: str, received: int = 0) -> None:
        """Put a message into a queue."""
        self.waiting[queue].append((body, received))
        self.woken[queue].set()

    async def bury(self, queue: str, event_json: str, reason: str, attempts: int) -> None:
        """See `souk_chassis.runtimes.lambda_events.DeadLetters`."""
        self.dead[queue].append((event_json, reason, attempts))

    async def postpone(self, queue: str, delays_s: Mapping[str, float]) -> None:
        """See `souk_chassis.runtimes.lambda_events.DeadLetters`. Here they come again at once."""

    async def queue_states(self, queues: Collection[str]) -> Sequence[QueueState]:
        """See `souk_chassis.storage.ports.QueueBooks`."""
        return [state for state in self.states() if state.name in queues]

    def states(self) -> Sequence[QueueState]:
        """The state of each queue."""
        waiting = {queue: len(messages) + self.in_hand[queue] for queue, messages in self.waiting.items()}
        return [QueueState(queue, count, 0.0, len(self.dead[queue])) for queue, count in waiting.items()]

    async def dead_letters(self, limit: int) -> Sequence[DeadLetter]:
        """See `souk_chassis.storage.ports.QueueBooks`."""
        letters = []
        for queue, dead in self.dead.items():
            for body, reason, attempts in dead:
                event_id = events_of(body)[0][0]
                letters.append(
                    DeadLetter(queue, event_id, *type_and_subject(body), reason, attempts, datetime.now(UTC))
                )
        return letters[:limit]

    async def redrive(self, queue: str) -> int:
        """See `souk_chassis.storage.ports.QueueBooks`."""
        dead, self.dead[queue] = self.dead[queue], []
        for body, _, _ in dead:
            self.send(queue, body)
        return len(dead)


def sqs_record(queue: str, message_id: str, body: str, received: int) -> dict[str, Any]:
    """A message as Lambda hands it to a function, `received` times before."""
    return {
        "eventSource": "aws:sqs",
        "eventSourceARN": f"arn:aws:sqs:eu-west-1:123456789012:{queue}",
        "messageId": message_id,
        "receiptHandle": message_id,
        "body": body,
        "attributes": {"ApproximateReceiveCount": str(received + 1)},
    }
