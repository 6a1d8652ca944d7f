"""Back-pressure: placing waits while too many orders are on their way, so that no queue grows without bound.

Every process that places orders counts for itself, and counts the orders of all: the bound is the shop's. Between two
looks each process sees only its own, so that together they may pass the bound by what is placed in that time.
"""

import asyncio
from contextlib import suppress

from souk_chassis.errors import SoukError, too_many
from souk_chassis.observability.logs import Log
from souk_orders.ports import OrderStore

MAX_OPEN_ORDERS = 3_000
"""Orders that may be on their way at once, unless `SOUK_MAX_OPEN_ORDERS` says otherwise. One more waits, and is then
refused with 429."""
MOST_OPEN_ORDERS = 1_000_000
"""The most that may be set: they are counted again and again."""
MAX_WAIT_S = 4.0
"""How long placing waits for its turn."""
LOOK_EVERY_S = 0.2


class Backlog:
    """How many orders are open: counted while orders come, and estimated upwards in between."""

    def __init__(self, store: OrderStore, log: Log, limit: int = MAX_OPEN_ORDERS) -> None:
        self._store = store
        self._log = log
        self._limit = limit
        self._open = 0
        self._asked = False
        self._eased = asyncio.Condition()
        self._watching: asyncio.Task[None] | None = None

    async def enter(self) -> None:
        """Return when another order may be placed: at once where the limit is 0, for there is none then. Raises
        SoukError `too_many` after `MAX_WAIT_S`."""
        if not self._limit:
            return
        self._asked = True
        if self._watching is None:
            self._watching = asyncio.create_task(self._watch(), name="orders-backlog")
        if self._open >= self._limit:
            with suppress(TimeoutError):
                async with asyncio.timeout(MAX_WAIT_S), self._eased:
                    await self._eased.wait_for(lambda: self._open < self._limit)
            if self._open >= self._limit:
                raise too_many("overloaded", "The shop has more orders than it can follow.", retry_after_s=1.0)
        self._open += 1

    async def close(self) -> None:
        """Count no more."""
        if self._watching is not None:
            self._watching.cancel()
            await asyncio.gather(self._watching, return_exceptions=True)

    async def _watch(self) -> None:
        """Count the open orders again and again, until nobody has come or waited since the last count."""
        try:
            while self._asked or self._open >= self._limit:
                self._asked = False
                await self._look()
                await asyncio.sleep(LOOK_EVERY_S)
        finally:
            self._watching = None

    async def _look(self) -> None:
        try:
            self._open = await self._store.count_open(self._limit)
        except SoukError as error:
            self._log.warning("open orders are not counted", code=error.code, detail=error.detail)
            return
        if self._open < self._limit:
            async with self._eased:
                self._eased.notify(self._limit - self._open)
