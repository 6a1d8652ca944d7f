"""Migrations on a real database: rows that were there outlive them, and the version before can still write its rows
when they are done."""

import json
import re
from collections.abc import Callable
from typing import Any

import asyncpg
import pytest

from souk_chassis.storage.migrations import Migration, migrate
from souk_topologies.releases.present import CHASSIS, migrations_of
from topologies.tests.releases.conftest import LAST, RELEASED

Rows = dict[str, list[dict[str, Any]]]

_COLUMNS = """
SELECT format('%I.%I', c.table_schema, c.table_name) AS table, c.column_name, c.data_type, c.is_nullable, (
    SELECT string_agg(pg_get_constraintdef(k.oid), ' ') FROM pg_constraint k
    WHERE k.contype = 'c' AND k.conrelid = format('%I.%I', c.table_schema, c.table_name)::regclass
) AS checks
FROM information_schema.columns c JOIN information_schema.tables t USING (table_schema, table_name)
WHERE t.table_type = 'BASE TABLE' AND c.is_generated = 'NEVER' AND c.is_identity = 'NO'
  AND t.table_schema NOT IN ('pg_catalog', 'information_schema') AND t.table_name <> 'schema_migrations'
ORDER BY 1, c.ordinal_position
"""
_VALUES = {
    "timestamp with time zone": "2025-01-01T00:00:0{}+00:00",
    "uuid": "01a20aee-7f75-7799-9672-3e3a09e3b0d{}",
    "boolean": "t",
    "jsonb": {"a": "a"},
    "json": {"a": "a"},
}
"""By type, with the row's number in it; else it is the number."""
_ODD = {("public.stock", "on_hand"): ("2", "4")}
"""In both rows, where a check wants another value than those: a new one is to be put here."""


async def rows_of(connection: asyncpg.Connection) -> Rows:
    """Two rows for each table, made from its columns: a value that a check lists comes from there. In the second, what
    may be null is."""
    rows: Rows = {}
    for column in await connection.fetch(_COLUMNS):
        for at, row in enumerate(rows.setdefault(column["table"], [{}, {}]), 1):
            listed = re.search(rf"\(?\b{column['column_name']}\b\)?[^A-Z]*= ANY \D*?'(\w+)'", column["checks"] or "")
            value = _VALUES.get(column["data_type"], "{}")
            value = listed[1] if listed else value.format(at) if isinstance(value, str) else value
            value = _ODD.get((column["table"], column["column_name"]), (value, value))[at - 1]
            row[column["column_name"]] = None if at == 2 and column["is_nullable"] == "YES" else value
    return rows


async def write(connection: asyncpg.Connection, rows: Rows) -> None:
    """Write rows as the version before does, which names its columns and knows no others."""
    await connection.execute("SET session_replication_role = replica")  # tables come in no order of their references
    for table, listed in rows.items():
        columns = ", ".join(f'"{name}"' for name in listed[0])
        await connection.execute(
            f"INSERT INTO {table} ({columns})"  # noqa: S608 - names of the catalogue
            f" SELECT {columns} FROM json_populate_recordset(NULL::{table}, $1)"
            " ON CONFLICT DO NOTHING",  # of a table that has one row
            json.dumps(listed),
        )
    await connection.execute("SET session_replication_role = DEFAULT")


async def read(connection: asyncpg.Connection, rows: Rows) -> Rows:
    """The same columns of the same tables, as JSON."""
    found = {}
    for table, listed in rows.items():
        columns = ", ".join(f'"{name}"' for name in listed[0])
        statement = f"SELECT json_agg(row_to_json(r)) FROM (SELECT {columns} FROM {table}) r"  # noqa: S608 - as above
        found[table] = json.loads(await connection.fetchval(statement))
    return found


async def survive(dsn: str, before: list[Migration], after: list[Migration]) -> Rows:
    """Apply the first migrations, write rows, apply the others; then write them again, as the old version would."""
    await migrate(dsn, before)
    connection = await asyncpg.connect(dsn)
    try:
        rows = await rows_of(connection)
        await write(connection, rows)
        were = await read(connection, rows)
        await migrate(dsn, after)
        assert await read(connection, rows) == were
        await connection.execute(f"TRUNCATE {', '.join(rows)} CASCADE")
        await write(connection, rows)
        assert await read(connection, rows) == were
        return were
    finally:
        await connection.close()


@pytest.mark.parametrize("service", RELEASED)
async def test_rows_of_the_last_release_outlive_the_migrations(service: str, new_database: Callable[[], Any]) -> None:
    present = migrations_of([service])
    both = [*present[CHASSIS], *present[service]]
    released = {(each.name, name) for each in LAST.services.values() for name in each.migrations}
    before = [each for each in both if (each.component, each.name) in released]
    rows = await survive(await new_database(), before, both)
    assert len(rows) >= 4
    assert all(rows.values())


FIRST = Migration(
    "notes",
    "0001_notes.sql",
    "CREATE TABLE notes (id int PRIMARY KEY, text text NOT NULL, state text NOT NULL CHECK (state IN ('NEW', 'OLD')));",
)


@pytest.mark.parametrize(
    "change",
    [
        "ALTER TABLE notes DROP COLUMN text",
        "ALTER TABLE notes RENAME TO more",
        "ALTER TABLE notes ADD by text; UPDATE notes SET by = ''; ALTER TABLE notes ALTER by SET NOT NULL",
        "ALTER TABLE notes ADD CONSTRAINT long CHECK (length(text) > 1) NOT VALID",
        "UPDATE notes SET text = 'b'",
    ],
)
async def test_what_breaks_the_version_before_is_seen(change: str, new_database: Callable[[], Any]) -> None:
    with pytest.raises((asyncpg.PostgresError, AssertionError)):
        await survive(await new_database(), [FIRST], [FIRST, Migration("notes", "0002_more.sql", change)])


async def test_what_is_added_is_not(new_database: Callable[[], Any]) -> None:
    added = Migration("notes", "0002_more.sql", "ALTER TABLE notes ADD COLUMN by text NOT NULL DEFAULT ''")
    rows = await survive(await new_database(), [FIRST], [FIRST, added])
    assert [row["state"] for row in rows["public.notes"]] == ["NEW", "NEW"]
