"""The SQL of records on PostgreSQL, made from their declarations.

A table has one column `record` with the whole record as JSON. Keys, lists, unique values and the expiry are typed
columns that PostgreSQL generates from it: they always say what the record says, a new list is filled by adding its
column, and an older version of the service, which knows nothing of a new field or list, keeps both intact.
"""

from collections.abc import Iterable, Sequence
from functools import cache
from typing import Any

import msgspec

from souk_chassis.record import Key, Listed, Record, Schema, Unique, schema_of

_TYPES = {"text": "text", "integer": "bigint", "time": "timestamptz"}
SHAPES = "souk_records"
"""The table that says what each table of records was made from."""


class Statements(msgspec.Struct, frozen=True):
    """The statements of one type of record."""

    load: str
    """Keys as arrays, then the time now."""
    lock: str
    """The same, and locked in the order of the keys."""
    insert: str
    """Records as an array of JSON. Returns the keys that were new."""
    put: str
    """Records as an array of JSON."""
    delete: str
    """Keys as arrays."""
    purge: str
    """The time now, and how many rows at most."""
    clear: str
    """Records as an array of JSON, and the time now: removes expired ones that stand in their way."""


@cache
def statements(record: type[Record]) -> Statements:
    """The statements of a type of record."""
    schema = schema_of(record)
    table, keys = f'"{schema.table}"', _names(schema.key)
    arrays = ", ".join(f"${n}::{_TYPES[schema.kinds[field]]}[]" for n, field in enumerate(schema.key, 1))
    given = f"unnest({arrays}) AS given ({keys}) USING ({keys})"
    alive = _alive(schema, f"${len(schema.key) + 1}::timestamptz")
    load = f"SELECT record FROM {table} JOIN {given} WHERE {alive}"
    put = f"INSERT INTO {table} AS kept (record) SELECT * FROM unnest($1::jsonb[]) ON CONFLICT"
    ended = f'"{schema.expires}" <= $2' if schema.expires else "false"
    same = [schema.key, *(unique.fields for unique in schema.unique)]
    clashes = " OR ".join(
        "(" + " AND ".join(f'old."{field}" = {_read("new", field, schema.kinds[field])}' for field in fields) + ")"
        for fields in same
    )
    return Statements(
        load=load,
        lock=f"{load} ORDER BY {keys} FOR UPDATE OF {table}",
        insert=f"{put} DO NOTHING RETURNING {keys}",
        # A field that this version does not know stays in the record.
        put=f"{put} ({keys}) DO UPDATE SET record = kept.record || excluded.record",
        delete=f"DELETE FROM {table} USING unnest({arrays}) AS given ({keys}) WHERE {_equal(schema)}",
        purge=f"DELETE FROM {table} WHERE ctid IN (SELECT ctid FROM {table} WHERE "
        + ended.replace("$2", "$1")
        + " LIMIT $2 FOR UPDATE SKIP LOCKED)",
        clear=f"DELETE FROM {table} AS old USING unnest($1::jsonb[]) AS new WHERE {ended} AND ({clashes})",
    )


def find_statement(unique: Unique) -> str:
    """The statement that finds the record of unique values, then the time now."""
    schema = schema_of(unique.record)
    where = " AND ".join(f'"{field}" = ${n}' for n, field in enumerate(unique.fields, 1))
    now = f"${len(unique.fields) + 1}::timestamptz"
    return f'SELECT record FROM "{schema.table}" WHERE {where} AND {_alive(schema, now)}'


def list_statement(
    listed: Listed, by: Sequence[Any], after: Sequence[Any] | None, until: Any, now: Any, limit: int
) -> tuple[str, list[Any]]:
    """The statement that reads a part of a list, and its values."""
    schema = schema_of(listed.record)
    values: list[Any] = []

    def bind(field: str, value: Any) -> str:
        values.append(value)
        return f"${len(values)}::{_TYPES[schema.kinds[field]]}"

    where = [f'"{field}" = {bind(field, value)}' for field, value in zip(listed.by, by, strict=True)]
    where += [f'"{field}" IS NOT NULL' for field in listed.fields if field in schema.optional]
    beyond = "<" if listed.descending else ">"
    if after is not None:
        place = ", ".join(bind(field, value) for field, value in zip(listed.sort_fields, after, strict=True))
        where.append(f"({_names(listed.sort_fields)}) {beyond} ({place})")
    if until is not None:
        where.append(f'"{listed.order}" {"<" if beyond == ">" else ">"} {bind(listed.order, until)}')
    if schema.expires:
        where.append(_alive(schema, bind(schema.expires, now)))
    way = " DESC" if listed.descending else ""
    order = ", ".join(f'"{field}"{way}' for field in listed.sort_fields)
    condition = " AND ".join(where) or "true"
    return f'SELECT record FROM "{schema.table}" WHERE {condition} ORDER BY {order} LIMIT {limit:d}', values


def columns_of(schema: Schema, keys: Iterable[Key]) -> list[list[Any]]:
    """Keys as an array for each field of the key."""
    rows = [schema.tuple_of(key) for key in keys]
    return [list(column) for column in zip(*rows, strict=True)]


def definition(schema: Schema) -> list[str]:
    """The statements that make a table of records, and extend one that lacks a column or an index."""
    table = f'"{schema.table}"'
    made = [f"CREATE TABLE IF NOT EXISTS {table} (record jsonb NOT NULL)"]
    for field, kind in schema.kinds.items():
        collation = ' COLLATE "C"' if kind == "text" else ""
        value = _read("record", field, kind)
        made.append(
            f'ALTER TABLE {table} ADD COLUMN IF NOT EXISTS "{field}" {_TYPES[kind]}{collation}'
            f" GENERATED ALWAYS AS ({value}) STORED"
        )
    key = f"{schema.table}_key"
    made.append(f'CREATE UNIQUE INDEX IF NOT EXISTS "{key}" ON {table} ({_names(schema.key)})')
    for unique in schema.unique:
        name = f"{schema.table}_{unique.name}"
        made.append(f'CREATE UNIQUE INDEX IF NOT EXISTS "{name}" ON {table} ({_names(unique.fields)})')
    for listed in schema.lists:
        name, fields = f"{schema.table}_{listed.name}", (*listed.by, *listed.sort_fields)
        if fields == schema.key:
            continue  # the key's own index
        filled = [f'"{field}" IS NOT NULL' for field in listed.fields if field in schema.optional]
        where = f" WHERE {' AND '.join(filled)}" if filled else ""
        made.append(f'CREATE INDEX IF NOT EXISTS "{name}" ON {table} ({_names(fields)}){where}')
    if schema.expires:
        name = f"{schema.table}_expires"
        made.append(f'CREATE INDEX IF NOT EXISTS "{name}" ON {table} ("{schema.expires}")')
    return made


def _read(column: str, field: str, kind: str) -> str:
    """A field of a JSON column, as its type."""
    text = f"({column}->>'{field}')"
    return {"text": text, "integer": f"{text}::bigint", "time": f"souk_time({text})"}[kind]


def _alive(schema: Schema, now: str) -> str:
    return f'("{schema.expires}" IS NULL OR "{schema.expires}" > {now})' if schema.expires else f"{now} IS NOT NULL"


def _equal(schema: Schema) -> str:
    return " AND ".join(f'"{schema.table}"."{field}" = given."{field}"' for field in schema.key)


def _names(fields: Iterable[str]) -> str:
    return ", ".join(f'"{field}"' for field in fields)
