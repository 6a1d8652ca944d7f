"""Units of work that met another writer: the error that says so, and doing them again. A worker does so by itself."""

import asyncio
import random
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

from souk_chassis.errors import ErrorKind, SoukError

T = TypeVar("T")

COLLISION_TRIES = 12
"""How often an operation tries a unit of work that collides with others. The caller then gets `unavailable`."""
COLLISION_PAUSE_S = 0.01
"""An operation waits a random time below this, once, twice, three times ... it, between two such tries."""


class CollisionError(SoukError):
    """Another writer came in between: a deadlock, a serialisation failure, or a condition on what was read. Nothing was
    written, and doing the same again at once is right.

    `reasons` has DynamoDB's code for each action of a transaction, where it gave them.
    """

    def __init__(self, reasons: Sequence[str] = ()) -> None:
        super().__init__(ErrorKind.UNAVAILABLE, "database_collision", "Another writer came in between.")
        self.reasons = tuple(reasons)


async def retry_on_conflict(work: Callable[[], Awaitable[T]]) -> T:
    """Do `work`, which opens a unit of work of its own and can be done again, until it does not collide."""
    for turn in range(1, COLLISION_TRIES):
        try:
            return await work()
        except CollisionError:
            await asyncio.sleep(random.uniform(0.0, COLLISION_PAUSE_S * turn))  # noqa: S311 - jitter, and no secret
    return await work()
