"""Records in memory: for unit tests and the simulation."""

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

from souk_chassis.clock import Clock
from souk_chassis.events.event import Event
from souk_chassis.record import Key, Listed, NotUnique, R, Record, Schema, Unique, body_of, key_of, schema_of
from souk_chassis.storage.memory import MemoryDatabase, MemoryUnit
from souk_chassis.storage.ports import Waiting
from souk_chassis.storage.records import ROOM, Page, StagedRecords, check_list, in_place, page_of, place_of, unexpired


class MemoryRecordUnit(StagedRecords):
    """See `souk_chassis.storage.records.RecordUnit`. `rows` is the unit of work below it."""

    def __init__(self, rows: MemoryUnit) -> None:
        super().__init__()
        self.rows = rows

    def publish(self, event: Event, traceparent: str) -> None:
        """See `souk_chassis.storage.ports.Unit`."""
        self.rows.publish(event, traceparent)

    async def take(self, queue: str, limit: int) -> list[Waiting]:
        """See `souk_chassis.storage.ports.QueueUnit`."""
        return await self.rows.take(queue, limit)

    async def acknowledge(self, queue: str, leased: Mapping[str, int]) -> set[str]:
        """See `souk_chassis.storage.ports.QueueUnit`."""
        return await self.rows.acknowledge(queue, leased)

    async def flush(self) -> None:
        """Write what is staged."""
        await self._write_staged()

    async def _load(self, schema: Schema, keys: Sequence[Key]) -> Mapping[Key, Record]:
        found = [record for key in keys if (record := self.rows.get(schema.name, key)) is not None]
        return {key_of(record): record for record in unexpired(schema, found, self.rows.clock.now())}

    async def _insert(self, schema: Schema, records: Mapping[Key, Record]) -> set[Key]:
        fresh = set()
        for key, record in records.items():
            body_of(record)
            if not await self._load(schema, [key]) and self._claims(schema, record):
                self.rows.put(schema.name, key, record)
                fresh.add(key)
        return fresh

    async def _write(self, schema: Schema, puts: Mapping[Key, Record], deletes: Sequence[Key]) -> None:
        for key in deletes:
            self.rows.delete(schema.name, key)
        for key, record in puts.items():
            body_of(record)
            self.rows.put(schema.name, key, record)
        for record in puts.values():
            if not self._claims(schema, record):
                raise NotUnique(f"Another {schema.record.__name__} has the same value.")

    def _claims(self, schema: Schema, record: Record) -> bool:
        """Whether no other record has one of its unique values."""
        others = unexpired(schema, self.rows.tables[schema.name].values(), self.rows.clock.now())
        return not any(
            None not in (values := _values(unique, record))
            and any(_values(unique, other) == values for other in others if key_of(other) != key_of(record))
            for unique in schema.unique
        )


def _values(unique: Unique, record: Record) -> tuple[Any, ...]:
    return tuple(getattr(record, name) for name in unique.fields)


class MemoryRecords(MemoryDatabase[Any]):
    """See `souk_chassis.storage.records.RecordStore`."""

    room = ROOM

    def __init__(self, service: str, clock: Clock) -> None:
        super().__init__(service, clock, MemoryUnit)

    @asynccontextmanager
    async def unit(self) -> AsyncIterator[Any]:
        """See `souk_chassis.storage.ports.Store`."""
        async with self.rows() as rows:
            unit = MemoryRecordUnit(rows)
            yield unit
            await unit.flush()

    async def get(self, kind: type[R], keys: Iterable[Key]) -> dict[Key, R]:
        """See the port."""
        await self.ping()
        rows = self.tables[schema_of(kind).name]
        found = [rows[key] for key in keys if key in rows]
        return {key_of(record): record for record in unexpired(schema_of(kind), found, self.clock.now())}

    async def find(self, unique: Unique, *values: Any) -> Any:
        """See the port."""
        return next((each for each in await self._all(unique.record) if _values(unique, each) == values), None)

    async def page(
        self, listed: Listed, *by: Any, cursor: str | None = None, until: Any = None, limit: int = 50
    ) -> Page[Any]:
        """See the port."""
        check_list(listed, by, until, limit)
        after = None if cursor is None else listed.position(cursor)
        found = [each for each in await self._all(listed.record) if in_place(listed, each, by, after, until)]
        ordered = sorted(found, key=lambda each: place_of(listed, each), reverse=listed.descending)
        return page_of(listed, ordered, limit)

    async def _all(self, kind: type[R]) -> list[R]:
        await self.ping()
        return unexpired(schema_of(kind), self.tables[schema_of(kind).name].values(), self.clock.now())
