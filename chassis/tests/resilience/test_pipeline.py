"""The pipeline: what is retried, what is counted, what the caller is told."""

import asyncio
from collections.abc import Callable
from random import Random

import msgspec
import pytest

from souk_chassis import errors
from souk_chassis.errors import ErrorKind, SoukError
from souk_chassis.resilience import BreakerState, Deadline, Pipeline, Policy
from souk_chassis.testing.clock import ManualClock

POLICY = Policy(min_volume=4, open_jitter=0.0, backoff_base_s=0.0, attempts=3)


class Dependency:
    """Answers in turn what it was given: a value, or an error to raise. The last is repeated."""

    def __init__(self, *answers: object) -> None:
        self.answers = list(answers)
        self.calls = 0

    async def __call__(self, deadline: Deadline) -> object:
        self.calls += 1
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, BaseException):
            raise answer
        return answer


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def pipeline(clock: ManualClock) -> Pipeline:
    return Pipeline("payments", POLICY, clock, Random(1))


async def outcome(pipeline: Pipeline, work: Dependency, *, idempotent: bool = True) -> SoukError:
    with pytest.raises(SoukError) as caught:
        await pipeline.call(work, idempotent=idempotent)
    return caught.value


def down() -> SoukError:
    return errors.unavailable("down", "Down.")


def unknown() -> SoukError:
    return errors.timeout_unknown("no_answer", "No answer.")


async def open_it(pipeline: Pipeline) -> None:
    while pipeline.snapshot().state is BreakerState.CLOSED:
        await outcome(pipeline, Dependency(unknown()), idempotent=False)


async def test_an_answer_is_passed_on(pipeline: Pipeline) -> None:
    assert await pipeline.call(Dependency(42), idempotent=False) == 42
    seen = pipeline.snapshot()
    assert (seen.calls, seen.sent, seen.answered, seen.failed, seen.in_use) == (1, 1, 1, 0, 0)


async def test_the_work_is_told_its_deadline(pipeline: Pipeline, clock: ManualClock) -> None:
    async def work(deadline: Deadline) -> float:
        return deadline.remaining_s

    assert await pipeline.call(work, idempotent=True) == 3.0
    assert await pipeline.call(work, idempotent=True, deadline=Deadline.after(1.0, clock)) == 1.0
    assert await pipeline.call(work, idempotent=True, deadline=Deadline.after(9.0, clock)) == 3.0


@pytest.mark.parametrize("make", [down, lambda: errors.too_many("busy", "Busy."), ConnectionRefusedError])
@pytest.mark.parametrize("idempotent", [True, False])
async def test_where_nothing_happened_it_tries_again(
    pipeline: Pipeline, make: Callable[[], Exception], idempotent: bool
) -> None:
    work = Dependency(make(), make(), "done")
    assert await pipeline.call(work, idempotent=idempotent) == "done"
    assert (work.calls, pipeline.snapshot().retried) == (3, 2)


@pytest.mark.parametrize("make", [unknown, ConnectionResetError, TimeoutError])
async def test_what_may_have_happened_is_tried_again_only_if_idempotent(
    pipeline: Pipeline, make: Callable[[], Exception]
) -> None:
    assert await pipeline.call(Dependency(make(), "done"), idempotent=True) == "done"
    work = Dependency(make(), "done")
    assert (await outcome(pipeline, work, idempotent=False)).kind is ErrorKind.TIMEOUT_UNKNOWN
    assert work.calls == 1


async def test_once_it_may_have_happened_a_later_refusal_does_not_deny_it(pipeline: Pipeline) -> None:
    assert (await outcome(pipeline, Dependency(unknown(), down()))).kind is ErrorKind.TIMEOUT_UNKNOWN
    refused = Pipeline("x", Policy(min_volume=1, backoff_base_s=0.0), ManualClock(), Random(1))
    work = Dependency(unknown())
    assert (await outcome(refused, work)).kind is ErrorKind.TIMEOUT_UNKNOWN
    assert work.calls == 1
    assert refused.snapshot().refused_by_breaker == 1


async def test_a_real_answer_after_doubt_counts(pipeline: Pipeline) -> None:
    error = await outcome(pipeline, Dependency(unknown(), errors.conflict("taken", "Taken.")))
    assert error.kind is ErrorKind.CONFLICT


@pytest.mark.parametrize("kind", [kind for kind in ErrorKind if not errors.KIND_RULES[kind].breaker_counts])
async def test_a_callers_mistake_is_not_the_dependencys_failure(pipeline: Pipeline, kind: ErrorKind) -> None:
    for _ in range(20):
        assert (await outcome(pipeline, Dependency(SoukError(kind, "x", "x")))).kind is kind
    seen = pipeline.snapshot()
    assert (seen.state, seen.failed, seen.window_failed) == (BreakerState.CLOSED, 0, 0)


async def test_a_callers_mistake_is_an_answer_to_a_probe(pipeline: Pipeline, clock: ManualClock) -> None:
    await open_it(pipeline)
    clock.advance(30)
    await outcome(pipeline, Dependency(errors.not_found("gone", "Gone.")))
    assert pipeline.snapshot().state is BreakerState.CLOSED


async def test_any_other_error_is_passed_on_and_counts(pipeline: Pipeline) -> None:
    for _ in range(4):
        work = Dependency(KeyError("odd"))
        with pytest.raises(KeyError, match="odd"):
            await pipeline.call(work, idempotent=True, fallback=lambda _: None)
        assert work.calls == 1
    assert pipeline.snapshot().state is BreakerState.OPEN


async def test_an_open_breaker_refuses_without_asking(pipeline: Pipeline, clock: ManualClock) -> None:
    await open_it(pipeline)
    clock.advance(10)
    work = Dependency("done")
    error = await outcome(pipeline, work)
    assert (error.kind, error.code, error.retry_after_s) == (ErrorKind.UNAVAILABLE, "breaker_open", 20.0)
    seen = pipeline.snapshot()
    assert (work.calls, seen.refused_by_breaker, seen.retried, seen.in_use) == (0, 1, 0, 0)


async def test_exactly_one_of_a_hundred_probes_at_recovery(pipeline: Pipeline, clock: ManualClock) -> None:
    await open_it(pipeline)
    clock.advance(30)
    release, asked = asyncio.Event(), 0

    async def work(deadline: Deadline) -> str:
        nonlocal asked
        asked += 1
        await release.wait()
        return "well again"

    calls = [asyncio.create_task(pipeline.call(work, idempotent=True)) for _ in range(100)]
    await asyncio.wait(calls, return_when=asyncio.FIRST_EXCEPTION)
    assert (asked, sum(call.done() for call in calls)) == (1, 99)
    release.set()
    ends = await asyncio.gather(*calls, return_exceptions=True)
    assert ends.count("well again") == 1
    assert {end.code for end in ends if isinstance(end, SoukError)} == {"breaker_open"}
    assert (asked, pipeline.snapshot().state) == (1, BreakerState.CLOSED)


async def test_those_in_line_when_it_recovers_make_one_probe_too(clock: ManualClock) -> None:
    pipeline = Pipeline("x", Policy(min_volume=1, max_concurrent=2, open_jitter=0.0), clock, Random(1))
    hold, asked = asyncio.Event(), 0

    async def failing(deadline: Deadline) -> None:
        await hold.wait()
        raise unknown()

    async def probe(deadline: Deadline) -> None:
        nonlocal asked
        asked += 1
        await asyncio.sleep(0)

    async with asyncio.timeout(10):
        first = [asyncio.create_task(pipeline.call(failing, idempotent=False)) for _ in range(2)]
        await asyncio.sleep(0)
        line = [asyncio.create_task(pipeline.call(probe, idempotent=True)) for _ in range(20)]
        await asyncio.sleep(0)
        assert pipeline.snapshot().waiting == 20
        hold.set()
        await asyncio.gather(*first, *line, return_exceptions=True)
    assert (asked, pipeline.snapshot().refused_by_breaker) == (0, 20)


async def test_a_full_bulkhead_is_not_the_dependencys_failure() -> None:
    pipeline = Pipeline("x", Policy(min_volume=1, max_concurrent=1, max_waiting=0), ManualClock(), Random(1))
    release = asyncio.Event()

    async def busy(deadline: Deadline) -> None:
        await release.wait()

    call = asyncio.create_task(pipeline.call(busy, idempotent=True))
    await asyncio.sleep(0)
    for _ in range(20):
        assert (await outcome(pipeline, Dependency("never"))).code == "bulkhead_full"
    seen = pipeline.snapshot()
    assert (seen.state, seen.refused_by_bulkhead, seen.sent, seen.failed) == (BreakerState.CLOSED, 20, 1, 0)
    release.set()
    await call


async def test_a_pipeline_within_is_the_outer_ones_dependency(pipeline: Pipeline) -> None:
    inner = Pipeline("inner", Policy(min_volume=1), ManualClock(), Random(1))
    await open_it(inner)
    asked = 0

    async def work(deadline: Deadline) -> object:
        nonlocal asked
        asked += 1
        return await inner.call(Dependency("done"), deadline=deadline, idempotent=True)

    with pytest.raises(SoukError, match="breaker_open"):
        await pipeline.call(work, idempotent=True)
    assert (pipeline.snapshot().failed, pipeline.snapshot().refused_by_breaker) == (asked, 0)


async def test_the_budget_bounds_retries_when_all_fails() -> None:
    policy = Policy(min_volume=10**6, backoff_base_s=0.0, attempts=5, retry_ratio=0.1, retry_reserve=3)
    pipeline = Pipeline("x", policy, ManualClock(), Random(1))
    for _ in range(100):
        await outcome(pipeline, Dependency(down()))
    assert 12 <= pipeline.snapshot().retried <= 13


async def test_it_does_not_wait_past_the_deadline_for_a_retry(pipeline: Pipeline, clock: ManualClock) -> None:
    work = Dependency(errors.unavailable("down", "Down.", retry_after_s=0.5), "done")
    with pytest.raises(SoukError, match="down"):
        await pipeline.call(work, deadline=Deadline.after(0.5, clock), idempotent=True)
    assert (work.calls, pipeline.snapshot().retried) == (1, 0)


async def test_a_passed_deadline_sends_nothing(pipeline: Pipeline, clock: ManualClock) -> None:
    deadline = Deadline.after(1, clock)
    clock.advance(1)
    work = Dependency("done")
    with pytest.raises(SoukError) as caught:
        await pipeline.call(work, deadline=deadline, idempotent=True)
    assert (caught.value.kind, caught.value.code) == (ErrorKind.UNAVAILABLE, "deadline_exceeded")
    seen = pipeline.snapshot()
    assert (work.calls, seen.out_of_time, seen.failed, seen.in_use) == (0, 1, 0, 0)


async def test_slow_answers_open_the_breaker(pipeline: Pipeline, clock: ManualClock) -> None:
    async def slow(deadline: Deadline) -> str:
        clock.advance(2.0)
        return "at last"

    for _ in range(4):
        assert pipeline.snapshot().state is BreakerState.CLOSED
        assert await pipeline.call(slow, idempotent=True) == "at last"
    assert (pipeline.snapshot().state, pipeline.snapshot().window_slow) == (BreakerState.OPEN, 4)


@pytest.mark.parametrize("kind", list(ErrorKind))
async def test_the_fallback_answers_for_the_dependency_never_for_the_caller(
    pipeline: Pipeline, kind: ErrorKind
) -> None:
    told: list[ErrorKind] = []

    def fallback(error: SoukError) -> object:
        told.append(error.kind)
        return "cached"

    call = pipeline.call(Dependency(SoukError(kind, "x", "x")), idempotent=False, fallback=fallback)
    if errors.KIND_RULES[kind].retryable:
        assert await call == "cached"
        assert (told, pipeline.snapshot().fell_back) == ([kind], 1)
    else:
        with pytest.raises(SoukError):
            await call
        assert (told, pipeline.snapshot().fell_back) == ([], 0)


async def test_the_fallback_answers_for_an_open_breaker(pipeline: Pipeline) -> None:
    await open_it(pipeline)
    assert await pipeline.call(Dependency("done"), idempotent=True, fallback=lambda error: error.code) == "breaker_open"


async def test_the_snapshot_can_be_shown(pipeline: Pipeline) -> None:
    await open_it(pipeline)
    shown = msgspec.json.decode(msgspec.json.encode(pipeline.snapshot()))
    assert (shown["name"], shown["state"], shown["retryAfterS"], shown["timesOpened"]) == ("payments", "open", 30.0, 1)
    assert (shown["windowTotal"], shown["windowFailed"]) == (4, 4)
    with pytest.raises(AttributeError):
        pipeline.snapshot().calls = 0  # type: ignore[misc]
