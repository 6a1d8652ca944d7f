"""Migrations: numbered SQL files, applied once, in order, under a lock, when a service starts; then tables of records.

Files only go forward: expand first, contract in a later release. A file that was applied may not change. Tables of
records are made and extended from their declarations; what would lose something is refused.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources.abc import Traversable

import asyncpg
import msgspec

from souk_chassis.record import Record, schema_of
from souk_chassis.record_shape import losses, merged, shape_of
from souk_chassis.storage.postgres import ACQUIRE_TIMEOUT_S
from souk_chassis.storage.record_sql import SHAPES, definition

LOCK_KEY = 0x50_55_4B
"""The advisory lock that lets one process migrate a database at a time."""
STATEMENT_TIMEOUT_S = 300.0
"""How long one statement of a migration may take."""


@dataclass(frozen=True, slots=True)
class Migration:
    """One SQL file. `component` tells the chassis' from the service's."""

    component: str
    name: str
    sql: str

    @property
    def checksum(self) -> str:
        """SHA-256 of the file."""
        return hashlib.sha256(self.sql.encode()).hexdigest()


class MigrationChangedError(RuntimeError):
    """A file that was applied before has been changed since."""


def read_migrations(component: str, folder: Traversable) -> list[Migration]:
    """The `*.sql` files of a folder, by name. A service that keeps records alone has no such folder."""
    entries = folder.iterdir() if folder.is_dir() else ()
    files = sorted((entry for entry in entries if entry.name.endswith(".sql")), key=lambda entry: entry.name)
    return [Migration(component, file.name, file.read_text("utf-8")) for file in files]


class RecordChangedError(MigrationChangedError):
    """A record's declaration has changed in a way that what is stored can't follow."""


async def migrate(dsn: str, migrations: Sequence[Migration], records: Sequence[type[Record]] = ()) -> list[str]:
    """Apply what is not applied yet, each file in a transaction of its own, then make or extend the tables of records.
    Returns the names applied.

    Raises MigrationChangedError where an applied file differs, RecordChangedError where a declaration has changed in a
    way that what is stored can't follow.
    """
    connection = await asyncpg.connect(dsn, timeout=ACQUIRE_TIMEOUT_S, command_timeout=STATEMENT_TIMEOUT_S)
    try:
        await connection.execute("SELECT pg_advisory_lock($1)", LOCK_KEY)
        await connection.execute(
            "CREATE TABLE IF NOT EXISTS schema_migrations (component text, name text, checksum text NOT NULL,"
            " applied_at timestamptz NOT NULL DEFAULT now(), PRIMARY KEY (component, name))"
        )
        rows = await connection.fetch("SELECT component, name, checksum FROM schema_migrations")
        applied = {(row[0], row[1]): row[2] for row in rows}
        done = []
        for migration in migrations:
            known = applied.get((migration.component, migration.name))
            if known is None:
                async with connection.transaction():
                    await connection.execute(migration.sql)
                    await connection.execute(
                        "INSERT INTO schema_migrations (component, name, checksum) VALUES ($1, $2, $3)",
                        migration.component,
                        migration.name,
                        migration.checksum,
                    )
                done.append(f"{migration.component}/{migration.name}")
            elif known != migration.checksum:
                raise MigrationChangedError(f"{migration.component}/{migration.name} was changed after it was applied")
        for record in records:
            async with connection.transaction():
                await _extend(connection, record)
        return done
    finally:
        await connection.close()


async def _extend(connection: asyncpg.Connection, record: type[Record]) -> None:
    """Make or extend the table of a type of record."""
    schema, shape = schema_of(record), shape_of(record)
    known = await connection.fetchval(f"SELECT shape FROM {SHAPES} WHERE name = $1", schema.name)
    before = msgspec.json.decode(known) if known else None
    if before == shape:
        return
    if before and (refused := list(losses(before, shape))):
        raise RecordChangedError("; ".join(refused))
    try:
        for statement in definition(schema):
            await connection.execute(statement)
    except asyncpg.UniqueViolationError as error:
        why = f"stored {schema.name} share a value that is to be unique: {error.detail}"
        raise RecordChangedError(why) from error
    insert = f"INSERT INTO {SHAPES} (name, shape) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET shape = $2"
    await connection.execute(insert, schema.name, msgspec.json.encode(merged(before or {}, shape)).decode())
