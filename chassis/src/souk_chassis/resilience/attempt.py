"""Runs one piece of work up to a time limit, and knows when it has really stopped.

The work gets a task of its own. Run in the caller's task, as by `asyncio.timeout`, work that is slow to heed its
cancellation (a thread cannot) would hold the caller past the deadline; the task costs a microsecond or two more.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from souk_chassis.resilience.deadline import Deadline

T = TypeVar("T")
Work = Callable[[Deadline], Awaitable[T]]


class OverrunError(Exception):
    """The limit passed before the work had ended."""


class Abandoned:
    """Work that was cancelled and has not ended yet. Holds the tasks, which the event loop alone would not keep."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[None]] = set()

    def __len__(self) -> int:
        return len(self._tasks)

    def add(self, task: asyncio.Task[None], stopped: Callable[[], None]) -> None:
        """Cancel a task, and call `stopped` once it has ended."""
        self._tasks.add(task)

        def end(ended: asyncio.Task[None]) -> None:
            self._tasks.discard(ended)
            stopped()

        task.add_done_callback(end)
        task.cancel()


async def run_until(limit: Deadline, work: Work[T], stopped: Callable[[], None], abandoned: Abandoned) -> T:
    """Run the work and answer what it answers. `stopped` is called once, when the work has ended.

    Raises OverrunError at the limit, and what the work raises. Cancelling the caller cancels the work. In neither case
    does the caller wait for the work to heed it.
    """
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[T] = loop.create_future()
    task = loop.create_task(_carry(work, limit, answer))
    timer = loop.call_later(limit.remaining_s, _overrun, answer)
    try:
        return await answer
    finally:
        timer.cancel()
        # The answer is the last thing that the work's task gives, so where there is one the task is done.
        if task.done():
            stopped()
        else:
            abandoned.add(task, stopped)


async def _carry(work: Work[T], limit: Deadline, answer: asyncio.Future[T]) -> None:
    try:
        result = await work(limit)
    except asyncio.CancelledError:
        answer.cancel()
        raise
    except Exception as error:  # noqa: BLE001 - whatever it is, it is the caller's to handle
        # An error that comes after the caller has left has nobody to go to: the caller has been told `timeout_unknown`.
        if not answer.done():
            answer.set_exception(error)
    else:
        if not answer.done():
            answer.set_result(result)


def _overrun(answer: asyncio.Future[T]) -> None:
    if not answer.done():
        answer.set_exception(OverrunError())
