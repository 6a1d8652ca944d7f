"""Migrations on a real database: the rows of the last release outlive them, and the version before can still write its
rows when they are done."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from souk_chassis.storage.migrations import Migration, migrate
from souk_topologies.releases.model import Release
from souk_topologies.releases.present import CHASSIS, migrations_of
from topologies.tests.releases.conftest import RELEASED

Rows = dict[str, list[dict[str, Any]]]


async def write(connection: asyncpg.Connection, rows: Rows) -> None:
    """Write rows as the version before does, which names its columns and knows no others."""
    await connection.execute("SET session_replication_role = replica")  # tables come in no order of their references
    for table, listed in rows.items():
        columns = ", ".join(f'"{name}"' for name in listed[0])
        await connection.execute(
            f"INSERT INTO {table} ({columns})"  # noqa: S608 - names that were recorded
            f" SELECT {columns} FROM json_populate_recordset(NULL::{table}, $1)",
            json.dumps(listed),
        )
    await connection.execute("SET session_replication_role = DEFAULT")


async def read(connection: asyncpg.Connection, rows: Rows) -> Rows:
    """The same columns of the same tables, as JSON."""
    found = {}
    for table, listed in rows.items():
        columns = ", ".join(f'"{name}"' for name in listed[0])
        statement = f"SELECT json_agg(row_to_json(r)) FROM (SELECT {columns} FROM {table}) r"  # noqa: S608 - as above
        text = await connection.fetchval(statement)
        found[table] = json.loads(text)
    return found


async def survive(dsn: str, before: list[Migration], after: list[Migration], rows: Rows) -> None:
    """Apply the first migrations, write the rows, apply the others; then write them again, as the old version would."""
    await migrate(dsn, before)
    connection = await asyncpg.connect(dsn)
    try:
        await write(connection, rows)
        await migrate(dsn, after)
        assert await read(connection, rows) == rows
        await connection.execute(f"TRUNCATE {', '.join(rows)} CASCADE")
        await write(connection, rows)
        assert await read(connection, rows) == rows
    finally:
        await connection.close()


@pytest.mark.parametrize("service", RELEASED)
async def test_rows_of_the_last_release_outlive_the_migrations(
    service: str, last: Release, last_folder: Path, new_database: Callable[[], Any]
) -> None:
    path = last_folder / "examples/rows" / f"{service}.json"
    present = migrations_of([service])
    both = [*present[CHASSIS], *present[service]]
    released = {(each.name, kept) for each in last.services.values() for kept in each.migrations}
    before = [each for each in both if (each.component, each.name) in released]
    assert before
    await survive(await new_database(), before, both, json.loads(path.read_text("utf-8")))


FIRST = Migration("notes", "0001_notes.sql", "CREATE TABLE notes (id int PRIMARY KEY, text text NOT NULL);")
NOTES = {"public.notes": [{"id": 1, "text": "a"}]}


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
        await survive(await new_database(), [FIRST], [FIRST, Migration("notes", "0002_more.sql", change)], NOTES)


async def test_what_is_added_is_not(new_database: Callable[[], Any]) -> None:
    added = Migration("notes", "0002_more.sql", "ALTER TABLE notes ADD COLUMN by text NOT NULL DEFAULT ''")
    await survive(await new_database(), [FIRST], [FIRST, added], NOTES)
