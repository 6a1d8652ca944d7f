"""Stops asking a dependency that fails or crawls, and finds out with one call at a time whether it is well again.

States and names are those of Nygard, "Release It!".
"""

from enum import Enum, StrEnum
from random import Random
from typing import Final

from souk_chassis.clock import Clock
from souk_chassis.errors import SoukError, unavailable
from souk_chassis.resilience.policy import Policy
from souk_chassis.resilience.window import RollingWindow, WindowCounts


class BreakerState(StrEnum):
    """Where a breaker stands."""

    CLOSED = "closed"
    """Every call goes through."""
    OPEN = "open"
    """No call goes through."""
    HALF_OPEN = "half_open"
    """One call goes through, or may: the probe."""


class Verdict(Enum):
    """What an attempt says about the dependency."""

    ANSWERED = "answered"
    """It gave an answer; a refusal of the caller's mistake is one."""
    FAILED = "failed"
    """It could not do its work."""
    SILENT = "silent"
    """Nothing: the attempt was given up before it could say anything."""


# Bound once for what every attempt asks: an enumeration takes ten times as long to find its member.
ANSWERED: Final = Verdict.ANSWERED
FAILED: Final = Verdict.FAILED
SILENT: Final = Verdict.SILENT


class Breaker:
    """A circuit breaker for one dependency, used from one event loop.

    Take a permit with `admit`, and give each back by `settle`: a probe whose permit is kept blocks all others.
    """

    def __init__(self, policy: Policy, clock: Clock, random: Random) -> None:
        self._policy = policy
        self._clock = clock
        self._random = random
        self._window = RollingWindow(policy.window_s)
        self._closed = True
        self._probing = False
        self._probe_at_s = 0.0
        # Raised at each change of state. A permit carries its own, so that what began before a change is not heard.
        self._generation = 0
        self._times_opened = 0

    @property
    def state(self) -> BreakerState:
        """The state now. An open breaker whose time is over is half open, whether or not anyone has called."""
        if self._closed:
            return BreakerState.CLOSED
        if self._probing or self._clock.monotonic() >= self._probe_at_s:
            return BreakerState.HALF_OPEN
        return BreakerState.OPEN

    @property
    def times_opened(self) -> int:
        """How often it has opened, after failed probes too."""
        return self._times_opened

    @property
    def retry_after_s(self) -> float:
        """Seconds until a probe may pass; 0 when it may, or is under way."""
        return 0.0 if self._closed else max(0.0, self._probe_at_s - self._clock.monotonic())

    @property
    def window(self) -> WindowCounts:
        """What the rolling window holds now."""
        return self._window.counts(self._clock.monotonic())

    def refusal(self) -> SoukError | None:
        """The error that `admit` would raise, None if it would grant a permit. Takes nothing."""
        if self._closed or (not self._probing and self._clock.monotonic() >= self._probe_at_s):
            return None
        return unavailable(
            "breaker_open",
            "The dependency has been failing and is left alone for now.",
            retry_after_s=self.retry_after_s,
        )

    def admit(self) -> int:
        """A permit for one attempt. Raises SoukError `unavailable`, code `breaker_open`."""
        if not self._closed:
            refusal = self.refusal()
            if refusal is not None:
                raise refusal
            self._probing = True
        return self._generation

    def settle(self, permit: int, verdict: Verdict, elapsed_s: float) -> None:
        """Say what came of an attempt and how long it took, in seconds. An outdated permit is not heard."""
        if permit != self._generation:
            return
        slow = elapsed_s >= self._policy.slow_call_s
        if not self._closed:
            self._settle_probe(verdict, slow)
        elif verdict is not SILENT:
            window = self._window
            window.record(self._clock.monotonic(), failed=verdict is FAILED, slow=slow)
            if (window.failed or window.slow) and self._too_bad():
                self._open()

    def blame(self) -> None:
        """Count a failure that showed only after its attempt was settled: an answer that broke off in its midst."""
        if self._closed:
            self._window.record(self._clock.monotonic(), failed=True, slow=False)
            if self._too_bad():
                self._open()

    def _settle_probe(self, verdict: Verdict, slow: bool) -> None:
        if verdict is SILENT:
            self._generation += 1
            self._probing = False
        elif verdict is FAILED or slow:
            self._open()
        else:
            self._generation += 1
            self._probing = False
            self._closed = True
            self._window.clear()

    def _too_bad(self) -> bool:
        window, policy = self._window, self._policy
        if window.total < policy.min_volume:
            return False
        return window.failed >= policy.error_rate * window.total or window.slow >= policy.slow_rate * window.total

    def _open(self) -> None:
        self._generation += 1
        self._times_opened += 1
        self._closed = False
        self._probing = False
        stretch = 1.0 + self._policy.open_jitter * self._random.random()
        self._probe_at_s = self._clock.monotonic() + self._policy.open_s * stretch
