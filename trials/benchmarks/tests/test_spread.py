"""Percentiles and ratios, checked against what they mean."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trials.benchmarks.spread import percentile, percentiles, ratios


@given(st.lists(st.floats(0, 1e6), min_size=1), st.sampled_from([0.07, 0.5, 0.9, 0.99, 0.999, 1.0]))
def test_a_percentile_is_the_least_value_that_so_many_do_not_exceed(values: list[float], share: float) -> None:
    ordered = sorted(values)
    found = percentile(ordered, share)
    enough = share * len(ordered) - 1e-6
    assert sum(value <= found for value in ordered) >= enough
    assert sum(value < found for value in ordered) < enough + 1e-3


def test_percentiles_of_a_hundred() -> None:
    hundred = [float(number) for number in range(1, 101)]
    assert percentiles(hundred) == {"p50": 50.0, "p90": 90.0, "p99": 99.0, "p999": 100.0, "max": 100.0}
    assert percentile(hundred, 0.07) == 7.0


def test_nothing_has_no_percentile() -> None:
    assert percentiles([]) == {}
    with pytest.raises(ValueError, match="no values"):
        percentile([], 0.5)


def test_ratios_are_those_of_each_round() -> None:
    assert ratios([2.0, 9.0], [1.0, 3.0]) == [2.0, 3.0]
    with pytest.raises(ValueError, match="argument"):
        ratios([1.0], [1.0, 2.0])
