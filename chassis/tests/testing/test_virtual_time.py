"""Virtual time: it passes only where nothing is to be done, and exactly as much as was waited for."""

import asyncio
import time
from datetime import timedelta

import pytest

from souk_chassis.testing.virtual_time import VirtualClock, run_virtually


def test_waiting_takes_no_time() -> None:
    async def work() -> list[tuple[str, float]]:
        order = []

        async def sleep(name: str, seconds: float) -> None:
            await asyncio.sleep(seconds)
            order.append((name, asyncio.get_running_loop().time()))

        await asyncio.gather(sleep("c", 3600.0), sleep("a", 0.5), sleep("b", 1.5))
        return order

    began_s = time.monotonic()
    assert run_virtually(work()) == [("a", 0.5), ("b", 1.5), ("c", 3600.0)]
    assert time.monotonic() - began_s < 60.0


def test_the_clock_is_the_loops() -> None:
    async def work() -> None:
        clock = VirtualClock()
        before = clock.now()
        await asyncio.sleep(2.5)
        assert clock.now() - before == timedelta(seconds=2.5)
        assert clock.monotonic() == 2.5
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(asyncio.Event().wait(), 7.5)
        assert clock.monotonic() == 10.0

    run_virtually(work())


def test_who_waits_for_nothing_is_told() -> None:
    async def work() -> None:
        await asyncio.Event().wait()

    with pytest.raises(RuntimeError, match="wait for ever"):
        run_virtually(work())
