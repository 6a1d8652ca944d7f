"""Migrations: once, in order, whole or not at all, and by one process at a time."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from importlib.resources import files
from pathlib import Path

import asyncpg
import pytest

from souk_chassis.storage.migrations import Migration, MigrationChangedError, migrate, read_migrations

FIRST = Migration("notes", "0001_notes.sql", "CREATE TABLE notes (id int); INSERT INTO notes VALUES (1);")
SECOND = Migration("notes", "0002_text.sql", "ALTER TABLE notes ADD COLUMN body text; UPDATE notes SET body = 'one';")


@pytest.fixture
async def url(new_database: Callable[[], Awaitable[str]]) -> str:
    return await new_database()


@pytest.fixture
async def connection(url: str) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(url)
    yield connection
    await connection.close()


def test_files_are_read_by_name(tmp_path: Path) -> None:
    for name in ("0002_b.sql", "0001_a.sql", "0010_c.sql", "README.md"):
        (tmp_path / name).write_text(f"-- {name}", encoding="utf-8")
    migrations = read_migrations("notes", tmp_path)
    assert [one.name for one in migrations] == ["0001_a.sql", "0002_b.sql", "0010_c.sql"]
    assert migrations[0] == Migration("notes", "0001_a.sql", "-- 0001_a.sql")


async def test_each_file_is_applied_once_and_in_order(url: str, connection: asyncpg.Connection) -> None:
    assert await migrate(url, [FIRST]) == ["notes/0001_notes.sql"]
    assert await migrate(url, [FIRST, SECOND]) == ["notes/0002_text.sql"]
    assert await migrate(url, [FIRST, SECOND]) == []
    assert [tuple(row) for row in await connection.fetch("SELECT * FROM notes")] == [(1, "one")]


async def test_components_have_names_of_their_own(url: str) -> None:
    other = Migration("chassis", FIRST.name, "CREATE TABLE others (id int)")
    assert await migrate(url, [FIRST, other]) == ["notes/0001_notes.sql", "chassis/0001_notes.sql"]


async def test_an_older_release_starts_on_a_newer_schema(url: str) -> None:
    await migrate(url, [FIRST, SECOND])
    assert await migrate(url, [FIRST]) == []


async def test_a_changed_file_is_refused_before_anything_newer_runs(url: str, connection: asyncpg.Connection) -> None:
    await migrate(url, [FIRST])
    changed = Migration(FIRST.component, FIRST.name, FIRST.sql + " ")
    with pytest.raises(MigrationChangedError, match=r"notes/0001_notes\.sql"):
        await migrate(url, [changed, SECOND])
    assert [tuple(row) for row in await connection.fetch("SELECT * FROM notes")] == [(1,)]


async def test_a_failing_file_leaves_nothing_and_can_be_mended(url: str, connection: asyncpg.Connection) -> None:
    broken = Migration("notes", SECOND.name, "ALTER TABLE notes ADD COLUMN body text; SELECT 1 / 0;")
    with pytest.raises(asyncpg.DivisionByZeroError):
        await migrate(url, [FIRST, broken])
    assert [tuple(row) for row in await connection.fetch("SELECT * FROM notes")] == [(1,)]
    assert await migrate(url, [FIRST, SECOND]) == ["notes/0002_text.sql"]


async def test_processes_at_once_apply_each_file_once(url: str, connection: asyncpg.Connection) -> None:
    slow = Migration("notes", "0000_slow.sql", "SELECT pg_sleep(0.1)")
    done = await asyncio.gather(*(migrate(url, [slow, FIRST, SECOND]) for _ in range(4)))
    assert sorted(len(names) for names in done) == [0, 0, 0, 3]
    assert await connection.fetchval("SELECT count(*) FROM notes") == 1


async def test_the_chassis_own_files_apply(url: str, connection: asyncpg.Connection) -> None:
    own = read_migrations("chassis", files("souk_chassis.storage").joinpath("schema"))
    assert await migrate(url, own)
    tables = await connection.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
    assert {row[0] for row in tables} >= {"outbox", "inbox", "inbox_received", "dead_letters"}
