"""A list out of several partition keys is as it would be out of one, and reads little more."""

import random
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from souk_chassis.storage.dynamodb.schema import Index, Table
from souk_chassis.storage.dynamodb.shards import LEAST_SHARE, Shards
from souk_chassis.storage.dynamodb.tables import Tables
from souk_chassis.testing.dynamodb_model import DynamoModel, Limits

THINGS = Table("Things", "id", indexes=(Index("byAge", "shard", "age"),))
NAMES = ("a", "b", "c")

runs = st.lists(st.tuples(st.sampled_from(NAMES), st.integers(1, 30)), max_size=6)
"""So many things, one after the other, in one shard, then so many in another."""


def flat(spread: list[tuple[str, int]]) -> list[str]:
    """The shard of each thing."""
    return [name for name, count in spread for _ in range(count)]


async def made(places: Sequence[str]) -> tuple[Shards, DynamoModel]:
    """Things of the ages 100, 101 ..., each in the shard that is named."""
    model = DynamoModel([THINGS], Limits(metered=False))
    tables = Tables(model)
    rows: list[dict[str, Any]] = [
        {"id": f"t{number}", "shard": name, "age": f"{100 + number}"} for number, name in enumerate(places)
    ]
    await tables.put_all(THINGS, rows)
    return Shards(tables, THINGS, "byAge", "age", NAMES), model


@settings(max_examples=60)
@given(
    spread=runs,
    limit=st.integers(1, 70),
    bounds=st.tuples(st.none() | st.integers(95, 205), st.none() | st.integers(95, 205)),
    descending=st.booleans(),
)
async def test_a_list_is_exact(spread: list[tuple[str, int]], limit: int, bounds: Any, descending: bool) -> None:
    places = flat(spread)
    shards, _ = await made(places)
    after, until = (None if bound is None else str(bound) for bound in bounds)
    ages = sorted((str(100 + number) for number in range(len(places))), reverse=descending)
    if descending:
        wanted = [age for age in ages if (after is None or age < after) and (until is None or age > until)]
    else:
        wanted = [age for age in ages if (after is None or age > after) and (until is None or age < until)]
    found = await shards.first(limit, after=after, until=until, descending=descending)
    assert [row["age"] for row in found] == wanted[:limit]


@settings(max_examples=60)
@given(spread=runs, at_most=st.integers(1, 70))
async def test_a_count_is_exact(spread: list[tuple[str, int]], at_most: int) -> None:
    places = flat(spread)
    shards, _ = await made(places)
    assert await shards.count(at_most) == min(at_most, len(places))


@pytest.mark.parametrize("limit", [30, 300])
async def test_what_is_spread_evenly_is_read_at_once(limit: int) -> None:
    dice = random.Random(1)
    shards, model = await made([dice.choice(NAMES) for _ in range(900)])
    assert limit > LEAST_SHARE
    assert len(await shards.first(limit)) == limit
    assert model.counts["Query"] == len(NAMES)
