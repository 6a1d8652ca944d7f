"""The bulkhead: never more at once than allowed, first come first served, and no slot lost on the way."""

import asyncio
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from souk_chassis.errors import ErrorKind, SoukError
from souk_chassis.resilience import Bulkhead, Deadline


async def turn_the_loop(times: int = 5) -> None:
    for _ in range(times):
        await asyncio.sleep(0)


async def test_it_serves_in_the_order_of_asking() -> None:
    bulkhead = Bulkhead(1, 10)
    assert bulkhead.try_enter()
    served: list[int] = []

    async def guest(number: int) -> None:
        await bulkhead.enter(Deadline.after(60))
        served.append(number)
        bulkhead.leave()

    async with asyncio.TaskGroup() as group:
        for number in range(5):
            group.create_task(guest(number))
        await turn_the_loop()
        assert (served, bulkhead.waiting) == ([], 5)
        assert not bulkhead.try_enter()
        bulkhead.leave()
    assert served == [0, 1, 2, 3, 4]
    assert (bulkhead.in_use, bulkhead.waiting) == (0, 0)


async def test_a_slot_handed_over_cannot_be_snatched() -> None:
    bulkhead = Bulkhead(1, 1)
    await bulkhead.enter(Deadline.after(60))
    waiter = asyncio.create_task(bulkhead.enter(Deadline.after(60)))
    await turn_the_loop()
    bulkhead.leave()
    assert not bulkhead.try_enter()
    await waiter
    assert bulkhead.in_use == 1


async def test_it_refuses_at_once_when_the_line_is_full() -> None:
    bulkhead = Bulkhead(1, 0)
    await bulkhead.enter(Deadline.after(60))
    with pytest.raises(SoukError) as caught:
        await bulkhead.enter(Deadline.after(60))
    assert (caught.value.kind, caught.value.code) == (ErrorKind.UNAVAILABLE, "bulkhead_full")


async def test_it_refuses_when_no_slot_comes_free_in_time() -> None:
    bulkhead = Bulkhead(1, 1)
    await bulkhead.enter(Deadline.after(60))
    with pytest.raises(SoukError) as caught:
        await bulkhead.enter(Deadline.after(0.01))
    assert (caught.value.kind, caught.value.code) == (ErrorKind.UNAVAILABLE, "bulkhead_wait")
    assert (bulkhead.in_use, bulkhead.waiting) == (1, 0)


@pytest.mark.parametrize("order", ["cancel_first", "leave_first"])
async def test_a_slot_given_to_one_who_leaves_in_that_moment_goes_on(order: str) -> None:
    bulkhead = Bulkhead(1, 2)
    await bulkhead.enter(Deadline.after(60))
    leaver = asyncio.create_task(bulkhead.enter(Deadline.after(60)))
    next_one = asyncio.create_task(bulkhead.enter(Deadline.after(60)))
    await turn_the_loop()
    if order == "cancel_first":
        leaver.cancel()
        bulkhead.leave()
    else:
        bulkhead.leave()
        leaver.cancel()
    with pytest.raises(asyncio.CancelledError):
        await leaver
    await asyncio.wait_for(next_one, 5)
    assert (bulkhead.in_use, bulkhead.waiting) == (1, 0)


@settings(max_examples=40)
@given(st.integers(1, 3), st.integers(0, 4), st.integers(0, 10**6))
def test_no_slot_is_lost_whoever_is_cancelled_whenever(slots: int, line: int, seed: int) -> None:
    random = Random(seed)
    bulkhead = Bulkhead(slots, line)
    inside = 0

    async def guest() -> None:
        nonlocal inside
        await bulkhead.enter(Deadline.after(60))
        inside += 1
        try:
            assert inside <= slots
            await turn_the_loop(random.randrange(4))
        finally:
            inside -= 1
            bulkhead.leave()

    async def crowd() -> list[object]:
        guests = []
        for _ in range(30):
            guests.append(asyncio.create_task(guest()))
            await turn_the_loop(random.randrange(3))
            if random.random() < 0.4:
                random.choice(guests).cancel()
        return list(await asyncio.wait_for(asyncio.gather(*guests, return_exceptions=True), 10))

    ends = asyncio.run(crowd())
    assert all(
        end is None
        or isinstance(end, asyncio.CancelledError)
        or (isinstance(end, SoukError) and "bulkhead" in end.code)
        for end in ends
    )
    assert (bulkhead.in_use, bulkhead.waiting, inside) == (0, 0, 0)
