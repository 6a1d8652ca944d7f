"""Doing a unit of work again where another writer came in between. A worker does so by itself."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from typing import TypeVar

from souk_chassis.errors import SoukError
from souk_chassis.storage.ports import COLLISION

T = TypeVar("T")

COLLISION_TRIES = 12
"""How often an operation tries a unit of work that collides with others. The caller then gets `unavailable`."""
COLLISION_PAUSE_S = 0.01
"""An operation waits a random time below this, once, twice, three times ... it, between two such tries."""


async def until_kept(work: Callable[[], Awaitable[T]]) -> T:
    """Do `work`, which opens a unit of work of its own and can be done again, until it does not collide."""
    for turn in range(1, COLLISION_TRIES):
        try:
            return await work()
        except SoukError as error:
            if error.code != COLLISION:
                raise
        await asyncio.sleep(random.uniform(0.0, COLLISION_PAUSE_S * turn))  # noqa: S311 - jitter, and no secret
    return await work()
