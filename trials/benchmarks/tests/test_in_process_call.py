"""The measured calls are what they are called: each way runs the operation, and only the last records spans."""

import asyncio

import pytest

from souk_chassis.testing.spans import recorded
from trials.benchmarks.in_process_call import ANSWER, DoNothing, batch_us, measure, ways


async def test_every_way_ends_at_the_operation() -> None:
    for call in ways().values():
        assert await call() is ANSWER


@pytest.mark.parametrize(
    ("way", "kinds"), [("with deadline and resilience policy", []), ("with span", ["client", "server"])]
)
async def test_the_last_way_records_a_span_on_each_side(way: str, kinds: list[str]) -> None:
    with recorded() as kept:
        assert await ways()[way]() is ANSWER
    assert sorted(span.kind for span in kept.spans) == kinds
    assert {span.name for span in kept.spans} <= {DoNothing.name}


async def test_a_batch_is_measured_by_the_call() -> None:
    async def slow() -> None:
        await asyncio.sleep(0.01)

    assert await batch_us(slow, 3) >= 10_000


def test_the_figure_is_in_microseconds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("trials.benchmarks.in_process_call.CALLS", 20)
    assert 1 < measure() < 100_000
