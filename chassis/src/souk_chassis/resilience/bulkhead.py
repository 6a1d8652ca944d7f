"""Keeps one slow dependency from taking every connection and all memory: so many at once, so many in line, no more."""

import asyncio
from collections import deque

from souk_chassis.errors import unavailable
from souk_chassis.resilience.deadline import Deadline


class Bulkhead:
    """Slots, given in the order of asking. Used from one event loop. Whoever enters must `leave` once."""

    def __init__(self, max_concurrent: int, max_waiting: int) -> None:
        self._max_concurrent = max_concurrent
        self._max_waiting = max_waiting
        self._in_use = 0
        # While anyone waits all slots are in use: a slot is handed on, not freed and raced for.
        self._line: deque[asyncio.Future[None]] = deque()

    @property
    def in_use(self) -> int:
        """Slots taken."""
        return self._in_use

    @property
    def waiting(self) -> int:
        """Those in line."""
        return len(self._line)

    def try_enter(self) -> bool:
        """Take a slot if one is free now."""
        if self._in_use >= self._max_concurrent:
            return False
        self._in_use += 1
        return True

    async def enter(self, deadline: Deadline) -> None:
        """Take a slot, or wait in line. Raises SoukError `unavailable` with code `bulkhead_full` or `bulkhead_wait`."""
        if self.try_enter():
            return
        if len(self._line) >= self._max_waiting:
            raise unavailable("bulkhead_full", "Too many calls to the dependency are under way.")
        try:
            async with asyncio.timeout(deadline.remaining_s):
                await self._stand_in_line()
        except TimeoutError:
            raise unavailable("bulkhead_wait", "No call to the dependency ended in time to make room.") from None

    async def _stand_in_line(self) -> None:
        turn = asyncio.get_running_loop().create_future()
        self._line.append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if not turn.cancelled():
                self.leave()  # the slot was handed over in the same moment: hand it on
            elif turn in self._line:  # `leave` may have passed over it since
                self._line.remove(turn)
            raise

    def leave(self) -> None:
        """Give a slot back: to the first in line, if there is one."""
        line = self._line
        while line:
            turn = line.popleft()
            if not turn.done():
                turn.set_result(None)
                return
        self._in_use -= 1
