"""A clock that stands still until it is told to move, for tests without sleeps."""

from datetime import UTC, datetime, timedelta


class ManualClock:
    """A `Clock` that a test sets.

    >>> clock = ManualClock()
    >>> clock.advance(1.5)
    >>> clock.monotonic()
    1.5
    """

    def __init__(self, now: datetime = datetime(2025, 1, 1, tzinfo=UTC)) -> None:
        self.set_now(now)
        self._monotonic_s = 0.0

    def now(self) -> datetime:
        """The date and time that were set, in UTC."""
        return self._now

    def monotonic(self) -> float:
        """Seconds advanced since the clock was made."""
        return self._monotonic_s

    def advance(self, seconds: float) -> None:
        """Let time pass on both clocks. Raises ValueError for a step backwards: use `set_now` for that."""
        if seconds < 0:
            raise ValueError("a monotonic clock does not run backwards")
        self._monotonic_s += seconds
        self._now += timedelta(seconds=seconds)

    def set_now(self, now: datetime) -> None:
        """Set the time of day alone, as an operator or NTP would. Raises ValueError for a naive time."""
        if now.tzinfo is None:
            raise ValueError("a time without a zone is ambiguous: give an aware one")
        self._now = now.astimezone(UTC)
