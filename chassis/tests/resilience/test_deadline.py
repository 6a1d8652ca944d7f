"""Deadlines: what is left, the earlier of two, and what a late caller is told."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from souk_chassis.errors import ErrorKind, SoukError
from souk_chassis.resilience import Deadline
from souk_chassis.testing.clock import ManualClock

seconds = st.floats(0, 1e6)


def test_time_runs_out() -> None:
    clock = ManualClock()
    deadline = Deadline.after(2.0, clock)
    clock.advance(1.5)
    assert (deadline.remaining_s, deadline.expired) == (0.5, False)
    clock.advance(0.5)
    assert (deadline.remaining_s, deadline.expired) == (0.0, True)
    clock.advance(1.0)
    assert deadline.remaining_s == 0.0


def test_it_uses_the_machines_clock_by_default() -> None:
    assert 59 < Deadline.after(60).remaining_s <= 60


def test_it_cannot_be_moved() -> None:
    with pytest.raises(AttributeError):
        Deadline.after(1).at_s = 5  # type: ignore[misc]


@given(seconds, seconds, seconds)
def test_tightening_gives_the_earlier(first_s: float, passed_s: float, second_s: float) -> None:
    clock = ManualClock()
    deadline = Deadline.after(first_s, clock)
    clock.advance(passed_s)
    tightened = deadline.tighten(second_s)
    assert tightened.at_s == min(deadline.at_s, passed_s + second_s)
    assert (tightened is deadline) == (deadline.at_s <= passed_s + second_s)


@pytest.mark.parametrize(("sent", "kind"), [(True, ErrorKind.TIMEOUT_UNKNOWN), (False, ErrorKind.UNAVAILABLE)])
def test_a_late_caller_is_told_whether_it_may_have_happened(sent: bool, kind: ErrorKind) -> None:
    clock = ManualClock()
    deadline = Deadline.after(1, clock)
    deadline.check(sent=sent)
    clock.advance(1)
    with pytest.raises(SoukError) as caught:
        deadline.check(sent=sent)
    assert caught.value.kind is kind
