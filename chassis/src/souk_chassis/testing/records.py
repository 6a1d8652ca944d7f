"""Stores of records for tests, and what each record of a service stands on every engine.

A test module runs that on a service's records by a subclass:

    class TestRecords(EachRecord):
        keeps = service.keeps
"""
# ruff: noqa: S101 - a suite of tests: it asserts

from collections.abc import Awaitable, Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any, TypeVar

import msgspec
import pytest
from msgspec import inspect

from souk_chassis.clock import Clock
from souk_chassis.record import Key, Listed, Record, Unique, key_of, schema_of
from souk_chassis.storage.collisions import retry_on_conflict
from souk_chassis.storage.dynamodb.client import RetryingClient
from souk_chassis.storage.dynamodb.record_rows import table_of
from souk_chassis.storage.dynamodb.records import DynamoRecords
from souk_chassis.storage.dynamodb.schema import events_table
from souk_chassis.storage.opening import open_records
from souk_chassis.storage.record_memory import MemoryRecords
from souk_chassis.testing.clock import ManualClock
from souk_chassis.testing.dynamodb_model import DynamoModel, Limits

T = TypeVar("T")

MOST_ITEMS = 4
"""The most items of a list in a sample."""
ENGINES = ("memory", "postgres", "dynamodb")
NewDatabase = Callable[[], Awaitable[str]]


async def records_on(
    engine: str, keeps: Sequence[type[Record]], clock: Clock, new_database: NewDatabase, service: str = "samples"
) -> Any:
    """An empty store of these records: on memory, on a PostgreSQL database of its own, or on the model of DynamoDB."""
    if engine == "memory":
        return MemoryRecords(service, clock)
    if engine == "dynamodb":
        tables = [*map(table_of, keeps), events_table(service)]
        return DynamoRecords(RetryingClient(DynamoModel(tables, Limits(metered=False))), service, clock)
    return await open_records(await new_database(), "souk_chassis", service, clock, keeps)


class Mood(StrEnum):
    """How a reviewer feels."""

    GLAD = "glad"
    SORRY = "sorry"


class Line(msgspec.Struct, frozen=True):
    """A part of a record."""

    text: str
    number: int = 0


class Review(Record, key=("product_id", "customer_id")):
    """A record with all that a declaration can say, but for an expiry."""

    product_id: str
    customer_id: str
    stars: int
    created_at: datetime
    mood: Mood | None = None
    slug: str | None = None
    lines: tuple[Line, ...] = ()

    by_product = Listed("product_id", newest_first="created_at")
    by_mood = Listed("mood", ordered_by="stars", spread=True)
    by_stars = Listed(ordered_by="stars")
    every = Listed()
    by_slug = Unique("slug")


class Entry(Record, key="entry_id", expires="ends_at", plural="Entries"):
    """A record that expires."""

    entry_id: str
    owner: str
    ends_at: datetime | None

    every = Listed()
    by_owner = Listed("owner", ordered_by="ends_at")
    by_holder = Unique("owner")


class Engine:
    """The fixtures `clock` and `store`: an empty store of `keeps` for each engine."""

    keeps: Sequence[type[Record]] = (Review, Entry)

    @pytest.fixture
    def clock(self) -> ManualClock:
        """The store's clock."""
        return ManualClock()

    @pytest.fixture(params=ENGINES)
    async def store(self, request: pytest.FixtureRequest, clock: ManualClock, new_database: NewDatabase) -> Any:
        """A store for each engine."""
        store = await records_on(request.param, self.keeps, clock, new_database)
        yield store
        await store.close()


async def work(store: Any, does: Callable[[Any], Awaitable[T]]) -> T:
    """What `does(unit)` returns, in a unit of work that is done again where it collides with others."""

    async def once() -> T:
        async with store.unit() as unit:
            return await does(unit)

    return await retry_on_conflict(once)


async def add(store: Any, *records: Record) -> set[Key]:
    """Add records in a unit of their own."""
    keys: set[Key] = await work(store, lambda unit: unit.add(records))
    return keys


async def put(store: Any, *records: Record) -> None:
    """Put records in a unit of their own."""

    async def does(unit: Any) -> None:
        unit.put(*records)

    await work(store, does)


async def delete(store: Any, kind: type[Record], *keys: Key) -> None:
    """Delete records in a unit of their own."""

    async def does(unit: Any) -> None:
        unit.delete(kind, keys)

    await work(store, does)


async def whole_list(store: Any, listed: Listed, *by: Any, limit: int = 2, until: Any = None) -> list[Any]:
    """All of a list, read in pages."""
    found: list[Any] = []
    cursor = None
    while True:
        page = await store.page(listed, *by, cursor=cursor, limit=limit, until=until)
        found += page.items
        cursor = page.next
        if cursor is None:
            return found


def review(customer_id: str, clock: ManualClock, age_s: int = 0, **fields: Any) -> Review:
    """A review of the product `p`, so many seconds old."""
    given = {"product_id": "p", "stars": 3, "created_at": clock.now() - timedelta(seconds=age_s)}
    return Review(**{**given, "customer_id": customer_id, **fields})


class EachRecord(Engine):
    """What each record of a service stands, on each engine: written, read, listed in every list, found, deleted."""

    async def test_each_record_is_kept_listed_and_found(self, store: Any) -> None:
        assert self.keeps
        for kind in self.keeps:
            schema = schema_of(kind)
            samples = [sample_of(kind, number) for number in range(5)]
            assert await add(store, *samples) == set(map(key_of, samples))
            assert await store.get(kind, map(key_of, samples)) == {key_of(each): each for each in samples}
            for listed in schema.lists:
                for each in samples:
                    by = [getattr(each, name) for name in listed.by]
                    assert each in await whole_list(store, listed, *by), (kind, listed.name)
            for unique in schema.unique:
                values = [getattr(samples[1], name) for name in unique.fields]
                assert await store.find(unique, *values) == samples[1], (kind, unique.name)
            await put(store, *samples)
            await delete(store, kind, *map(key_of, samples))
            assert await store.get(kind, map(key_of, samples)) == {}


R = TypeVar("R", bound=Record)


def sample_of(kind: type[R], number: int) -> R:
    """A record of the type with a value in every field, another one for each number."""
    made: R = value_of(kind, number)
    return made


def value_of(kind: Any, number: int) -> Any:
    """A value of a type that `msgspec` knows, with a value in every field, another one for each number."""
    return _value(inspect.type_info(kind), number)


def _value(info: Any, number: int) -> Any:
    if isinstance(info, inspect.Metadata):
        return _value(info.type, number)
    if isinstance(info, inspect.UnionType):
        return _value(next(each for each in info.types if not isinstance(each, inspect.NoneType)), number)
    if isinstance(info, inspect.StrType):
        return f"text-{number}"
    if isinstance(info, inspect.IntType):
        return number
    if isinstance(info, inspect.BoolType):
        return bool(number % 2)
    if isinstance(info, inspect.DateTimeType):
        return datetime(2100, 1, 1, tzinfo=UTC) + timedelta(seconds=number)
    if isinstance(info, inspect.EnumType):
        return list(info.cls)[number % len(info.cls)]
    if isinstance(info, inspect.LiteralType):
        return info.values[number % len(info.values)]
    if isinstance(info, inspect.VarTupleType | inspect.ListType):
        made: Iterable[Any] = (_value(info.item_type, each) for each in range(min(number, MOST_ITEMS)))
        return tuple(made) if isinstance(info, inspect.VarTupleType) else list(made)
    if isinstance(info, inspect.DictType):
        return {f"text-{each}": _value(info.value_type, each) for each in range(min(number, MOST_ITEMS))}
    if isinstance(info, inspect.StructType | inspect.DataclassType):
        return info.cls(**{field.name: _value(field.type, number) for field in info.fields})
    raise TypeError(f"{info} has no sample")
