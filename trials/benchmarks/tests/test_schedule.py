"""The schedule of arrivals."""

from itertools import pairwise

import pytest

from trials.benchmarks.schedule import arrivals


def test_a_constant_rate_has_equal_gaps() -> None:
    assert list(arrivals("constant", 4.0, 1.0, seed=1)) == [0.0, 0.25, 0.5, 0.75]


def test_random_arrivals_ascend_within_the_time_and_come_at_about_the_rate() -> None:
    found = list(arrivals("poisson", 1_000.0, 10.0, seed=1))
    assert found == sorted(found)
    assert found[0] > 0
    assert found[-1] < 10.0
    assert 9_500 < len(found) < 10_500
    gaps = [later - earlier for earlier, later in pairwise(found)]
    mean = sum(gaps) / len(gaps)
    variance = sum((gap - mean) ** 2 for gap in gaps) / len(gaps)
    assert variance == pytest.approx(mean**2, rel=0.1)  # that of an exponential distribution


def test_a_seed_fixes_the_schedule() -> None:
    assert arrivals("poisson", 50.0, 2.0, seed=7) == arrivals("poisson", 50.0, 2.0, seed=7)
    assert arrivals("poisson", 50.0, 2.0, seed=7) != arrivals("poisson", 50.0, 2.0, seed=8)


@pytest.mark.parametrize(("rate", "seconds"), [(0.0, 1.0), (1.0, 0.0), (-1.0, 1.0)])
def test_no_rate_or_no_time_is_refused(rate: float, seconds: float) -> None:
    with pytest.raises(ValueError, match="above zero"):
        arrivals("poisson", rate, seconds, seed=1)
