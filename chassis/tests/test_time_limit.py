"""A time limit: what it cuts off, and what it leaves alone."""

import asyncio

import pytest

from souk_chassis.time_limit import TimeLimit

LONG_S = 60.0


async def test_what_takes_too_long_is_cut_off() -> None:
    with pytest.raises(TimeoutError), TimeLimit(0.01):
        await asyncio.sleep(LONG_S)
    task = asyncio.current_task()
    assert task is not None
    assert task.cancelling() == 0
    await asyncio.sleep(0)  # nothing of it is left


async def test_what_is_in_time_is_left_alone() -> None:
    with TimeLimit(0.01):
        await asyncio.sleep(0)
    await asyncio.sleep(0.03)
    with pytest.raises(ZeroDivisionError), TimeLimit(LONG_S):
        raise ZeroDivisionError


async def test_the_inner_limit_is_not_the_outers() -> None:
    with TimeLimit(LONG_S), pytest.raises(TimeoutError), TimeLimit(0.01):
        await asyncio.sleep(LONG_S)
    with pytest.raises(TimeoutError), TimeLimit(0.01), TimeLimit(LONG_S):
        await asyncio.sleep(LONG_S)


async def test_a_cancellation_from_outside_stays_one() -> None:
    began = asyncio.Event()

    async def work() -> None:
        with TimeLimit(LONG_S):
            began.set()
            await asyncio.sleep(LONG_S)

    task = asyncio.create_task(work())
    await began.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_a_cancellation_beside_the_limit_stays_one() -> None:
    task: asyncio.Task[None]

    async def work() -> None:
        with TimeLimit(0.01):
            try:
                await asyncio.sleep(LONG_S)
            except asyncio.CancelledError:
                task.cancel()
                raise

    task = asyncio.create_task(work())
    with pytest.raises(asyncio.CancelledError):
        await task
