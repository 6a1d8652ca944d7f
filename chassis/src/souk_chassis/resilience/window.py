"""Counts over the last seconds, in a fixed space however many calls there are."""

from typing import Final, NamedTuple

BUCKETS: Final = 10


class WindowCounts(NamedTuple):
    """Attempts within the window. A failure that was slow counts as both."""

    total: int
    failed: int
    slow: int


class RollingWindow:
    """Counts attempts of the last `window_s` seconds. Forgets a tenth of it at a time, when that tenth is over."""

    __slots__ = ("_bucket_s", "_failed", "_slow", "_tick", "_total", "failed", "slow", "total")

    def __init__(self, window_s: float) -> None:
        self._bucket_s = window_s / BUCKETS
        self._tick = 0
        self.clear()

    def clear(self) -> None:
        """Forget everything."""
        self._total = [0] * BUCKETS
        self._failed = [0] * BUCKETS
        self._slow = [0] * BUCKETS
        self.total = self.failed = self.slow = 0

    def record(self, at_s: float, *, failed: bool, slow: bool) -> None:
        """Count one attempt that ended at `at_s` seconds; times never run backwards."""
        self.turn(at_s)
        bucket = self._tick % BUCKETS
        self._total[bucket] += 1
        self.total += 1
        if failed:
            self._failed[bucket] += 1
            self.failed += 1
        if slow:
            self._slow[bucket] += 1
            self.slow += 1

    def turn(self, at_s: float) -> None:
        """Forget what lies too far back as seen from `at_s`."""
        tick = int(at_s / self._bucket_s)
        if tick == self._tick:
            return
        for passed in range(self._tick + 1, min(tick, self._tick + BUCKETS) + 1):
            bucket = passed % BUCKETS
            self.total -= self._total[bucket]
            self.failed -= self._failed[bucket]
            self.slow -= self._slow[bucket]
            self._total[bucket] = self._failed[bucket] = self._slow[bucket] = 0
        self._tick = tick

    def counts(self, at_s: float) -> WindowCounts:
        """What the window holds at `at_s`."""
        self.turn(at_s)
        return WindowCounts(self.total, self.failed, self.slow)
