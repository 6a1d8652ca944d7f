"""Timed-out and cancelled calls: the caller leaves in time, and the slot is held until the work has stopped."""

import asyncio
import functools
import gc
import selectors
from collections.abc import Callable, Coroutine, Mapping
from datetime import UTC, datetime
from random import Random
from typing import Any, ParamSpec

import pytest

from souk_chassis.errors import ErrorKind, SoukError
from souk_chassis.resilience import BreakerState, Deadline, Pipeline, Policy

P = ParamSpec("P")

SHORT_S = 0.5
POLICY = Policy(timeout_s=SHORT_S, max_concurrent=2, max_waiting=0, attempts=2, backoff_base_s=0.0, min_volume=100)


class JumpingSelector(selectors.SelectSelector):
    """Where a loop would wait for its next timer, time jumps there instead: timeouts are exact, and take no time."""

    now_s = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        assert timeout is not None, "nothing is left that could wake the loop"
        self.now_s += max(0.0, timeout)
        return super().select(0)


class JumpingLoop(asyncio.SelectorEventLoop):
    def __init__(self) -> None:
        self.selector = JumpingSelector()
        self.timers: list[asyncio.TimerHandle] = []
        super().__init__(self.selector)

    def time(self) -> float:
        return self.selector.now_s

    def call_later(  # type: ignore[override]  # passes on whatever it is given
        self, delay: float, *args: Any, **kwargs: Any
    ) -> asyncio.TimerHandle:
        timer = super().call_later(delay, *args, **kwargs)
        self.timers.append(timer)
        return timer


def jumping(test: Callable[P, Coroutine[Any, Any, None]]) -> Callable[P, None]:
    """Run a test on such a loop."""

    @functools.wraps(test)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        with asyncio.Runner(loop_factory=JumpingLoop) as runner:
            runner.run(test(*args, **kwargs))

    return run


class LoopClock:
    def now(self) -> datetime:
        return datetime.fromtimestamp(self.monotonic(), UTC)

    def monotonic(self) -> float:
        return asyncio.get_running_loop().time()


CLOCK = LoopClock()


def pipeline_with(**limits: Any) -> Pipeline:
    return Pipeline("stock", Policy(**limits), CLOCK, Random(1))


def in_short() -> Deadline:
    return Deadline.after(SHORT_S, CLOCK)


def complaints_of_the_loop() -> list[Mapping[str, Any]]:
    """What the loop would log from now on: errors that nobody has seen."""
    complaints: list[Mapping[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: complaints.append(context))
    return complaints


class Stubborn:
    """Work that heeds its cancellation only when told to, as one that waits for a thread does."""

    def __init__(self) -> None:
        self.release = asyncio.Event()
        self.begun = asyncio.Event()
        self.started = self.cancelled = self.ended = 0

    async def __call__(self, deadline: Deadline) -> str:
        self.started += 1
        self.begun.set()
        try:
            while not self.release.is_set():
                try:
                    await self.release.wait()
                except asyncio.CancelledError:
                    self.cancelled += 1
        finally:
            self.ended += 1
        return "too late"


async def hang(deadline: Deadline) -> None:
    await asyncio.get_running_loop().create_future()


async def until_idle(pipeline: Pipeline) -> None:
    async with asyncio.timeout(10):
        while pipeline.snapshot().in_use:  # noqa: ASYNC110 - a pipeline has no event for it
            await asyncio.sleep(0.001)


@pytest.fixture
def pipeline() -> Pipeline:
    return Pipeline("stock", POLICY, CLOCK, Random(1))


@jumping
async def test_the_caller_leaves_in_time_and_the_slot_stays_taken(pipeline: Pipeline) -> None:
    complaints = complaints_of_the_loop()
    work = Stubborn()
    started_s = CLOCK.monotonic()
    with pytest.raises(SoukError) as caught:
        await pipeline.call(work, idempotent=False)
    assert CLOCK.monotonic() - started_s == SHORT_S
    assert caught.value.kind is ErrorKind.TIMEOUT_UNKNOWN
    gc.collect()
    seen = pipeline.snapshot()
    assert (seen.in_use, seen.abandoned, seen.timed_out, seen.failed, work.ended) == (1, 1, 1, 1, 0)
    await asyncio.sleep(0)
    assert work.cancelled == 1
    work.release.set()
    await until_idle(pipeline)
    del caught  # its traceback would keep the task, which complains when it is collected
    gc.collect()
    assert (work.ended, pipeline.snapshot().abandoned, complaints) == (1, 0, [])


@jumping
async def test_abandoned_work_fills_the_bulkhead_and_then_frees_it(pipeline: Pipeline) -> None:
    work = Stubborn()
    for _ in range(2):
        with pytest.raises(SoukError, match="no_answer_in_time"):
            await pipeline.call(work, idempotent=False)
    with pytest.raises(SoukError, match="bulkhead_full"):
        await pipeline.call(work, idempotent=False)
    assert work.started == 2
    work.release.set()
    await until_idle(pipeline)
    assert await pipeline.call(work, idempotent=False) == "too late"


@jumping
async def test_a_retry_after_a_timeout_takes_a_slot_of_its_own(pipeline: Pipeline) -> None:
    stuck = Stubborn()
    tries = 0

    async def work(deadline: Deadline) -> str:
        nonlocal tries
        tries += 1
        return await stuck(deadline) if tries == 1 else f"slots: {pipeline.snapshot().in_use}"

    assert await pipeline.call(work, idempotent=True) == "slots: 2"
    assert (pipeline.snapshot().timed_out, pipeline.snapshot().retried) == (1, 1)
    stuck.release.set()
    await until_idle(pipeline)


@jumping
async def test_a_late_error_disturbs_nobody(pipeline: Pipeline) -> None:
    complaints = complaints_of_the_loop()

    async def bitter(deadline: Deadline) -> None:
        try:
            await hang(deadline)
        finally:
            raise ValueError("said to an empty room")

    with pytest.raises(SoukError, match="no_answer_in_time"):
        await pipeline.call(bitter, idempotent=False)
    await until_idle(pipeline)
    gc.collect()
    await asyncio.sleep(0)
    assert complaints == []


@jumping
async def test_timeouts_open_the_breaker() -> None:
    pipeline = pipeline_with(timeout_s=SHORT_S, min_volume=2)
    for _ in range(2):
        with pytest.raises(SoukError):
            await pipeline.call(hang, idempotent=False)
    assert pipeline.snapshot().state is BreakerState.OPEN


@jumping
async def test_a_callers_haste_is_not_the_dependencys_failure() -> None:
    pipeline = pipeline_with(min_volume=1, attempts=1)
    for _ in range(3):
        with pytest.raises(SoukError) as caught:
            await pipeline.call(hang, deadline=in_short(), idempotent=True)
        assert caught.value.kind is ErrorKind.TIMEOUT_UNKNOWN
    seen = pipeline.snapshot()
    assert (seen.state, seen.timed_out, seen.failed) == (BreakerState.CLOSED, 3, 0)


@jumping
async def test_a_caller_in_a_hurry_still_counts_where_a_slow_call_would() -> None:
    pipeline = pipeline_with(min_volume=1, attempts=1, slow_call_s=0.001)
    with pytest.raises(SoukError):
        await pipeline.call(hang, deadline=in_short(), idempotent=True)
    assert pipeline.snapshot().state is BreakerState.OPEN


@jumping
async def test_a_long_wait_for_a_slot_is_not_the_dependencys_failure() -> None:
    pipeline = pipeline_with(min_volume=1, attempts=1, max_concurrent=1, timeout_s=3.0, slow_call_s=2.9)

    async def busy(deadline: Deadline) -> None:
        await asyncio.sleep(1)

    first = asyncio.create_task(pipeline.call(busy, idempotent=True))
    await asyncio.sleep(0)
    started_s = CLOCK.monotonic()
    with pytest.raises(SoukError, match="no_answer_in_time"):
        await pipeline.call(hang, idempotent=True)
    assert CLOCK.monotonic() - started_s == 3.0
    await first
    assert (pipeline.snapshot().timed_out, pipeline.snapshot().failed) == (1, 0)


@jumping
async def test_nobody_stands_in_line_for_an_open_breaker() -> None:
    pipeline = pipeline_with(min_volume=1, attempts=1, max_concurrent=1, timeout_s=SHORT_S)
    work = Stubborn()
    with pytest.raises(SoukError, match="no_answer_in_time"):
        await pipeline.call(work, idempotent=True)
    started_s = CLOCK.monotonic()
    with pytest.raises(SoukError, match="breaker_open"):
        await pipeline.call(work, idempotent=True)
    assert CLOCK.monotonic() == started_s
    work.release.set()
    await until_idle(pipeline)


@jumping
async def test_an_answered_call_leaves_no_timer_behind(pipeline: Pipeline) -> None:
    async def work(deadline: Deadline) -> int:
        return 1

    loop = asyncio.get_running_loop()
    assert isinstance(loop, JumpingLoop)
    await pipeline.call(work, idempotent=True)
    assert [timer.cancelled() for timer in loop.timers] == [True]


@jumping
async def test_a_hasty_probe_leaves_room_for_the_next() -> None:
    pipeline = pipeline_with(min_volume=1, attempts=1, open_s=1.0, timeout_s=SHORT_S)
    with pytest.raises(SoukError):
        await pipeline.call(hang, idempotent=True)
    assert pipeline.snapshot().times_opened == 1
    await asyncio.sleep(2)
    with pytest.raises(SoukError, match="no_answer_in_time"):
        await pipeline.call(hang, deadline=Deadline.after(SHORT_S / 2, CLOCK), idempotent=True)
    assert (pipeline.snapshot().times_opened, pipeline.snapshot().state) == (1, BreakerState.HALF_OPEN)

    async def well(deadline: Deadline) -> str:
        return "well"

    assert await pipeline.call(well, idempotent=True) == "well"
    assert pipeline.snapshot().state is BreakerState.CLOSED


@pytest.mark.parametrize("turns", range(4))
@jumping
async def test_cancelling_the_caller_cancels_the_work_at_any_moment(turns: int) -> None:
    pipeline = pipeline_with(min_volume=1)
    started = ended = 0

    async def work(deadline: Deadline) -> None:
        nonlocal started, ended
        started += 1
        try:
            await hang(deadline)
        finally:
            ended += 1

    call = asyncio.create_task(pipeline.call(work, idempotent=True))
    for _ in range(turns):
        await asyncio.sleep(0)
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    await until_idle(pipeline)
    seen = pipeline.snapshot()
    assert started == ended
    assert (seen.state, seen.failed, seen.answered, seen.abandoned) == (BreakerState.CLOSED, 0, 0, 0)


@jumping
async def test_a_cancelled_caller_does_not_wait_for_stubborn_work(pipeline: Pipeline) -> None:
    work = Stubborn()
    call = asyncio.create_task(pipeline.call(work, idempotent=True))
    await work.begun.wait()
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    assert (pipeline.snapshot().in_use, work.ended) == (1, 0)
    work.release.set()
    await until_idle(pipeline)


@pytest.mark.parametrize("when", ["before", "after"])
@jumping
async def test_cancelling_in_the_moment_of_the_answer_loses_no_slot(pipeline: Pipeline, when: str) -> None:
    async def fail(deadline: Deadline) -> None:
        if when == "before":
            calls[0].cancel()
        else:  # runs after the error has been handed over, and before the caller has woken to it
            asyncio.get_running_loop().call_soon(calls[0].cancel)
        raise ValueError("at the same time")

    complaints = complaints_of_the_loop()
    calls = [asyncio.create_task(pipeline.call(fail, idempotent=True))]
    with pytest.raises(asyncio.CancelledError):
        await calls[0]
    await until_idle(pipeline)
    calls.clear()
    gc.collect()
    assert (pipeline.snapshot().in_use, complaints) == (0, [])


@jumping
async def test_work_that_is_cancelled_from_within_cancels_the_call(pipeline: Pipeline) -> None:
    async def work(deadline: Deadline) -> None:
        raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        await pipeline.call(work, idempotent=True)
    assert (pipeline.snapshot().in_use, pipeline.snapshot().failed) == (0, 0)


@jumping
async def test_the_slot_is_free_when_the_answer_is_there() -> None:
    pipeline = pipeline_with(max_concurrent=1, max_waiting=0)

    async def work(deadline: Deadline) -> int:
        await asyncio.sleep(0)
        return pipeline.snapshot().in_use

    assert [await pipeline.call(work, idempotent=True) for _ in range(5)] == [1] * 5
    assert pipeline.snapshot().in_use == 0


@jumping
async def test_never_more_at_once_than_allowed_even_with_timeouts() -> None:
    pipeline = pipeline_with(timeout_s=SHORT_S, max_concurrent=3, max_waiting=50, attempts=1, min_volume=10**6)
    running = most = 0

    async def work(deadline: Deadline) -> None:
        nonlocal running, most
        running += 1
        most = max(most, running)
        try:
            await hang(deadline)
        except asyncio.CancelledError:
            await asyncio.sleep(SHORT_S / 4)
        finally:
            running -= 1

    calls = [pipeline.call(work, idempotent=True) for _ in range(20)]
    ends = await asyncio.gather(*calls, return_exceptions=True)
    assert all(isinstance(end, SoukError) for end in ends)
    assert most == 3
    await until_idle(pipeline)
    assert (running, pipeline.snapshot().waiting) == (0, 0)
