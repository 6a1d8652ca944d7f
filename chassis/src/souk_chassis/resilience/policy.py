"""The limits of one dependency, each with a name. What is not set is the shop's default."""

import msgspec


class Policy(msgspec.Struct, frozen=True):
    """How a pipeline treats its dependency. Raises ValueError for limits that contradict themselves."""

    timeout_s: float = 3.0
    """The longest one attempt takes, in seconds, its wait for a slot included."""

    max_concurrent: int = 64
    """Attempts that run at once."""
    max_waiting: int = 128
    """Attempts that wait for a slot; one more is refused at once."""

    attempts: int = 3
    """How often a call is tried at most, the first time included."""
    backoff_base_s: float = 0.05
    """The longest pause before the first retry; it doubles with each."""
    backoff_cap_s: float = 1.0
    """The longest pause before any retry. Asked by the dependency to wait longer, the call gives up instead."""
    retry_ratio: float = 0.2
    """Retries in proportion to calls, in the long run."""
    retry_reserve: float = 10.0
    """Retries that may be made beyond the ratio after a quiet time."""

    window_s: float = 10.0
    """The span that the breaker looks back on."""
    min_volume: int = 10
    """The breaker does not judge on fewer attempts than this within its window."""
    error_rate: float = 0.5
    """The breaker opens at this share of failures, 0 to 1."""
    slow_call_s: float = 2.0
    """An attempt that takes this long is slow, whatever comes of it."""
    slow_rate: float = 0.8
    """The breaker opens at this share of slow attempts, 0 to 1."""
    open_s: float = 30.0
    """The shortest time that the breaker stays open before it lets a probe through."""
    open_jitter: float = 0.1
    """The time open is longer by up to this share, so that many processes do not probe at once."""

    def __post_init__(self) -> None:
        for name in ("timeout_s", "window_s", "slow_call_s", "open_s", "error_rate", "slow_rate"):
            if not getattr(self, name) > 0:
                raise ValueError(f"{name} must be above zero")
        for name in ("max_concurrent", "attempts", "min_volume"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least one")
        for name in ("max_waiting", "backoff_base_s", "backoff_cap_s", "retry_ratio", "retry_reserve", "open_jitter"):
            if not getattr(self, name) >= 0:
                raise ValueError(f"{name} must not be negative")
        if self.error_rate > 1 or self.slow_rate > 1:
            raise ValueError("error_rate and slow_rate are shares: at most 1")
