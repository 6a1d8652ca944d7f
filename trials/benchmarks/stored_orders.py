# ruff: noqa: S608 - the statements are put together of this file's own words
"""A shop with years behind it: finished orders written straight into the five databases, as the services would have.

    fill(server, 10_000_000)

Orders of three lines, confirmed, paid and mailed, of a million customers, before the oldest that is there. Ids are
UUIDv7 of their times. Books agree: the audit of such a shop holds.
"""

import asyncio
import json
import time
from dataclasses import dataclass

import asyncpg

from souk_topologies.postgres import ServerAddress

CUSTOMERS = 1_000_000
PRODUCTS = 1_000
"""Named 1 to 1000; they must be there. Each is sold as often as the others."""
CHUNK = 500_000
"""Orders in one transaction."""
AT_ONCE = 2
"""Tables that are filled at once: one a core."""
STEP_MS = 3_000
"""Between one order and the next: ten million in a year."""

# The time of order i in milliseconds; its id; its customer.
_TIMES = f"SELECT i, $4::bigint - {STEP_MS} * ($3::bigint - i) AS ms FROM generate_series($1::bigint, $2::bigint) AS i"
_NAMED = f"""
SELECT i, to_timestamp(ms / 1000.0) AS at, 'c' || (i * 7919) % {CUSTOMERS} AS customer,
       left('0' || to_hex(ms), 8) || '-' || right(to_hex(ms), 4) || '-7000-8000-' || to_hex((1::bigint << 44) + i) AS id
FROM ({_TIMES}) AS timed
"""
# The same for all: a benchmark does not read it, and to make one costs as much as to store it.
_STEPS = [{"status": status, "at": "2026-01-01T00:00:00Z"} for status in ("PENDING", "RESERVED", "CONFIRMED")]
_HISTORY = f"'{json.dumps(_STEPS)}'::jsonb"


def _product(line: str) -> str:
    return f"((i + {line}) % {PRODUCTS} + 1)::text"


@dataclass(frozen=True)
class _Table:
    """How one table is filled. `indexes` are dropped before and made again after: sorting once is cheaper."""

    database: str
    name: str
    insert: str


_TABLES = (
    _Table(
        "souk_orders",
        "order_items",
        f"""
INSERT INTO order_items (item_id, order_id, product_id, quantity, unit_price)
SELECT n, id, {_product("n")}, 1, 2.55 FROM ({_NAMED}) AS named, generate_series(1, 3) AS n
""",
    ),
    _Table(
        "souk_orders",
        "orders",
        f"""
INSERT INTO orders (order_id, customer_id, total_amount, status, created_at, updated_at, currency, payment_method,
                    prices_cached, fingerprint, history, units)
SELECT id, customer, 7.65, 'CONFIRMED', at, at, 'GBP', 'tok_ok', false, decode(md5(id), 'hex'),
       {_HISTORY}, 3
FROM ({_NAMED}) AS named
""",
    ),
    _Table(
        "souk_products",
        "reservations",
        f"""
INSERT INTO reservations (order_id, state, held_units, wanted, created_at, updated_at)
SELECT id, 'HELD', 3, json_build_object({_product("1")}, 1, {_product("2")}, 1, {_product("3")}, 1), at, at
FROM ({_NAMED}) AS named
""",
    ),
    _Table(
        "souk_payments",
        "payments",
        f"""
INSERT INTO payments (record)
SELECT jsonb_build_object('order_id', id, 'payment_id', 'sbx_' || id, 'state', 'CAPTURED', 'captured_minor', 765,
    'currency', 'GBP', 'method', 'tok_ok', 'created_at', at, 'captured_since', at) FROM ({_NAMED}) AS named
""",
    ),
    _Table(
        "souk_payments",
        "sandbox_orders",
        f"""
INSERT INTO sandbox_orders (record)
SELECT jsonb_build_object('order_id', id, 'charges', jsonb_build_array(jsonb_build_object('key', id,
    'payment_id', 'sbx_' || id, 'amount_minor', 765, 'currency', 'GBP'))) FROM ({_NAMED}) AS named
""",
    ),
    _Table(
        "souk_notifications",
        "mails",
        f"""
INSERT INTO mails (record)
SELECT jsonb_build_object('mail_id', id, 'mail_key', 'order:' || id || ':confirmed', 'kind', 'confirmed',
    'order_id', id, 'customer_id', customer, 'to', NULL, 'subject', 'Your order ' || id || ' is confirmed',
    'body', E'Thank you for your order ' || id || E'.\\n\\nIt is confirmed and paid: 7.65 GBP.\\n\\nYour shop\\n',
    'status', 'NO_ADDRESS', 'created_at', at) FROM ({_NAMED}) AS named
""",
    ),
)
_SOLD = """
UPDATE stock SET start = start + $1, sold = sold + $1 WHERE product_id IN
    (SELECT n::text FROM generate_series(1, $2::int) AS n)
"""
# What an index is made of again: its own definition, or that of the constraint that it keeps.
_INDEXES = """
SELECT i.relname, c.conname, pg_get_indexdef(i.oid), pg_get_constraintdef(c.oid)
FROM pg_index x JOIN pg_class i ON i.oid = x.indexrelid
LEFT JOIN pg_constraint c ON c.conindid = i.oid AND c.contype IN ('p', 'u')
WHERE x.indrelid = $1::regclass AND NOT EXISTS
    (SELECT FROM pg_constraint f WHERE f.confrelid = x.indrelid AND f.contype = 'f' AND f.conindid = i.oid)
"""


async def _without_indexes(connection: asyncpg.Connection, table: str) -> list[str]:
    """Drop a table's indexes, but those that a foreign key stands on. Returns the statements that make them again."""
    again = []
    for index, constraint, index_sql, constraint_sql in await connection.fetch(_INDEXES, table):
        if constraint is None:
            schema = table.partition(".")[0] + "." if "." in table else ""
            await connection.execute(f'DROP INDEX {schema}"{index}"')
            again.append(index_sql)
        else:
            await connection.execute(f'ALTER TABLE {table} DROP CONSTRAINT "{constraint}"')
            again.append(f'ALTER TABLE {table} ADD CONSTRAINT "{constraint}" {constraint_sql}')
    return again


async def _fill_table(server: ServerAddress, table: _Table, orders: int, before_ms: int) -> None:
    connection = await asyncpg.connect(server.dsn(table.database))
    try:
        await connection.execute("SET synchronous_commit = off; SET maintenance_work_mem = '1GB'")
        indexes = await _without_indexes(connection, table.name)
        for first in range(1, orders + 1, CHUNK):
            await connection.execute(table.insert, first, min(first + CHUNK - 1, orders), orders, before_ms)
        for statement in indexes:
            await connection.execute(statement)
        # What the server would do sooner or later by itself, in the middle of a measurement.
        await connection.execute(f"VACUUM (FREEZE, ANALYZE) {table.name}")
    finally:
        await connection.close()


async def _missing(server: ServerAddress, orders: int) -> tuple[int, int]:
    """How many orders are to be added, and the time of the last one, in milliseconds since 1970: before all others."""
    connection = await asyncpg.connect(server.dsn("souk_orders"))
    [(stored, oldest)] = await connection.fetch("SELECT count(*), min(created_at) FROM orders")
    await connection.close()
    before_ms = int(oldest.timestamp() * 1000) if oldest else time.time_ns() // 1_000_000
    return max(0, (orders - stored) // PRODUCTS * PRODUCTS), before_ms - STEP_MS


async def _fill(server: ServerAddress, orders: int) -> None:
    missing, before_ms = await _missing(server, orders)
    if not missing:
        return
    free = asyncio.Semaphore(AT_ONCE)

    async def one(table: _Table) -> None:
        async with free:
            await _fill_table(server, table, missing, before_ms)

    async with asyncio.TaskGroup() as group:
        for table in _TABLES:
            group.create_task(one(table))
    connection = await asyncpg.connect(server.dsn("souk_products"))
    await connection.execute(_SOLD, 3 * missing // PRODUCTS, PRODUCTS)
    await connection.execute("CHECKPOINT")
    await connection.close()


def fill(server: ServerAddress, orders: int) -> None:
    """Write finished orders, older than all others, until there are so many (to the nearest thousand below)."""
    asyncio.run(_fill(server, orders))
