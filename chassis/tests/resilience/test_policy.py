"""Policies: the defaults that users are promised, and limits that make no sense."""

from typing import Any

import pytest

from souk_chassis.resilience import Policy


def test_the_promised_defaults() -> None:
    policy = Policy()
    assert (policy.timeout_s, policy.error_rate, policy.open_s, policy.window_s) == (3.0, 0.5, 30.0, 10.0)


@pytest.mark.parametrize(
    "limits",
    [
        {"timeout_s": 0},
        {"timeout_s": float("nan")},
        {"error_rate": 0},
        {"error_rate": 1.1},
        {"slow_rate": 1.1},
        {"max_concurrent": 0},
        {"attempts": 0},
        {"min_volume": 0},
        {"max_waiting": -1},
        {"backoff_base_s": -1},
        {"open_jitter": -0.1},
    ],
)
def test_limits_that_make_no_sense(limits: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(limits))):
        Policy(**limits)
