"""Group commit: concurrent calls gathered into one statement and one commit, each answered for itself.

There is no lingering. What waits when the last flight lands is the next batch: alone, a call pays nothing; in a crowd
the batch grows by itself. One flight at a time holds row locks least (measured: docs/explanation/performance.md).

Questions to other services are gathered in the same way. They hold no locks, and their answers may be slow in coming:
with `patience_s` the next flight leaves without waiting any longer.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

from souk_chassis.errors import ErrorKind, SoukError, timeout_unknown, too_many, unavailable

Item = TypeVar("Item")
Answer = TypeVar("Answer")

MAX_BATCH = 128
"""Items in one flight."""
MAX_WAITING = 2_000
"""Items that wait; one more is refused with `too_many`."""
MAX_WEIGHT = 4_000
"""What the items of one flight weigh together, such as their order lines. One item may weigh more, and flies alone."""
MAX_FLIGHTS = 16
"""Flights at once, where a flight need not wait for the last to land."""


class GroupCommit(Generic[Item, Answer]):
    """Gathers calls of `write` for a single item into calls for many.

    `write(items)` runs in one unit of work and returns an answer or an exception for each item, in order. Where it
    raises, nothing was kept and the items are tried again one by one, so that one bad item spoils no other. An error
    of kind `timeout_unknown` or `unavailable` is no item's fault: all the items get it.
    """

    def __init__(
        self,
        write: Callable[[Sequence[Item]], Awaitable[Sequence[Answer | SoukError]]],
        *,
        max_batch: int = MAX_BATCH,
        max_waiting: int = MAX_WAITING,
        weigh: Callable[[Item], int] = lambda _: 1,
        max_weight: int = MAX_WEIGHT,
        patience_s: float | None = None,
    ) -> None:
        self._write = write
        self._max_batch = max_batch
        self._max_waiting = max_waiting
        self._weigh = weigh
        self._max_weight = max_weight
        self._waiting: deque[tuple[Item, int, asyncio.Future[Answer]]] = deque()
        self._patience_s = patience_s
        self._flight: asyncio.Task[None] | None = None
        self._in_the_air: set[asyncio.Task[None]] = set()
        self._closed = False

    async def __call__(self, item: Item) -> Answer:
        """Write `item` and return its answer after the commit.

        Raises SoukError: what `write` answered for the item, `too_many` where the line is full, `unavailable` after
        `close`. Cancelling the caller does not take back an item that is in flight.
        """
        if self._closed:
            raise unavailable("stopping", "The service is stopping.", retry_after_s=1.0)
        if len(self._waiting) >= self._max_waiting:
            raise too_many("overloaded", "Too many requests are waiting.", retry_after_s=1.0)
        future: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._waiting.append((item, self._weigh(item), future))
        if self._flight is None:
            self._flight = asyncio.create_task(self._fly(), name="group-commit")
        return await future

    async def close(self) -> None:
        """Take no more; return when what was taken is written."""
        self._closed = True
        if self._flight is not None:
            await self._flight
        if self._in_the_air:
            await asyncio.wait(self._in_the_air)

    async def _fly(self) -> None:
        try:
            while self._waiting:
                batch = self._next_batch()
                if batch:
                    await self._depart(batch)
        finally:
            self._flight = None
            while self._waiting:  # only where this task was cancelled
                self._waiting.popleft()[2].cancel()

    async def _depart(self, batch: list[tuple[Item, asyncio.Future[Answer]]]) -> None:
        if self._patience_s is None:
            await self._write_batch(batch)
            return
        flight = asyncio.create_task(self._write_batch(batch), name="group-commit-flight")
        self._in_the_air.add(flight)
        flight.add_done_callback(self._in_the_air.discard)
        await asyncio.wait([flight], timeout=self._patience_s)
        if len(self._in_the_air) >= MAX_FLIGHTS:
            await asyncio.wait(self._in_the_air, return_when=asyncio.FIRST_COMPLETED)

    def _next_batch(self) -> list[tuple[Item, asyncio.Future[Answer]]]:
        batch: list[tuple[Item, asyncio.Future[Answer]]] = []
        weight = 0
        while self._waiting and len(batch) < self._max_batch:
            item, item_weight, future = self._waiting[0]
            if not future.done():  # a caller that gave up while it waited asked for nothing
                weight += item_weight
                if batch and weight > self._max_weight:
                    break
                batch.append((item, future))
            self._waiting.popleft()
        return batch

    async def _write_batch(self, batch: list[tuple[Item, asyncio.Future[Answer]]]) -> None:
        try:
            answers: Sequence[Answer | SoukError] = await self._write([item for item, _ in batch])
        except asyncio.CancelledError:
            for _, future in batch:
                future.cancel()
            raise
        except Exception as error:  # noqa: BLE001 - whatever it is, every caller must be answered
            if len(batch) == 1 or _is_nobodys_fault(error):
                for _, future in batch:
                    if not future.done():
                        future.set_exception(error)
            else:
                for single in batch:
                    await self._write_batch([single])
            return
        if len(answers) != len(batch):  # it is written: to try again would write it twice
            answers = [_UNCOUNTED] * len(batch)
        for (_, future), answer in zip(batch, answers, strict=True):
            if future.done():
                continue
            if isinstance(answer, SoukError):
                future.set_exception(answer)
            else:
                future.set_result(answer)


_UNCOUNTED = timeout_unknown("answers_lost", "It was written, and its answer was lost.")


def _is_nobodys_fault(error: Exception) -> bool:
    return isinstance(error, SoukError) and error.kind in {ErrorKind.UNAVAILABLE, ErrorKind.TIMEOUT_UNKNOWN}
