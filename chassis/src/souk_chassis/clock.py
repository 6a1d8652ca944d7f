"""Time as a thing that is passed in, so that tests and the simulation decide what it is."""

import time
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """Where code reads the time from."""

    def now(self) -> datetime:
        """The date and time of day, aware, in UTC. It may jump when the machine's clock is set."""
        ...

    def monotonic(self) -> float:
        """Seconds since some fixed moment. They never run backwards; only differences mean something."""
        ...


class SystemClock:
    """The machine's own clocks."""

    def now(self) -> datetime:
        """The date and time of day, in UTC."""
        return datetime.now(UTC)

    # The builtin itself, not a method around it: every call through a pipeline reads it several times.
    monotonic = staticmethod(time.monotonic)
