"""The port of a store of records, and what every engine's unit of work has in common.

`Context.unit`, `get`, `find` and `list` are the way to it. The contract suite is `souk_chassis.testing.records`.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Generic, Protocol, TypeVar

import msgspec

from souk_chassis.record import Key, Listed, R, Record, Schema, Unique, key_of, schema_of
from souk_chassis.storage.ports import Store, Unit

T = TypeVar("T")

ROOM = 10_000
"""Records that one unit of work may write where the engine sets no bound of its own: PostgreSQL and memory."""


class Page(msgspec.Struct, Generic[T], frozen=True):
    """A part of a list. `next` is the cursor of what follows, None at the end."""

    items: tuple[T, ...]
    next: str | None


class RecordUnit(Unit, Protocol):
    """A unit of work on records: all of it is kept or nothing.

    What it has read stays as it was until it commits: by row locks, or by the conditions of a transaction.
    """

    async def get(self, kind: type[R], keys: Iterable[Key]) -> dict[Key, R]:
        """Those records that exist, by key."""

    async def add(self, records: Sequence[R]) -> set[Key]:
        """Keep those records whose key and unique values are new. Returns their keys."""

    def put(self, *records: Record) -> None:
        """Keep these in the place of whatever has their key. The unit fails with SoukError `not_unique` where another
        record has one of their unique values."""

    def delete(self, kind: type[Record], keys: Iterable[Key]) -> None:
        """Remove these records. They need not exist."""


class RecordStore(Store[RecordUnit], Protocol):
    """A store of records, and its reads outside a unit of work."""

    room: int
    """How many records one unit of work may write, beside its events. More is refused, not split."""

    async def get(self, kind: type[R], keys: Iterable[Key]) -> dict[Key, R]:
        """Those records that exist, by key."""

    async def find(self, unique: Unique, *values: Any) -> Any:
        """The record that has these unique values, or None."""

    async def page(
        self, listed: Listed, *by: Any, cursor: str | None = None, until: Any = None, limit: int = 50
    ) -> Page[Any]:
        """A page of the list of these values `by`: after the `cursor`, and before `until` in the list's order.

        A cursor carries its position: a record that has gone or has moved meanwhile ends no list early. Raises
        SoukError `invalid_cursor`.
        """


class StagedRecords(ABC):
    """What a unit of work has read, and what it will write. An engine loads, inserts and writes batches of one type."""

    def __init__(self) -> None:
        self._known: dict[tuple[type[Record], Key], Record | None] = {}
        self._staged: dict[type[Record], dict[Key, Record | None]] = {}

    async def get(self, kind: type[R], keys: Iterable[Key]) -> dict[Key, R]:
        """See `RecordUnit`."""
        wanted = list(dict.fromkeys(keys))
        if missing := [key for key in wanted if (kind, key) not in self._known]:
            await self._read(kind, missing)
        return {key: known for key in wanted if (known := self._known[kind, key]) is not None}  # type: ignore[misc]

    async def add(self, records: Sequence[R]) -> set[Key]:
        """See `RecordUnit`."""
        new: dict[Key, R] = {}
        for record in records:
            new.setdefault(key_of(record), record)
        if not new:
            return set()
        kind = type(next(iter(new.values())))
        await self._write_staged()
        fresh = await self._insert(schema_of(kind), new)
        self._known.update({(kind, key): new[key] for key in fresh})
        return fresh

    def put(self, *records: Record) -> None:
        """See `RecordUnit`."""
        for record in records:
            self._stage(type(record), key_of(record), record)

    def delete(self, kind: type[Record], keys: Iterable[Key]) -> None:
        """See `RecordUnit`."""
        for key in keys:
            self._stage(kind, key, None)

    def _stage(self, kind: type[Record], key: Key, record: Record | None) -> None:
        self._known[kind, key] = record
        self._staged.setdefault(kind, {})[key] = record

    async def _read(self, kind: type[Record], keys: Sequence[Key]) -> None:
        found = await self._load(schema_of(kind), keys)
        self._known.update({(kind, key): found.get(key) for key in keys})

    async def _write_staged(self) -> None:
        """Write what is staged: keys in order, so that two units never wait for each other in a circle."""
        staged, self._staged = self._staged, {}
        for kind, records in staged.items():
            puts = {key: record for key, record in sorted(records.items()) if record is not None}
            await self._write(schema_of(kind), puts, [key for key, record in records.items() if record is None])

    @abstractmethod
    async def _load(self, schema: Schema, keys: Sequence[Key]) -> Mapping[Key, Record]:
        """Those that exist, as they stay until the unit ends."""

    @abstractmethod
    async def _insert(self, schema: Schema, records: Mapping[Key, Record]) -> set[Key]:
        """Keep what is new; returns its keys."""

    @abstractmethod
    async def _write(self, schema: Schema, puts: Mapping[Key, Record], deletes: Sequence[Key]) -> None:
        """Put records, delete keys."""


def page_of(listed: Listed, records: Sequence[R], limit: int) -> Page[R]:
    """The first `limit` of the records, and a cursor where there are more."""
    shown = tuple(records[:limit])
    return Page(shown, listed.cursor(shown[-1]) if len(records) > limit else None)


def check_list(listed: Listed, by: Sequence[Any], until: Any, limit: int) -> None:
    """Raise ValueError for a question that the list can't answer: a mistake of the program."""
    if len(by) != len(listed.by) or None in by:
        raise ValueError(f"{listed.name} lists by {', '.join(listed.by) or 'nothing'}, and was given {by!r}")
    if limit < 1:
        raise ValueError(f"a page of {limit}")
    if until is not None and not listed.order:
        raise ValueError(f"{listed.name} is in the order of its key: it has no other bound than a cursor")


def in_place(listed: Listed, record: Record, by: Sequence[Any], after: tuple[Any, ...] | None, until: Any) -> bool:
    """Whether a record is in the list, after a position and before `until`."""
    schema = schema_of(type(record))
    if not schema.is_listed(record, listed) or any(
        getattr(record, name) != value for name, value in zip(listed.by, by, strict=True)
    ):
        return False
    place = place_of(listed, record)
    if until is not None and not (place[0] > until if listed.descending else place[0] < until):
        return False
    return after is None or (place < after if listed.descending else place > after)


def place_of(listed: Listed, record: Record) -> tuple[Any, ...]:
    """Where the record stands in the list."""
    return tuple(getattr(record, name) for name in listed.sort_fields)


def unexpired(schema: Schema, records: Iterable[R], now: datetime) -> list[R]:
    """Those whose time is not over."""
    return [record for record in records if not schema.is_expired(record, now)]
