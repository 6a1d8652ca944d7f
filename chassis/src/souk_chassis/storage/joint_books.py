"""The books of queues that lie in two places: SQS, where messages wait to be taken in, and the service's own database,
where they wait to be handled. Whoever asks is told of both, and what is put back is put back in both."""

import asyncio
from collections.abc import Collection, Sequence

from souk_chassis.storage.ports import DeadLetter, QueueBooks, QueueState


class JointBooks:
    """The books of the service's own queues, and of those before them. See `souk_chassis.storage.ports.QueueBooks`."""

    def __init__(self, own: QueueBooks, before: QueueBooks) -> None:
        self._own = own
        self._before = before

    async def queue_states(self, queues: Collection[str]) -> Sequence[QueueState]:
        """The sums. The oldest is the oldest in the database: what is before it is taken in at once, or nothing is."""
        own, before = await asyncio.gather(self._own.queue_states(queues), self._before.queue_states(queues))
        waiting = {state.name: state for state in before}
        return [
            QueueState(
                state.name,
                state.waiting + waiting[state.name].waiting,
                max(state.oldest_s, waiting[state.name].oldest_s),
                state.dead + waiting[state.name].dead,
            )
            for state in own
        ]

    async def dead_letters(self, limit: int) -> Sequence[DeadLetter]:
        """The newest of both."""
        own, before = await asyncio.gather(self._own.dead_letters(limit), self._before.dead_letters(limit))
        return sorted([*own, *before], key=lambda letter: letter.died_at, reverse=True)[:limit]

    async def redrive(self, queue: str) -> int:
        """Put back those of both."""
        return await self._own.redrive(queue) + await self._before.redrive(queue)
