"""A process of its own: its loop, its clock, its log, and how it is stopped."""

import asyncio
import ctypes
import os
import signal
import sys
from collections.abc import Awaitable, Callable
from typing import ParamSpec, TypeVar

import uvloop

from souk_chassis.clock import SystemClock
from souk_chassis.observability.logs import bridge_standard_logging, writer

P = ParamSpec("P")
T = TypeVar("T")

CLOCK = SystemClock()
_PR_SET_PDEATHSIG = 1
"""prctl(2): the signal that this process gets when its parent ends."""


class Stopping:
    """The end of a process's main task, asked for by a signal or by the failure of a task that it needs.

    The main task is cancelled wherever it waits, once, and closes what it has opened: a start can be stopped as well as
    what has started. A main task that has started waits here, so that it ends even if a library has swallowed the
    cancellation.
    """

    def __init__(self, main: "asyncio.Task[None]") -> None:
        self._main = main
        self._asked = asyncio.Event()
        self._error: BaseException | None = None

    def ask(self, error: BaseException | None = None) -> None:
        """Stop. Later calls do nothing: what closes must not be interrupted."""
        if not self._asked.is_set():
            self._error = error
            self._asked.set()
            self._main.cancel()

    def watch(self, task: "asyncio.Task[None]") -> None:
        """Stop when this task ends, with its error: it ends only by failing."""
        task.add_done_callback(lambda done: None if done.cancelled() else self.ask(done.exception()))

    async def wait(self) -> None:
        """Return once it was asked for."""
        await self._asked.wait()

    async def finish(self) -> bool:
        """Await the main task. Returns whether it was stopped; raises the error it was stopped with, or its own."""
        try:
            await self._main
        except asyncio.CancelledError:
            if not self._asked.is_set():
                raise
        if self._error is not None:
            raise self._error
        return self._asked.is_set()


Main = Callable[[Stopping], Awaitable[None]]


def run(main: Main, label: str) -> bool:
    """Run a process to its end. SIGINT and SIGTERM stop it. Returns whether it was stopped before its end."""
    bridge_standard_logging(label)
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            return runner.run(_stoppable(main))
    finally:
        writer.close()


async def _stoppable(main: Main) -> bool:
    async def begin() -> None:
        await main(stopping)

    stopping = Stopping(asyncio.create_task(begin(), name="main"))
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stopping.ask)
    return await stopping.finish()


async def in_thread(work: Callable[P, T], *arguments: P.args, **named: P.kwargs) -> T:
    """Run blocking work in a thread. Waits for it even if cancelled, so that nothing goes on behind what closes."""
    running = asyncio.ensure_future(asyncio.to_thread(work, *arguments, **named))
    try:
        return await asyncio.shield(running)
    except asyncio.CancelledError:
        await asyncio.wait([running])
        raise


def end_with(parent: int) -> None:
    """End when the parent process does, however it ends: nobody else would stop this one, or start it again."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != parent:  # it ended before we could ask
            sys.exit(f"the parent, process {parent}, is gone")
