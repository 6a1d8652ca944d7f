"""The moment after which nobody waits for the answer. It is passed on, so that each step knows what is left."""

import msgspec

from souk_chassis.clock import Clock, SystemClock
from souk_chassis.errors import timeout_unknown, unavailable

SYSTEM_CLOCK = SystemClock()


# A Struct, not a dataclass: one is made for every attempt, and a frozen dataclass takes several times as long to make.
class Deadline(msgspec.Struct, frozen=True):
    """A moment on a monotonic clock. It means something in this process alone: send `remaining_s` to another."""

    at_s: float
    clock: Clock = SYSTEM_CLOCK

    @classmethod
    def after(cls, timeout_s: float, clock: Clock = SYSTEM_CLOCK) -> "Deadline":
        """The deadline `timeout_s` seconds from now."""
        return cls(clock.monotonic() + timeout_s, clock)

    @property
    def remaining_s(self) -> float:
        """Seconds left; 0 when it has passed, never less."""
        return max(0.0, self.at_s - self.clock.monotonic())

    @property
    def expired(self) -> bool:
        """Whether it has passed."""
        return self.clock.monotonic() >= self.at_s

    def tighten(self, timeout_s: float) -> "Deadline":
        """The earlier of this one, which is then returned itself, and the one `timeout_s` seconds from now."""
        at_s = self.clock.monotonic() + timeout_s
        return self if self.at_s <= at_s else Deadline(at_s, self.clock)

    def check(self, *, sent: bool) -> None:
        """Raise SoukError if it has passed: `timeout_unknown` where the request was sent, else `unavailable`."""
        if not self.expired:
            return
        if sent:
            raise timeout_unknown("no_answer_in_time", "No answer came in time. It may have happened.")
        raise unavailable("deadline_exceeded", "There was no time left to ask. Nothing was sent.")
