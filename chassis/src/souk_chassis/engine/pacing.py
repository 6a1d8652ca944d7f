"""How soon a worker's loop begins its next round."""

import asyncio
import time
from collections.abc import Awaitable

PACE_S = 0.02
PACE_LOADED_S = 0.1
"""A loop begins a round at most every 20 ms, and the more it found the later, up to 100 ms, unless its batches are
full: under load a round then has more to do, and each costs some six round trips to PostgreSQL whatever it does. Alone,
an event waits for nothing."""
PACE_MESSAGES = 4
PACE_EVENTS = 64
"""Messages for the relay, and events for a consumer, that one round is well worth."""


def pace(found: int, enough: int) -> float:
    """How long after its begin a round that found so much is followed by the next, in seconds: `enough` is well worth a
    round."""
    return PACE_S + (PACE_LOADED_S - PACE_S) * min(1.0, found / enough)


async def next_round(began_s: float, pace_s: float, wake_up: Awaitable[None]) -> None:
    """Return when there is something to do, and not before the loop's pace allows."""
    await wake_up
    early_s = began_s + pace_s - time.monotonic()
    if early_s > 0:
        await asyncio.sleep(early_s)
