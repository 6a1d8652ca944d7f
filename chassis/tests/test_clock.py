"""Clocks: the machine's, and the one that tests set."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from souk_chassis.clock import Clock, SystemClock
from souk_chassis.testing.clock import ManualClock


def test_the_system_clock_is_aware_and_runs() -> None:
    clock: Clock = SystemClock()
    before = datetime.now(UTC)
    assert before <= clock.now() <= datetime.now(UTC)
    assert clock.now().tzinfo is UTC
    assert clock.monotonic() <= clock.monotonic()


def test_a_manual_clock_stands_still() -> None:
    clock: Clock = ManualClock()
    assert (clock.now(), clock.monotonic()) == (clock.now(), clock.monotonic())


def test_advancing_moves_both_clocks() -> None:
    clock = ManualClock(datetime(2030, 1, 1, tzinfo=UTC))
    clock.advance(90.5)
    assert clock.now() == datetime(2030, 1, 1, 0, 1, 30, 500_000, tzinfo=UTC)
    assert clock.monotonic() == 90.5


def test_setting_the_time_of_day_leaves_the_monotonic_clock() -> None:
    clock = ManualClock()
    clock.advance(5)
    clock.set_now(datetime(2020, 1, 1, 2, tzinfo=timezone(timedelta(hours=2))))
    assert clock.now() == datetime(2020, 1, 1, tzinfo=UTC)
    assert clock.now().tzinfo is UTC
    assert clock.monotonic() == 5


def test_what_a_manual_clock_refuses() -> None:
    clock = ManualClock()
    with pytest.raises(ValueError, match="backwards"):
        clock.advance(-0.1)
    with pytest.raises(ValueError, match="aware"):
        clock.set_now(datetime(2020, 1, 1))  # noqa: DTZ001 - the point
