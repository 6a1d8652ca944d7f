"""The short form of the crash trial: a few kills in each topology while the shipped month is replayed."""

import sys
from pathlib import Path

import pytest

from souk_topologies.data import sample_month_path

sys.path.insert(0, str(Path(__file__).parents[1]))
import crash


@pytest.mark.parametrize(
    ("topology", "seed"),
    [
        pytest.param("process", 11, marks=pytest.mark.xdist_group("crash-process")),
        pytest.param("processes", 12, marks=pytest.mark.xdist_group("crash-processes")),
    ],
)
def test_nothing_is_lost_when_processes_are_killed(topology: str, seed: int) -> None:
    found = crash.run(topology, [sample_month_path()], kills=3, seed=seed, pause_s=0.3)
    assert found["kills"] == 3, found
    assert crash.holds(found), found
