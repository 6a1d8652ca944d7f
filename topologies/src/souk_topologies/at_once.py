"""Tasks: doing the same for many things, some at a time, and ending what goes on until it is cancelled."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import TypeVar

T = TypeVar("T")


async def at_once(work: Callable[[T], Awaitable[None]], items: Iterable[T], width: int) -> None:
    """Do the work for all items in their order, `width` at a time. The first failure ends it."""
    left = iter(items)

    async def worker() -> None:
        for item in left:
            await work(item)

    async with asyncio.TaskGroup() as group:
        for _ in range(width):
            group.create_task(worker())


async def ended(task: asyncio.Task[None]) -> None:
    """Cancel a task, and wait for its end."""
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
