"""Back-pressure: placing waits while too many orders are on their way, so that no queue grows without bound."""

import asyncio
from contextlib import suppress
from typing import Any

from souk_chassis.context import Context
from souk_chassis.errors import too_many
from souk_orders.ports import OrderStore

MAX_OPEN_ORDERS = 3_000
"""Orders that may be on their way at once. One more waits, and is then refused with 429."""
MAX_WAIT_S = 4.0
"""How long placing waits for its turn."""
LOOK_EVERY_S = 0.2


class Backlog:
    """How many orders are open: counted now and then, and estimated upwards in between."""

    def __init__(self, store: OrderStore, limit: int = MAX_OPEN_ORDERS) -> None:
        self._store = store
        self._limit = limit
        self._open = 0
        self._eased = asyncio.Condition()

    async def enter(self) -> None:
        """Return when another order may be placed. Raises SoukError `too_many` after `MAX_WAIT_S`."""
        if self._open >= self._limit:
            with suppress(TimeoutError):
                async with asyncio.timeout(MAX_WAIT_S), self._eased:
                    await self._eased.wait_for(lambda: self._open < self._limit)
            if self._open >= self._limit:
                raise too_many("overloaded", "The shop has more orders than it can follow.", retry_after_s=1.0)
        self._open += 1

    async def watch(self, _: Context[Any]) -> None:
        """Count the open orders again and again."""
        while True:
            self._open = await self._store.count_open(2 * self._limit)
            if self._open < self._limit:
                async with self._eased:
                    self._eased.notify(self._limit - self._open)
            await asyncio.sleep(LOOK_EVERY_S)
