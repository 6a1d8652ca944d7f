"""Back-pressure: placing waits while too many orders are open, then is refused, and goes on once it eases."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from typing import Any

import pytest

from souk_chassis.errors import ErrorKind, SoukError
from souk_contracts.order_status import OrderStatus
from souk_orders import backlog as module
from souk_orders.backlog import Backlog
from souk_orders.domain import Step

Watch = Callable[[Backlog], Awaitable[None]]


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Short waits: their length is a setting, not a rule."""
    monkeypatch.setattr(module, "MAX_WAIT_S", 0.05)
    monkeypatch.setattr(module, "LOOK_EVERY_S", 0.001)


@pytest.fixture
async def watch(desk: Any) -> AsyncIterator[Watch]:
    """Starts a backlog's count in the background, and returns when it has counted once."""
    tasks: list[asyncio.Task[None]] = []
    counted = asyncio.Event()
    count = desk.store.count_open

    async def count_and_tell(at_most: int) -> int:
        number: int = await count(at_most)
        counted.set()
        return number

    desk.store.count_open = count_and_tell

    async def start(backlog: Backlog) -> None:
        tasks.append(asyncio.create_task(backlog.watch(desk.as_())))
        await counted.wait()

    yield start
    for task in tasks:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def fill(desk: Any, draft: Any, count: int) -> None:
    """Open orders in the store."""
    async with desk.store.unit() as unit:
        await unit.place([draft(f"o{n}") for n in range(count)])


async def test_below_the_limit_nobody_waits(desk: Any) -> None:
    backlog = Backlog(desk.store, limit=3)
    for _ in range(3):
        await backlog.enter()


async def test_at_the_limit_placing_waits_and_is_then_refused(desk: Any, draft: Any, watch: Watch) -> None:
    await fill(desk, draft, 3)
    backlog = Backlog(desk.store, limit=3)
    await watch(backlog)
    began = asyncio.get_running_loop().time()
    with pytest.raises(SoukError) as error:
        await backlog.enter()
    assert asyncio.get_running_loop().time() - began >= 0.04
    assert (error.value.kind, error.value.code) == (ErrorKind.TOO_MANY, "overloaded")
    assert error.value.retry_after_s


async def test_between_two_counts_the_number_is_estimated_upwards(desk: Any) -> None:
    backlog = Backlog(desk.store, limit=2)
    await backlog.enter()
    await backlog.enter()
    with pytest.raises(SoukError):
        await backlog.enter()


async def test_who_waits_goes_on_when_orders_end(
    desk: Any, draft: Any, walk: Any, watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MAX_WAIT_S", 30.0)
    await fill(desk, draft, 4)
    backlog = Backlog(desk.store, limit=4)
    await watch(backlog)
    waiting = [asyncio.create_task(backlog.enter()) for _ in range(3)]
    done, _ = await asyncio.wait(waiting, timeout=0.02)
    assert not done
    for number in range(3):
        await walk(desk.store, f"o{number}", Step(OrderStatus.REJECTED, desk.clock.now()))
    async with asyncio.timeout(5):
        await asyncio.gather(*waiting)


async def test_placing_asks_the_backlog_first(desk: Any, draft: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(desk.deps.backlog, "_limit", 0)
    with pytest.raises(SoukError) as error:
        await desk.place()
    assert error.value.kind is ErrorKind.TOO_MANY
    assert desk.products.asked == []
    assert desk.published() == []
