"""The short form of the crash trial: a few kills in each topology, on a part of the shipped month."""

import csv
import gzip
import sys
from pathlib import Path

import pytest

from souk_topologies.data import sample_month_path

sys.path.insert(0, str(Path(__file__).parents[1]))
import crash

ROWS = 20_000


@pytest.fixture
def half_a_month(tmp_path: Path) -> Path:
    """The first rows of the shipped month, cut where an invoice ends."""
    with gzip.open(sample_month_path(), "rt", encoding="utf-8", newline="") as source:
        rows = list(csv.reader(source))
    end = next(i for i in range(ROWS, len(rows)) if rows[i][0] != rows[i - 1][0])
    path = tmp_path / "half.csv"
    with path.open("w", encoding="utf-8", newline="") as target:
        csv.writer(target).writerows(rows[:end])
    return path


@pytest.mark.parametrize(("topology", "seed"), [("process", 11), ("processes", 12)])
def test_nothing_is_lost_when_processes_are_killed(topology: str, seed: int, half_a_month: Path) -> None:
    found = crash.run(topology, [half_a_month], kills=3, seed=seed)
    assert found["kills"] >= 1, "the replay ended before anything was killed"
    assert crash.holds(found), found
