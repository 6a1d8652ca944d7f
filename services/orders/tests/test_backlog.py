"""Back-pressure: placing waits while too many orders are open, then is refused, and goes on once it eases."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from souk_chassis.config import ConfigError
from souk_chassis.errors import ErrorKind, SoukError, unavailable
from souk_contracts.order_status import OrderStatus
from souk_orders import backlog as module
from souk_orders.backlog import MAX_OPEN_ORDERS, MOST_OPEN_ORDERS, Backlog
from souk_orders.bootstrap import OrdersConfig, read_config
from souk_orders.domain import Step

Make = Callable[[int], Backlog]


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Short waits: their length is a setting, not a rule."""
    monkeypatch.setattr(module, "MAX_WAIT_S", 0.05)
    monkeypatch.setattr(module, "LOOK_EVERY_S", 0.001)


@pytest.fixture
async def backlog(desk: Any) -> AsyncIterator[Make]:
    """Makes backlogs on one store, as each process of the service has one."""
    made: list[Backlog] = []

    def make(limit: int) -> Backlog:
        made.append(Backlog(desk.store, desk.log.log(), limit))
        return made[-1]

    yield make
    for each in made:
        await each.close()


async def fill(desk: Any, draft: Any, count: int) -> None:
    """Open orders in the store."""
    async with desk.store.unit() as unit:
        await unit.place([draft(f"o{n}") for n in range(count)])


async def counted(desk: Any, times: int = 2) -> None:
    """Return when the orders were counted so often from now on."""
    count, seen = desk.store.count_open, asyncio.Semaphore(0)

    async def count_and_tell(at_most: int) -> int:
        try:
            return int(await count(at_most))
        finally:
            seen.release()

    desk.store.count_open = count_and_tell
    async with asyncio.timeout(5):
        for _ in range(times):
            await seen.acquire()
    desk.store.count_open = count


async def refused(backlog: Backlog) -> SoukError:
    """The error of an order that finds no place."""
    with pytest.raises(SoukError) as error:
        await backlog.enter()
    return error.value


async def test_below_the_limit_nobody_waits(backlog: Make) -> None:
    door = backlog(3)
    async with asyncio.timeout(0.04):
        for _ in range(3):
            await door.enter()


async def test_at_the_limit_placing_waits_and_is_then_refused(desk: Any, draft: Any, backlog: Make) -> None:
    await fill(desk, draft, 3)
    door = backlog(3)
    await door.enter()  # nothing was counted yet
    await counted(desk)
    began = asyncio.get_running_loop().time()
    error = await refused(door)
    assert asyncio.get_running_loop().time() - began >= 0.04
    assert (error.kind, error.code) == (ErrorKind.TOO_MANY, "overloaded")
    assert error.retry_after_s


async def test_each_process_counts_the_orders_of_all(desk: Any, draft: Any, backlog: Make) -> None:
    doors = [backlog(4), backlog(4)]
    for door in doors:
        await door.enter()
    await fill(desk, draft, 4)
    for door in doors:
        await counted(desk)
        assert (await refused(door)).code == "overloaded"


async def test_between_two_counts_the_number_is_estimated_upwards(
    backlog: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "LOOK_EVERY_S", 30.0)
    door = backlog(2)
    await door.enter()
    await asyncio.sleep(0)  # the first count, of none
    await door.enter()
    await door.enter()
    await refused(door)


async def test_who_waits_goes_on_when_orders_end(
    desk: Any, draft: Any, walk: Any, backlog: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MAX_WAIT_S", 30.0)
    await fill(desk, draft, 4)
    door = backlog(4)
    await door.enter()
    await counted(desk)
    waiting = [asyncio.create_task(door.enter()) for _ in range(3)]
    done, _ = await asyncio.wait(waiting, timeout=0.02)
    assert not done
    for number in range(3):
        await walk(desk.store, f"o{number}", Step(OrderStatus.REJECTED, desk.clock.now()))
    async with asyncio.timeout(5):
        await asyncio.gather(*waiting)


async def test_a_count_that_fails_is_made_up_for(desk: Any, draft: Any, backlog: Make) -> None:
    await fill(desk, draft, 2)
    count, failures = desk.store.count_open, iter(range(3))

    async def fail_at_first(at_most: int) -> int:
        if next(failures, None) is not None:
            raise unavailable("database_unavailable", "away")
        return int(await count(at_most))

    desk.store.count_open = fail_at_first
    door = backlog(2)
    await door.enter()
    for _ in range(4):
        door._asked = True
        await counted(desk, 1)
    await refused(door)
    assert desk.log.messages("warning") == ["open orders are not counted"] * 3


async def test_nothing_is_counted_while_nobody_comes(desk: Any, backlog: Make) -> None:
    door = backlog(2)
    await door.enter()
    assert door._watching is not None
    async with asyncio.timeout(5):
        await door._watching
    await door.enter()
    await counted(desk, 1)


async def test_a_bound_of_0_is_none(desk: Any, backlog: Make) -> None:
    door = backlog(0)
    for _ in range(3):
        await door.enter()
    assert door._watching is None


async def test_placing_asks_the_backlog_first(desk: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(desk.deps.backlog, "_limit", 1)
    monkeypatch.setattr(desk.deps.backlog, "_open", 1)
    monkeypatch.setattr(desk.deps.backlog, "_watching", asyncio.create_task(asyncio.sleep(60)))
    error = await refused_order(desk)
    await desk.deps.backlog.close()
    assert error.kind is ErrorKind.TOO_MANY
    assert desk.products.asked == []
    assert desk.published() == []


async def refused_order(desk: Any) -> SoukError:
    """The error of placing."""
    with pytest.raises(SoukError) as error:
        await desk.place()
    return error.value


@pytest.mark.parametrize(("text", "limit"), [(None, MAX_OPEN_ORDERS), ("", MAX_OPEN_ORDERS), ("1", 1)])
def test_the_bound_is_a_setting(text: str | None, limit: int) -> None:
    environment = {} if text is None else {"SOUK_MAX_OPEN_ORDERS": text}
    assert read_config(OrdersConfig, environment).max_open_orders == limit
    most = {"SOUK_MAX_OPEN_ORDERS": str(MOST_OPEN_ORDERS)}
    assert read_config(OrdersConfig, most).max_open_orders == MOST_OPEN_ORDERS


@pytest.mark.parametrize("text", ["-1", str(MOST_OPEN_ORDERS + 1), "many", "1.5"])
def test_a_bound_that_can_not_be(text: str) -> None:
    with pytest.raises(ConfigError, match="SOUK_MAX_OPEN_ORDERS"):
        read_config(OrdersConfig, {"SOUK_MAX_OPEN_ORDERS": text})
