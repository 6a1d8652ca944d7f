"""Group commit: many calls in few flights, each answered for itself, and no bad item that spoils another."""

import asyncio
from collections.abc import Sequence

import pytest

from souk_chassis.errors import ErrorKind, SoukError, conflict, timeout_unknown, unavailable
from souk_chassis.storage.group_commit import MAX_FLIGHTS, GroupCommit
from souk_chassis.testing.waiting import until


class Writer:
    """Writes numbers and answers their doubles. `gate` holds each flight up; what is in `poison` fails its flight."""

    def __init__(self, *, open_gate: bool = True) -> None:
        self.flights: list[list[int]] = []
        self.poison: dict[int, Exception] = {}
        self.refused: set[int] = set()
        self.gate = asyncio.Event()
        self.started = asyncio.Event()
        if open_gate:
            self.gate.set()

    async def __call__(self, items: Sequence[int]) -> list[int | SoukError]:
        self.flights.append(list(items))
        self.started.set()
        await self.gate.wait()
        for item in items:
            if item in self.poison:
                raise self.poison[item]
        return [conflict("refused", "Not this one.") if item in self.refused else 2 * item for item in items]


def calls(group: GroupCommit[int, int], *items: int) -> list[asyncio.Task[int]]:
    return [asyncio.create_task(group(item)) for item in items]


async def outcomes(tasks: Sequence[asyncio.Task[int]]) -> list[int | str]:
    """What each call was answered, or the code or the name of its error."""
    answers = await asyncio.wait_for(asyncio.gather(*tasks, return_exceptions=True), 10)
    return [answer if isinstance(answer, int) else getattr(answer, "code", type(answer).__name__) for answer in answers]


async def test_calls_at_once_share_few_flights() -> None:
    writer = Writer()
    assert await outcomes(calls(GroupCommit(writer), *range(50))) == [2 * item for item in range(50)]
    assert len(writer.flights) <= 2
    assert sorted(item for flight in writer.flights for item in flight) == list(range(50))


async def test_what_comes_during_a_flight_goes_in_the_next() -> None:
    writer = Writer(open_gate=False)
    group = GroupCommit(writer)
    first = calls(group, 1)
    await writer.started.wait()
    later = calls(group, 2, 3, 4)
    await asyncio.sleep(0)
    writer.gate.set()
    assert await outcomes([*first, *later]) == [2, 4, 6, 8]
    assert writer.flights == [[1], [2, 3, 4]]


async def test_a_lone_call_does_not_wait_for_company() -> None:
    writer = Writer()
    loop = asyncio.get_running_loop()
    rounds = 0

    def count() -> None:
        nonlocal rounds
        rounds += 1
        loop.call_soon(count)

    loop.call_soon(count)
    assert await GroupCommit(writer)(21) == 42
    assert rounds < 10  # it took a few turns of the loop and no timer


async def test_a_flight_is_no_larger_than_allowed() -> None:
    writer = Writer()
    await outcomes(calls(GroupCommit(writer, max_batch=3), *range(8)))
    assert [len(flight) for flight in writer.flights] == [3, 3, 2]


async def test_a_flight_is_no_heavier_than_allowed_and_a_heavy_item_flies_alone() -> None:
    writer = Writer()
    group = GroupCommit(writer, weigh=lambda item: item, max_weight=10)
    assert len(await outcomes(calls(group, 4, 6, 1, 99, 2, 3))) == 6
    assert writer.flights == [[4, 6], [1], [99], [2, 3]]


async def test_an_item_that_is_refused_is_refused_alone() -> None:
    writer = Writer()
    writer.refused = {2}
    assert await outcomes(calls(GroupCommit(writer), 1, 2, 3)) == [2, "refused", 6]
    assert writer.flights == [[1, 2, 3]]


async def test_a_poisoned_item_spoils_no_other() -> None:
    writer = Writer()
    writer.poison = {2: ZeroDivisionError(), 4: conflict("taken", "Taken.")}
    assert await outcomes(calls(GroupCommit(writer), 1, 2, 3, 4)) == [2, "ZeroDivisionError", 6, "taken"]
    assert writer.flights == [[1, 2, 3, 4], [1], [2], [3], [4]]


@pytest.mark.parametrize("error", [unavailable("down", "Down."), timeout_unknown("lost", "Lost.")])
async def test_a_failure_that_is_no_items_fault_is_told_to_all_and_not_tried_again(error: SoukError) -> None:
    writer = Writer()
    writer.poison = {2: error}
    assert await outcomes(calls(GroupCommit(writer), 1, 2, 3)) == [error.code] * 3
    assert len(writer.flights) == 1


async def test_answers_that_do_not_fit_their_items_are_unknown_to_all() -> None:
    flights = 0

    async def forgetful(items: Sequence[int]) -> list[int]:
        nonlocal flights
        flights += 1
        return list(items)[1:]

    assert await outcomes(calls(GroupCommit(forgetful), 1, 2, 3)) == ["answers_lost"] * 3
    assert flights == 1


async def test_an_item_that_can_not_be_weighed_fails_its_own_call() -> None:
    writer = Writer()
    group = GroupCommit(writer, weigh=lambda item: 10 // item)
    assert await outcomes(calls(group, 1, 0, 2)) == [2, "ZeroDivisionError", 4]


async def test_a_full_line_refuses_the_next() -> None:
    writer = Writer(open_gate=False)
    group = GroupCommit(writer, max_waiting=2)
    first = calls(group, 1)
    await writer.started.wait()
    waiting = calls(group, 2, 3)
    await asyncio.sleep(0)
    with pytest.raises(SoukError) as caught:
        await group(4)
    assert caught.value.kind is ErrorKind.TOO_MANY
    assert caught.value.retry_after_s
    writer.gate.set()
    assert await outcomes([*first, *waiting]) == [2, 4, 6]
    assert await group(5) == 10


async def test_a_caller_that_gives_up_takes_nobody_along() -> None:
    writer = Writer(open_gate=False)
    group = GroupCommit(writer)
    [flying] = calls(group, 1)
    await writer.started.wait()
    leaving, staying = calls(group, 2, 3)
    await asyncio.sleep(0)
    flying.cancel()
    leaving.cancel()
    await asyncio.sleep(0)
    writer.gate.set()
    assert await outcomes([flying, leaving, staying]) == ["CancelledError", "CancelledError", 6]
    assert writer.flights == [[1], [3]]  # what was in flight is written all the same; what waited was not asked for


async def test_close_finishes_what_was_taken_and_takes_no_more() -> None:
    writer = Writer(open_gate=False)
    group = GroupCommit(writer)
    tasks = calls(group, 1)
    await writer.started.wait()
    tasks += calls(group, 2)
    await asyncio.sleep(0)
    closing = asyncio.create_task(group.close())
    await asyncio.sleep(0)
    with pytest.raises(SoukError) as caught:
        await group(3)
    assert (caught.value.kind, caught.value.code) == (ErrorKind.UNAVAILABLE, "stopping")
    assert not closing.done()
    writer.gate.set()
    await closing
    assert await outcomes(tasks) == [2, 4]
    await group.close()


async def test_with_patience_a_slow_flight_holds_up_nobody_else() -> None:
    writer = Writer(open_gate=False)
    group = GroupCommit(writer, patience_s=0.01)
    slow = calls(group, 1)
    await writer.started.wait()
    later = calls(group, 2)
    await until(lambda: len(writer.flights) == 2)
    assert [task.done() for task in (*slow, *later)] == [False, False]
    writer.gate.set()
    assert await outcomes([*slow, *later]) == [2, 4]
    await group.close()


async def test_so_many_flights_are_in_the_air_and_no_more() -> None:
    writer = Writer(open_gate=False)
    group = GroupCommit(writer, max_batch=1, patience_s=0.0)
    tasks = calls(group, *range(MAX_FLIGHTS + 2))
    await until(lambda: len(writer.flights) == MAX_FLIGHTS)
    await asyncio.sleep(0.02)
    assert len(writer.flights) == MAX_FLIGHTS
    closing = asyncio.create_task(group.close())
    writer.gate.set()
    assert await outcomes(tasks) == [2 * item for item in range(MAX_FLIGHTS + 2)]
    await asyncio.wait_for(closing, 10)
