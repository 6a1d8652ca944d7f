"""The parts of the chassis that docs/how-to/adopt-a-part.md shows: each in ten lines at most, and run as it stands."""

import ast
import asyncio
import inspect
import re
from collections.abc import Awaitable, Callable, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from souk_chassis.clock import SystemClock
from souk_chassis.events.event import Event, Stored
from souk_chassis.observability.trace import new_traceparent
from souk_chassis.storage.migrations import migrate, read_migrations
from souk_chassis.storage.postgres import PostgresUnit
from souk_chassis.storage.postgres_queues import PostgresDatabase

PAGE = Path(__file__).resolve().parents[2] / "docs" / "how-to" / "adopt-a-part.md"
MAX_LINES = 10
SNIPPETS = re.findall(r"## ([^\n]+)\n(?:(?!\n## ).)*?```python\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)


async def run(title: str, **given: Any) -> dict[str, Any]:
    """Run a snippet where these names are known. Returns what it has made."""
    [source] = [code for found, code in SNIPPETS if found == title]
    compiled = compile(source, str(PAGE), "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    result = eval(compiled, given)  # noqa: S307 - the page's own code
    if inspect.isawaitable(result):
        await result
    return given


def test_each_is_ten_lines_at_most() -> None:
    lengths = {title: sum(bool(line.strip()) for line in code.splitlines()) for title, code in SNIPPETS}
    assert lengths.keys() == {"A pipeline around a call", "Group commit", "The outbox"}
    assert max(lengths.values()) <= MAX_LINES, lengths


async def test_a_pipeline_around_a_call() -> None:
    asked: list[str] = []

    async def ask_warehouse(sku: str, timeout: float) -> int:
        asked.append(sku)
        if sku == "gone":
            raise ConnectionRefusedError
        assert 0 < timeout <= 1.0
        return 7

    made = await run("A pipeline around a call", ask_warehouse=ask_warehouse)
    assert [await made["stock"]("lamp"), await made["stock"]("gone")] == [7, 0]
    assert asked == ["lamp", "gone", "gone"]
    assert made["warehouse"].snapshot().fell_back == 1


@pytest.fixture
async def dsn(new_database: Callable[[], Awaitable[str]]) -> str:
    return await new_database()


async def test_group_commit(dsn: str) -> None:
    async with asyncpg.create_pool(dsn) as pool:
        await pool.execute("CREATE TABLE readings (id serial, sensor text, value float)")
        made = await run("Group commit", pool=pool, asyncio=asyncio)
        assert sorted([made["first"], made["second"]]) == [1, 2]
        assert await pool.fetchval("SELECT value FROM readings WHERE id = $1", made["second"]) == 23.0
        commits = await pool.fetchval("SELECT count(DISTINCT xmin::text) FROM readings")
    assert commits == 1


class InvoicePaid(Event, frozen=True, kw_only=True):
    invoice: str

    @property
    def subject(self) -> str:
        return self.invoice


class Bus:
    def __init__(self) -> None:
        self.heard: list[Stored] = []

    async def publish(self, messages: Sequence[Stored]) -> None:
        self.heard += messages


async def test_the_outbox(dsn: str) -> None:
    bus = Bus()
    async with asyncpg.create_pool(dsn) as pool:
        await pool.execute("CREATE TABLE invoices (id text, paid boolean); INSERT INTO invoices VALUES ('i-1', false)")
        known = {each.__name__: each for each in (migrate, read_migrations, files, PostgresDatabase, SystemClock)}
        known |= {"PostgresUnit": PostgresUnit, "new_traceparent": new_traceparent, "InvoicePaid": InvoicePaid}
        made = await run("The outbox", **known, dsn=dsn, pool=pool, bus=bus)
        assert await pool.fetchval("SELECT paid FROM invoices")
        assert await made["database"].outbox_size() == 0
    [message] = bus.heard
    assert (message.type, "i-1" in message.json) == ("souk.InvoicePaid.v1", True)
