"""What stands between a service and a dependency that may be slow, full or gone. Each part works alone, too."""

from souk_chassis.resilience.breaker import Breaker, BreakerState, Verdict
from souk_chassis.resilience.bulkhead import Bulkhead
from souk_chassis.resilience.deadline import Deadline
from souk_chassis.resilience.pipeline import Pipeline
from souk_chassis.resilience.policy import Policy
from souk_chassis.resilience.retry import RetryBudget
from souk_chassis.resilience.snapshot import PipelineSnapshot
from souk_chassis.resilience.window import WindowCounts

__all__ = [
    "Breaker",
    "BreakerState",
    "Bulkhead",
    "Deadline",
    "Pipeline",
    "PipelineSnapshot",
    "Policy",
    "RetryBudget",
    "Verdict",
    "WindowCounts",
]
