"""What a pipeline shows of itself, to the console and to metrics."""

import msgspec

from souk_chassis.resilience.breaker import BreakerState


class Counters(msgspec.Struct):
    """Counted since the pipeline was made. The snapshot says what each means."""

    calls: int = 0
    sent: int = 0
    answered: int = 0
    failed: int = 0
    timed_out: int = 0
    retried: int = 0
    refused_by_bulkhead: int = 0
    refused_by_breaker: int = 0
    out_of_time: int = 0
    fell_back: int = 0


class PipelineSnapshot(msgspec.Struct, frozen=True, rename="camel"):
    """A pipeline at one moment. Counters only grow, and count attempts unless they say calls."""

    name: str
    """The dependency."""
    state: BreakerState
    """The breaker's state."""
    retry_after_s: float
    """Seconds until the breaker lets a probe through; 0 unless it is open."""
    times_opened: int
    """How often the breaker has opened."""
    window_total: int
    """Attempts that the breaker's rolling window holds."""
    window_failed: int
    """Those of them that failed."""
    window_slow: int
    """Those of them that were slow."""
    in_use: int
    """Slots taken now, those of abandoned work included."""
    waiting: int
    """Attempts in line for a slot now."""
    abandoned: int
    """Work that was cancelled and has not stopped yet."""
    retry_tokens: float
    """Retries that the budget still allows."""
    calls: int
    """Calls made."""
    sent: int
    """Attempts whose work was started."""
    answered: int
    """Attempts that got an answer, refusals of a caller's mistake included."""
    failed: int
    """Attempts that count as the dependency's failure."""
    timed_out: int
    """Attempts that got no answer in time, whoever is to blame."""
    retried: int
    """Attempts that were repeats."""
    refused_by_bulkhead: int
    """Attempts that found no slot."""
    refused_by_breaker: int
    """Attempts that the breaker held back."""
    out_of_time: int
    """Attempts that were not sent because the deadline had passed."""
    fell_back: int
    """Calls that the fallback answered."""
