"""Records on PostgreSQL: arrays in and out, a statement for each batch of one type."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

import asyncpg

from souk_chassis.clock import Clock
from souk_chassis.record import Key, Listed, NotUnique, R, Record, Schema, Unique, body_of, key_of, record_of, schema_of
from souk_chassis.storage.postgres import Connection, PostgresUnit, translated
from souk_chassis.storage.postgres_queues import PostgresDatabase
from souk_chassis.storage.record_sql import columns_of, find_statement, list_statement, statements
from souk_chassis.storage.records import ROOM, Page, StagedRecords, check_list, page_of

PURGED_AT_ONCE = 5_000
"""Expired records of one type that one statement removes."""


class PostgresRecordUnit(StagedRecords, PostgresUnit):
    """See `souk_chassis.storage.records.RecordUnit`. What it reads is locked until it ends."""

    def __init__(self, connection: Connection, service: str, clock: Clock) -> None:
        StagedRecords.__init__(self)
        PostgresUnit.__init__(self, connection, service, clock)

    async def flush(self) -> bool:
        """Write what is staged, then see `PostgresUnit`."""
        await self._write_staged()
        return await super().flush()

    async def _load(self, schema: Schema, keys: Sequence[Key]) -> Mapping[Key, Record]:
        lock = statements(schema.record).lock
        rows = await self.connection.fetch(lock, *columns_of(schema, keys), self.clock.now())
        return _by_key(schema.record, rows)

    async def _insert(self, schema: Schema, records: Mapping[Key, Record]) -> set[Key]:
        sql, bodies = statements(schema.record), _bodies(dict(sorted(records.items())).values())
        if schema.expires:
            await self.connection.execute(sql.clear, bodies, self.clock.now())
        rows = await self.connection.fetch(sql.insert, bodies)
        return {row[0] if len(schema.key) == 1 else tuple(row) for row in rows}

    async def _write(self, schema: Schema, puts: Mapping[Key, Record], deletes: Sequence[Key]) -> None:
        sql = statements(schema.record)
        if deletes:
            await self.connection.execute(sql.delete, *columns_of(schema, deletes))
        if puts:
            try:
                await self.connection.execute(sql.put, _bodies(puts.values()))
            except asyncpg.UniqueViolationError as error:
                raise NotUnique(f"Another {schema.record.__name__} has the same value.") from error


class PostgresRecords(PostgresDatabase[PostgresRecordUnit]):
    """See `souk_chassis.storage.records.RecordStore`."""

    room = ROOM

    def __init__(self, pool: "asyncpg.Pool", service: str, clock: Clock, keeps: Sequence[type[Record]]) -> None:
        super().__init__(pool, service, clock, PostgresRecordUnit)
        self._expiring = [kind for kind in keeps if schema_of(kind).expires]

    async def get(self, kind: type[R], keys: Iterable[Key]) -> dict[Key, R]:
        """See the port."""
        if not (columns := columns_of(schema_of(kind), keys)):
            return {}
        with translated():
            rows = await self.pool.fetch(statements(kind).load, *columns, self.clock.now())
        return _by_key(kind, rows)

    async def find(self, unique: Unique, *values: Any) -> Any:
        """See the port."""
        with translated():
            row = await self.pool.fetchrow(find_statement(unique), *values, self.clock.now())
        return None if row is None else record_of(unique.record, row["record"])

    async def page(
        self, listed: Listed, *by: Any, cursor: str | None = None, until: Any = None, limit: int = 50
    ) -> Page[Any]:
        """See the port."""
        check_list(listed, by, until, limit)
        after = None if cursor is None else listed.position(cursor)
        statement, values = list_statement(listed, by, after, until, self.clock.now(), limit + 1)
        with translated():
            rows = await self.pool.fetch(statement, *values)
        return page_of(listed, [record_of(listed.record, row["record"]) for row in rows], limit)

    async def forget_received(self, before: datetime) -> int:
        """See the port. What has expired goes with it."""
        await self.purge()
        return await super().forget_received(before)

    async def purge(self) -> int:
        """Remove expired records, up to `PURGED_AT_ONCE` of each type. Returns how many."""
        gone = 0
        for kind in self._expiring:
            with translated():
                status = await self.pool.execute(statements(kind).purge, self.clock.now(), PURGED_AT_ONCE)
            gone += int(status.rsplit(" ", 1)[1])
        return gone


def _bodies(records: Iterable[Record]) -> list[str]:
    return [body_of(record).decode() for record in records]


def _by_key(kind: type[R], rows: Iterable[Any]) -> dict[Key, R]:
    records = (record_of(kind, row["record"]) for row in rows)
    return {key_of(record): record for record in records}
