"""Named parameters, rows as arrays, and the outbox's part of a service's own statement."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import pytest

from souk_chassis.events.event import MAX_EVENTS, Stored, unpack
from souk_chassis.storage.postgres import PostgresUnit, events_for, published_for
from souk_chassis.storage.postgres_queues import PostgresDatabase
from souk_chassis.storage.statements import Rows, Statement
from souk_chassis.testing.clock import ManualClock
from souk_chassis.testing.queues import Noted, noted

Store = PostgresDatabase[PostgresUnit]


@dataclass
class Item:
    name: str
    units: int


ITEMS = Rows("items", name="text", units="int4")


def test_names_become_numbers_and_casts_stay() -> None:
    statement = Statement("SELECT :a::text, :b_c, ':x'::text, now()::date, :a FROM t WHERE s[1:2] = :b_c")
    assert statement.text == "SELECT $1::text, $2, '$3'::text, now()::date, $1 FROM t WHERE s[1:2] = $2"


def test_rows_are_an_array_a_column() -> None:
    assert str(ITEMS) == "unnest(:items_name::text[], :items_units::int4[]) AS items (name, units)"
    both = [Item("a", 1), Item("b", 2)]
    assert ITEMS.arrays(both) == {"items_name": ["a", "b"], "items_units": [1, 2]}
    assert ITEMS.arrays(both, units=[3, 4]) == {"items_name": ["a", "b"], "items_units": [3, 4]}


@pytest.fixture
async def store(clock: ManualClock, open_postgres: Callable[..., Awaitable[Store]]) -> Store:
    """A store with a table `kept`."""
    store = await open_postgres(clock)
    await store.pool.execute("CREATE TABLE kept (name text PRIMARY KEY, units int NOT NULL DEFAULT 0)")
    return store


async def test_rows_go_in_and_come_out_by_name(store: Store) -> None:
    add = Statement(f"INSERT INTO kept SELECT name, units + :more FROM {ITEMS}")
    assert await add.execute(store.pool, more=10, **ITEMS.arrays([Item("a", 1), Item("b", 2)])) == 2
    rows = await Statement("SELECT * FROM kept WHERE units > :above ORDER BY name").fetch(store.pool, above=11)
    assert [dict(row) for row in rows] == [{"name": "b", "units": 12}]
    find = Statement("SELECT units FROM kept WHERE name = :name")
    assert await find.fetchval(store.pool, name="a") == 11
    assert await find.fetchrow(store.pool, name="c") is None


@pytest.mark.parametrize("values", [{}, {"b": 1}, {"a": 1, "b": 1}], ids=["missing", "misspelt", "surplus"])
async def test_other_names_than_the_statements_are_refused(store: Store, values: dict[str, Any]) -> None:
    with pytest.raises(TypeError, match="wants a, and is given"):
        await Statement("SELECT :a::int").fetchval(store.pool, **values)


async def test_events_are_published_for_new_rows_alone(store: Store) -> None:
    """More than a message holds, in their order, without those whose row is there already."""
    keep = Statement(f"""
        WITH fresh AS (
            INSERT INTO kept (name) SELECT name FROM unnest(:names::text[]) AS given (name)
            ON CONFLICT DO NOTHING RETURNING name),
        {published_for("SELECT name FROM fresh")}
        SELECT name FROM fresh
    """)
    names = [f"{number:03}" for number in range(MAX_EVENTS + 3)]
    events = {name: noted(name) for name in names}
    await store.pool.execute("INSERT INTO kept VALUES ('000'), ('005')")
    await keep.fetch(store.pool, names=names, **events_for(events))
    rows = await store.pool.fetch("SELECT event_id, type, event, events FROM outbox ORDER BY event_id")
    fresh = [name for name in names if name not in {"000", "005"}]
    assert [row["events"] for row in rows] == [MAX_EVENTS - 2, 3]
    published = [(row, delivery) for row in rows for delivery in unpack(row["event"], Noted)]
    assert [delivery.event_id for _, delivery in published] == [events[name].event_id for name in fresh]
    assert [str(row["event_id"]) for row in rows] == [events[fresh[0]].event_id, events[fresh[-3]].event_id]
    assert {row["type"] for row in rows} == {Noted.type_name()}


async def test_a_message_of_one_event_is_that_event(store: Store) -> None:
    event: Stored = noted("a")
    keep = Statement(f"WITH {published_for('SELECT :name')} SELECT 1")
    await keep.fetch(store.pool, name="a", **events_for({"a": event}))
    assert await store.pool.fetchval("SELECT event FROM outbox") == event.json
