"""What the chassis' tests share."""

import pytest
from souk_chassis.testing.clock import ManualClock
from souk_chassis.testing.logs import RecordedLines

# The suites live outside the test folders: without this their assertions would not say what differed.
pytest.register_assert_rewrite("souk_chassis.testing.queues", "souk_chassis.testing.stores")


@pytest.fixture
def clock() -> ManualClock:
    """A clock that the test moves."""
    return ManualClock()


@pytest.fixture
def lines() -> RecordedLines:
    """What was logged."""
    return RecordedLines()
