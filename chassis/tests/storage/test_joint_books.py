"""Books of queues in two places: told together, and put back in both."""

from collections.abc import Collection, Sequence
from datetime import UTC, datetime, timedelta

from souk_chassis.storage.joint_books import JointBooks
from souk_chassis.storage.ports import DeadLetter, QueueState

NOW = datetime(2026, 1, 1, tzinfo=UTC)


class Books:
    def __init__(self, waiting: int, oldest_s: float, ages_s: Sequence[int]) -> None:
        self.state = QueueState("readers-noted", waiting, oldest_s, len(ages_s))
        self.ages_s = ages_s

    async def queue_states(self, queues: Collection[str]) -> Sequence[QueueState]:
        assert list(queues) == ["readers-noted"]
        return [self.state]

    async def dead_letters(self, limit: int) -> Sequence[DeadLetter]:
        ages = sorted(self.ages_s)[:limit]
        return [DeadLetter("readers-noted", str(s), "", "", "", 1, NOW - timedelta(seconds=s)) for s in ages]

    async def redrive(self, queue: str) -> int:
        return len(self.ages_s)


async def test_both_are_told() -> None:
    books = JointBooks(Books(3, 7.0, [1, 30]), Books(20, 0.0, [2, 10, 40]))
    assert await books.queue_states(["readers-noted"]) == [QueueState("readers-noted", 23, 7.0, 5)]
    assert [letter.event_id for letter in await books.dead_letters(4)] == ["1", "2", "10", "30"]
    assert await books.redrive("readers-noted") == 5
