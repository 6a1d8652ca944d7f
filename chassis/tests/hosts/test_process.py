"""How a process is stopped: wherever its main task waits, and with what its end is."""

import asyncio
import signal
import threading
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress

import pytest

from souk_chassis.hosts.process import Stopping, in_thread, run

STEPS = 6


class Opened:
    """What a main task opens: each takes some awaits to open and to close."""

    def __init__(self) -> None:
        self.open: list[int] = []
        self.closed: list[int] = []

    @asynccontextmanager
    async def step(self, number: int) -> AsyncIterator[None]:
        await asyncio.sleep(0)
        self.open.append(number)
        try:
            yield
        finally:
            await asyncio.sleep(0)
            self.closed.append(number)


def stopped_at(step: int, opened: Opened) -> bool:
    """Run a main task of several steps that gets SIGTERM at one of them, and again while it closes."""

    async def main(stopping: Stopping) -> None:
        async with AsyncExitStack() as stack:
            for number in range(STEPS):
                if number == step:
                    signal.raise_signal(signal.SIGTERM)
                await stack.enter_async_context(opened.step(number))
            stack.callback(lambda: signal.raise_signal(signal.SIGTERM))
            await stopping.wait()

    return run(main, "test")


@pytest.mark.parametrize("step", range(STEPS))
def test_a_start_is_stopped_wherever_it_is_and_closes_what_it_opened(step: int) -> None:
    opened = Opened()
    assert stopped_at(step, opened)
    assert opened.open in (list(range(step)), list(range(step + 1)))
    assert opened.closed == opened.open[::-1]


def test_what_swallows_the_stop_ends_all_the_same() -> None:
    async def main(stopping: Stopping) -> None:
        signal.raise_signal(signal.SIGINT)
        with suppress(asyncio.CancelledError):
            await asyncio.sleep(60)
        await stopping.wait()

    assert run(main, "test")


def test_a_task_that_fails_stops_the_process_with_its_error() -> None:
    closed = []

    async def fail() -> None:
        raise ValueError("no")

    async def main(stopping: Stopping) -> None:
        async with AsyncExitStack() as stack:
            stack.callback(closed.append, True)
            stopping.watch(asyncio.create_task(fail()))
            await asyncio.Event().wait()

    with pytest.raises(ValueError, match="no"):
        run(main, "test")
    assert closed


def test_a_main_task_may_end_by_itself_or_fail() -> None:
    async def ends(_: Stopping) -> None:
        pass

    async def fails(_: Stopping) -> None:
        raise LookupError("gone")

    assert not run(ends, "test")
    with pytest.raises(LookupError, match="gone"):
        run(fails, "test")


async def test_work_in_a_thread_is_waited_for_even_if_cancelled() -> None:
    begun, done = asyncio.Event(), []
    loop, may_end = asyncio.get_running_loop(), threading.Event()

    def work() -> None:
        loop.call_soon_threadsafe(begun.set)
        may_end.wait(30)
        done.append(True)

    waiting = asyncio.create_task(in_thread(work))
    await begun.wait()
    waiting.cancel()
    await asyncio.sleep(0)
    assert not waiting.done()
    may_end.set()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert done
