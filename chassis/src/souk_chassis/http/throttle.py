"""Throttling: a bucket of tokens a route, as Amazon API Gateway has it.

A request takes a token and is refused where there is none; tokens come back at the rate, and the bucket holds as many
as the burst (https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-throttling.html). A process has its
own buckets.
"""

from math import ceil

from souk_chassis.clock import Clock
from souk_chassis.errors import too_many
from souk_chassis.operation import Throttle

DEFAULT_RATE_PER_S = 10_000.0
"""Requests a second for each route that declares no throttle of its own: what API Gateway allows an account."""
DEFAULT_BURST = 5_000
"""Requests at once, likewise."""
_WHOLE = 1 - 1e-6
"""What counts as a token: the difference of two times has an error, and who waited as he was told is answered."""
DEFAULT = Throttle(DEFAULT_RATE_PER_S, DEFAULT_BURST)


class Bucket:
    """The tokens of one route. It is full at first."""

    __slots__ = ("_at_s", "_burst", "_monotonic", "_rate_per_s", "_tokens")

    def __init__(self, throttle: Throttle, clock: Clock) -> None:
        self._rate_per_s = throttle.rate_per_s
        self._burst = throttle.burst
        self._monotonic = clock.monotonic
        self._tokens: float = throttle.burst
        self._at_s = clock.monotonic()

    def take(self) -> None:
        """Take a token. Raises SoukError `too_many` where there is none: nothing is taken then, and it says when there
        will be one."""
        now_s = self._monotonic()
        tokens = self._tokens + (now_s - self._at_s) * self._rate_per_s
        if tokens > self._burst:
            tokens = self._burst
        self._at_s = now_s
        if tokens < _WHOLE:
            self._tokens = tokens
            wait_s = ceil((1 - tokens) / self._rate_per_s)  # as Retry-After has it, and never too early
            raise too_many("throttled", "Too many requests for this route just now.", retry_after_s=wait_s)
        self._tokens = tokens - 1
