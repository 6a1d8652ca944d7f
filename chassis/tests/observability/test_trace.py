"""W3C trace context: gone on with where it is valid, begun anew otherwise; and which traces are sampled."""

import math
import re
from collections.abc import Iterator

import pytest

from souk_chassis.observability.trace import (
    Sampler,
    accept_traceparent,
    child_traceparent,
    incoming_traceparent,
    is_sampled,
    new_traceparent,
    sample,
    span_id,
    trace_id,
)
from souk_chassis.testing.clock import ManualClock
from souk_chassis.testing.contexts import TRACEPARENT

FORM = r"00-[0-9a-f]{32}-[0-9a-f]{16}-01"
UNSAMPLED = TRACEPARENT[:-2] + "00"
MALFORMED = [
    None,
    "",
    "rubbish",
    TRACEPARENT.upper(),
    TRACEPARENT[:-1],
    TRACEPARENT + "-more",
    "ff" + TRACEPARENT[2:],
    "00-" + "0" * 32 + TRACEPARENT[35:],
    TRACEPARENT[:36] + "0" * 16 + "-01",
    TRACEPARENT + "\n" + TRACEPARENT,
]


@pytest.fixture
def sampling_of_traces() -> Iterator[None]:
    """Lets a test change what is sampled."""
    yield
    sample(Sampler())


def test_new_traces_are_valid_and_differ() -> None:
    made = {new_traceparent() for _ in range(100)}
    assert len(made) == 100
    assert all(re.fullmatch(FORM, one) for one in made)


@pytest.mark.parametrize("header", [TRACEPARENT, f" {TRACEPARENT} ", UNSAMPLED])
def test_a_trace_goes_on_with_a_span_of_its_own(header: str) -> None:
    accepted = accept_traceparent(header)
    assert re.fullmatch(FORM[:-1] + "[01]", accepted)
    assert trace_id(accepted) == "0af7651916cd43dd8448eb211c80319c"
    assert span_id(accepted) != span_id(TRACEPARENT)
    assert is_sampled(accepted) is (header != UNSAMPLED)


@pytest.mark.parametrize("header", MALFORMED)
def test_what_is_no_trace_begins_one(header: str | None) -> None:
    assert incoming_traceparent(header) == ""
    accepted = accept_traceparent(header)
    assert re.fullmatch(FORM, accepted)
    assert trace_id(accepted) not in {"0af7651916cd43dd8448eb211c80319c", "0" * 32}


@pytest.mark.parametrize(("flags", "kept"), [("00", "00"), ("01", "01"), ("02", "00"), ("03", "01"), ("ff", "01")])
def test_of_the_flags_only_sampled_is_passed_on(flags: str, kept: str) -> None:
    assert incoming_traceparent(TRACEPARENT[:-2] + flags) == TRACEPARENT[:-2] + kept


@pytest.mark.parametrize("parent", [TRACEPARENT, UNSAMPLED])
def test_a_child_differs_in_its_span_alone(parent: str) -> None:
    child = child_traceparent(parent)
    assert (child[:36], child[52:]) == (parent[:36], parent[52:])
    assert re.fullmatch("[0-9a-f]{16}", span_id(child))
    assert span_id(child) != span_id(parent)


def test_no_trace_has_no_id() -> None:
    assert trace_id("") == span_id("") == ""
    assert not is_sampled("")


@pytest.mark.parametrize("ratio", [0.0, 0.25, 1.0])
def test_the_ratio_is_a_share_of_the_trace_ids(ratio: float) -> None:
    sampler = Sampler(ratio)
    ids = [number * 2**56 // 100 for number in range(100)]
    assert sum(map(sampler.samples, ids)) == ratio * 100
    assert sampler.samples(2**56 - 1) is (ratio == 1.0)


@pytest.mark.parametrize("ratio", [-0.1, 1.1, math.nan])
def test_a_ratio_is_a_share(ratio: float) -> None:
    with pytest.raises(ValueError, match="0 to 1"):
        Sampler(ratio)


def test_so_many_a_second_are_sampled() -> None:
    clock = ManualClock()
    sampler = Sampler(per_s=3, monotonic=clock.monotonic)
    assert [sampler.samples(0) for _ in range(5)] == [True, True, True, False, False]
    clock.advance(0.7)
    assert [sampler.samples(0) for _ in range(3)] == [True, True, False]
    clock.advance(60)
    assert sum(sampler.samples(0) for _ in range(100)) == 3


@pytest.mark.parametrize(("per_s", "in_ten_s"), [(0.0, 0), (0.2, 3)])
def test_so_few_that_a_second_sees_none(per_s: float, in_ten_s: int) -> None:
    clock = ManualClock()
    sampler = Sampler(per_s=per_s, monotonic=clock.monotonic)
    seen = 0
    for _ in range(11):
        seen += sampler.samples(0)
        clock.advance(1.0)
    assert seen == in_ten_s


@pytest.mark.usefixtures("sampling_of_traces")
def test_the_head_decides() -> None:
    sample(Sampler(0.0))
    assert not is_sampled(new_traceparent())
    assert not is_sampled(accept_traceparent(None))
    assert is_sampled(accept_traceparent(TRACEPARENT))
