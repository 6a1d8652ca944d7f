"""Tables of records on PostgreSQL as their declarations change: extended where nothing is lost, refused elsewhere."""

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any

import pytest

from souk_chassis.clock import SystemClock
from souk_chassis.record import Listed, Record, Unique
from souk_chassis.storage.migrations import RecordChangedError
from souk_chassis.storage.opening import open_records
from souk_chassis.testing.records import add, put, whole_list

NewDatabase = Callable[[], Awaitable[str]]


class Note(Record, key="note_id"):
    """The first version."""

    note_id: str
    text: str
    stars: int = 0


class Longer(Record, key="note_id", plural="Notes"):
    """A version with a field, a list and a unique value more, and one field less."""

    note_id: str
    text: str
    mood: str = "glad"
    seen_at: datetime | None = None

    by_mood = Listed("mood", newest_first="seen_at")
    by_text_of = Listed("text")
    by_text = Unique("text")


async def opened(url: str, *keeps: type[Record]) -> Any:
    return await open_records(url, "souk_chassis", "notes", SystemClock(), keeps)


@pytest.fixture
async def url(new_database: NewDatabase) -> str:
    """A database with two notes of the first version."""
    url = await new_database()
    store = await opened(url, Note)
    await add(store, Note(note_id="a", text="one", stars=5), Note(note_id="b", text="two"))
    await store.close()
    return url


async def test_a_field_a_list_and_a_unique_value_are_added_to_what_is_stored(url: str) -> None:
    store = await opened(url, Longer)
    try:
        assert [each.note_id for each in await whole_list(store, Longer.by_text_of, "two")] == ["b"]
        assert (await store.find(Longer.by_text, "one")).mood == "glad"
    finally:
        await store.close()


async def test_versions_side_by_side_lose_nothing_of_each_other(url: str) -> None:
    """As during a deployment, and after it was taken back."""
    newer, older = await opened(url, Longer), await opened(url, Note)
    try:
        now = SystemClock().now()
        await put(newer, Longer(note_id="a", text="new", mood="sorry", seen_at=now))
        assert (await older.get(Note, ["a"]))["a"] == Note(note_id="a", text="new", stars=5)
        await put(older, Note(note_id="a", text="old", stars=6))
        [known] = await whole_list(newer, Longer.by_mood, "sorry")
        assert known == Longer(note_id="a", text="old", mood="sorry", seen_at=now)
    finally:
        await newer.close()
        await older.close()


class OtherKey(Record, key="text", plural="Notes"):
    """Its key is another."""

    text: str


class OtherType(Record, key="note_id", plural="Notes"):
    """A field is of another type."""

    note_id: str
    text: int


class NoDefault(Record, key="note_id", plural="Notes"):
    """A field is new, and has no default."""

    note_id: str
    mood: str


class Shared(Record, key="note_id", plural="Notes"):
    """A value that is shared by stored notes is to be unique."""

    note_id: str
    stars: int = 0

    by_stars = Unique("stars")


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        (OtherKey, "the key of Notes was note_id and is text: declare a new record"),
        (OtherType, "Notes.text was text and is integer: add a field of another name"),
        (NoDefault, "Notes.mood is new and has no default, so that stored records could not be read"),
    ],
)
async def test_a_change_that_would_lose_something_is_refused(url: str, changed: type[Record], why: str) -> None:
    with pytest.raises(RecordChangedError) as caught:
        await opened(url, changed)
    assert str(caught.value) == why
    store = await opened(url, Note)
    assert set(await store.get(Note, ["a", "b"])) == {"a", "b"}
    await store.close()


async def test_a_unique_value_that_is_shared_is_refused(url: str) -> None:
    store = await opened(url, Note)
    await add(store, Note(note_id="c", text="three", stars=5))
    await store.close()
    with pytest.raises(RecordChangedError, match=r"stored Notes share a value .* \(stars\)=\(5\)"):
        await opened(url, Shared)


async def test_an_older_version_does_not_make_the_newer_one_forget(url: str) -> None:
    """What a table was made from stays known after the older version started."""
    for version in (Longer, Note):
        await (await opened(url, version)).close()
    with pytest.raises(RecordChangedError, match=r"Notes.mood was text and is integer"):
        await opened(url, MoodNumber)


class MoodNumber(Record, key="note_id", plural="Notes"):
    """Reuses the name of a field that a version in between had."""

    note_id: str
    mood: int = 0


async def test_expired_records_are_removed(new_database: NewDatabase) -> None:
    class Visit(Record, key="visit_id", expires="ends_at"):
        visit_id: str
        ends_at: datetime

    store = await opened(await new_database(), Visit)
    try:
        now = SystemClock().now()
        await add(store, Visit(visit_id="a", ends_at=now), Visit(visit_id="b", ends_at=now.replace(year=2999)))
        assert await store.purge() == 1
        assert await store.pool.fetchval("SELECT string_agg(visit_id, ',') FROM visits") == "b"
    finally:
        await store.close()
