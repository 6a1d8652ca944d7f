"""The rows of a database as JSON, table by table: what a release keeps of each service, as an example."""

import json
from typing import Any

import asyncpg

_TABLES = """
SELECT format('%I.%I', t.table_schema, t.table_name) AS name,
       string_agg(format('%I', c.column_name), ', ' ORDER BY c.ordinal_position) AS columns
FROM information_schema.tables t JOIN information_schema.columns c USING (table_schema, table_name)
WHERE t.table_type = 'BASE TABLE' AND c.is_generated = 'NEVER' AND c.is_identity = 'NO'
  AND t.table_schema NOT IN ('pg_catalog', 'information_schema') AND t.table_name <> 'schema_migrations'
GROUP BY 1 ORDER BY 1
"""


async def rows_of(dsn: str) -> dict[str, list[dict[str, Any]]]:
    """The rows of every table of a database, by `schema.table`, without the columns that the database computes.

    Raises asyncpg.PostgresError, OSError.
    """
    connection = await asyncpg.connect(dsn)
    try:
        rows: dict[str, list[dict[str, Any]]] = {}
        for table in await connection.fetch(_TABLES):
            listed = await connection.fetchval(
                f"SELECT json_agg(row_to_json(row)) FROM (SELECT {table['columns']} FROM {table['name']}) row"  # noqa: S608 - names from the catalogue itself, quoted by it
            )
            if listed is not None:
                rows[table["name"]] = json.loads(listed)
        return rows
    finally:
        await connection.close()
