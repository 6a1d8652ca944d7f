"""Ids: those that callers bring, and the UUIDv7 made here."""

import itertools
import time
import uuid

import msgspec
import pytest

from souk_chassis.ids import Id, uuid7

MANY = 100_000


def test_uuid7_is_as_the_rfc_has_it() -> None:
    before_ms = time.time_ns() // 1_000_000
    made = [uuid.UUID(uuid7()) for _ in range(1000)]
    after_ms = time.time_ns() // 1_000_000 + 1
    assert {(one.version, one.variant) for one in made} == {(7, uuid.RFC_4122)}
    assert all(before_ms <= one.int >> 80 <= after_ms for one in made)
    assert str(made[0]) == str(made[0]).lower()


def test_many_uuids_are_unique_and_in_order() -> None:
    made = [uuid7() for _ in range(MANY)]
    assert made == sorted(made)
    assert len(set(made)) == MANY
    assert len({one[19:] for one in made}) == MANY  # the random part alone tells them apart


@pytest.mark.parametrize("step_ns", [0, -1_000])
def test_order_holds_where_the_clock_stands_or_runs_back(monkeypatch: pytest.MonkeyPatch, step_ns: int) -> None:
    times_ns = itertools.count(time.time_ns(), step_ns)
    monkeypatch.setattr(time, "time_ns", lambda: next(times_ns))
    made = [uuid7() for _ in range(1000)]
    assert made == sorted(made)


def test_a_uuid_is_an_id() -> None:
    assert msgspec.convert(uuid7(), Id)


@pytest.mark.parametrize("given", ["a", "536365", "C536365", "a.b_c-d", "-", "x" * 64])
def test_ids_that_shops_bring(given: str) -> None:
    assert msgspec.convert(given, Id) == given


@pytest.mark.parametrize("given", ["", "x" * 65, "a b", "a/b", "a\n", "\na", "ä", "١", "a\x00", "a:b", "../%"])
def test_what_is_no_id(given: str) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(given, Id)
