"""Throttling: what a route lets through, on a clock that the test sets."""

import json
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from souk_chassis.errors import ErrorKind, SoukError
from souk_chassis.http.endpoint import Throttled
from souk_chassis.http.throttle import DEFAULT, DEFAULT_BURST, DEFAULT_RATE_PER_S, Bucket
from souk_chassis.operation import Throttle
from souk_chassis.testing.clock import ManualClock
from souk_chassis.testing.contexts import TRACEPARENT

NEARLY = 1e-6
"""What adding up many small numbers may be off by."""


def taken(bucket: Bucket) -> bool:
    try:
        bucket.take()
    except SoukError as error:
        return (error.kind, error.code) != (ErrorKind.TOO_MANY, "throttled")
    return True


@given(
    rate_per_s=st.floats(0.1, 20_000),
    burst=st.integers(1, 40),
    pauses_s=st.lists(st.one_of(st.just(0.0), st.floats(0, 0.01), st.floats(0, 3)), max_size=150),
)
def test_no_window_has_more_than_the_burst_and_the_rate(rate_per_s: float, burst: int, pauses_s: list[float]) -> None:
    clock = ManualClock()
    bucket = Bucket(Throttle(rate_per_s, burst), clock)
    answered_s: list[float] = []
    for pause_s in pauses_s:
        clock.advance(pause_s)
        if taken(bucket):
            answered_s.append(clock.monotonic())
    for first, begins_s in enumerate(answered_s):
        for last in range(first, len(answered_s)):
            window_s = answered_s[last] - begins_s
            assert last - first + 1 <= burst + rate_per_s * window_s + NEARLY


@given(rate_per_s=st.floats(0.1, 20_000), burst=st.integers(1, 40), late_s=st.floats(0, 10))
@example(rate_per_s=1.0, burst=1, late_s=3.1)
@example(rate_per_s=0.1, burst=1, late_s=7.9)
def test_who_waits_as_long_as_he_is_told_is_answered(rate_per_s: float, burst: int, late_s: float) -> None:
    clock = ManualClock()
    bucket = Bucket(Throttle(rate_per_s, burst), clock)
    clock.advance(late_s)
    for _ in range(burst):
        bucket.take()
    with pytest.raises(SoukError) as refused:
        bucket.take()
    assert refused.value.retry_after_s is not None
    clock.advance(refused.value.retry_after_s)
    bucket.take()


def test_refusals_cost_nothing() -> None:
    clock = ManualClock()
    bucket = Bucket(Throttle(rate_per_s=2.0, burst=1), clock)
    bucket.take()
    for _ in range(1_000):
        clock.advance(0.0004)
        assert not taken(bucket)
    clock.advance(0.11)
    assert taken(bucket)


def test_a_long_rest_saves_up_no_more_than_the_burst() -> None:
    clock = ManualClock()
    bucket = Bucket(Throttle(rate_per_s=100.0, burst=3), clock)
    clock.advance(3600)
    assert [taken(bucket) for _ in range(5)] == [True, True, True, False, False]


@pytest.mark.parametrize(("rate_per_s", "burst"), [(0.0, 1), (-1.0, 1), (1.0, 0)])
def test_a_throttle_that_lets_nothing_through(rate_per_s: float, burst: int) -> None:
    with pytest.raises(ValueError, match="lets nothing through"):
        Throttle(rate_per_s, burst)


def test_the_default_is_api_gateways() -> None:
    assert Throttle(DEFAULT_RATE_PER_S, DEFAULT_BURST) == DEFAULT == Throttle(10_000, 5_000)


async def test_what_is_refused_is_not_read(ask: Callable[..., Awaitable[Any]]) -> None:
    served = []

    async def endpoint(scope: Any, receive: Any, send: Any) -> None:
        served.append((await receive())["body"])
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    clock = ManualClock()
    app = Throttled(endpoint, Bucket(Throttle(rate_per_s=0.4, burst=1), clock))
    answers = [
        await ask(app, "POST", "/things", chunks=[b"{}"], headers={"traceparent": TRACEPARENT}) for _ in range(2)
    ]
    assert [answer.status for answer in answers] == [204, 429]
    assert served == [b"{}"]
    refused = answers[1]
    assert refused.headers["content-type"] == "application/problem+json"
    assert refused.headers["retry-after"] == "3", "2.5 s, and whole seconds: never too early"
    problem = json.loads(refused.body)
    assert (problem["status"], problem["code"]) == (429, "throttled")
    assert problem["traceId"] == TRACEPARENT.split("-")[1]
    clock.advance(2.5)
    assert (await ask(app, "POST", "/things")).status == 204
