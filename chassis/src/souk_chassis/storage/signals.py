"""Waiting for a wake-up that may be lost: an event with a time-out."""

import asyncio
from contextlib import suppress


async def wait_and_clear(event: asyncio.Event, timeout_s: float) -> None:
    """Return when `event` is set, or after `timeout_s`; leave it cleared."""
    with suppress(TimeoutError):
        async with asyncio.timeout(timeout_s):
            await event.wait()
    event.clear()
