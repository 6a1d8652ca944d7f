"""When to try again, and when that would only add to the load.

Pauses are "full jitter" (AWS Architecture Blog, "Exponential Backoff And Jitter"). The budget is that of Finagle:
calls pay in a share, retries take out a whole, so that retries stay a fixed share of the traffic while all fails.
"""

from random import Random

from souk_chassis.errors import ErrorKind, SoukError
from souk_chassis.resilience.policy import Policy


class RetryBudget:
    """What is left to spend on retries. Starts full."""

    __slots__ = ("_ratio", "_reserve", "tokens")

    def __init__(self, policy: Policy) -> None:
        self._ratio = policy.retry_ratio
        self._reserve = self.tokens = policy.retry_reserve

    def deposit(self) -> None:
        """A call was made."""
        if self.tokens < self._reserve:
            self.tokens = min(self._reserve, self.tokens + self._ratio)

    def withdraw(self) -> bool:
        """Take one retry out. False if there is none."""
        if self.tokens < 1.0:
            return False
        self.tokens -= 1.0
        return True


def may_repeat(error: SoukError, *, idempotent: bool) -> bool:
    """Whether a repeat may help and can do no harm. What may have happened is repeated only if idempotent."""
    return error.rule.retryable and (idempotent or error.kind is not ErrorKind.TIMEOUT_UNKNOWN)


def pause_s(policy: Policy, retry: int, random: Random, asked_s: float | None = None) -> float | None:
    """Seconds to wait before a retry, the first being 1. None: `asked_s`, the dependency's wish, is too long."""
    if asked_s is not None and asked_s > policy.backoff_cap_s:
        return None
    # Beyond 2**32 the cap has long decided, and a float power would overflow.
    longest_s = min(policy.backoff_cap_s, policy.backoff_base_s * 2.0 ** min(retry - 1, 32))
    return max(longest_s * random.random(), asked_s or 0.0)
