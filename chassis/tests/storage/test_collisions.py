"""A unit of work that collides is done again, and nothing else is."""

import pytest

from souk_chassis.errors import SoukError, conflict, unavailable
from souk_chassis.storage.collisions import COLLISION_TRIES, CollisionError, retry_on_conflict


class Work:
    """Fails so many times with this error."""

    def __init__(self, error: SoukError, failures: int) -> None:
        self.error = error
        self.failures = failures
        self.calls = 0

    async def __call__(self) -> str:
        self.calls += 1
        if self.calls <= self.failures:
            raise self.error
        return "kept"


async def test_it_is_done_until_it_is_kept() -> None:
    work = Work(CollisionError(), 3)
    assert await retry_on_conflict(work) == "kept"
    assert work.calls == 4


async def test_it_gives_up_in_the_end() -> None:
    work = Work(CollisionError(), 1_000)
    with pytest.raises(SoukError):
        await retry_on_conflict(work)
    assert work.calls == COLLISION_TRIES


@pytest.mark.parametrize("error", [unavailable("database_unavailable", ""), conflict("stock_below_zero", "")])
async def test_other_errors_are_answers(error: SoukError) -> None:
    work = Work(error, 1)
    with pytest.raises(SoukError):
        await retry_on_conflict(work)
    assert work.calls == 1
