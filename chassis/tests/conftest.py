"""What the chassis' tests share: a clock, a log, stores without a service's tables, services made on the
spot, and an app behind a real server."""

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import contextmanager
from importlib.resources import files
from typing import Any

import asyncpg
import pytest
import uvicorn
from starlette.types import ASGIApp

from souk_chassis.clock import Clock
from souk_chassis.manifest import Service
from souk_chassis.runtimes.instance import Instance
from souk_chassis.storage.memory import MemoryDatabase, MemoryUnit
from souk_chassis.storage.migrations import migrate, read_migrations
from souk_chassis.storage.ports import Database
from souk_chassis.storage.postgres import PostgresUnit, open_pool
from souk_chassis.storage.postgres_queues import PostgresDatabase
from souk_chassis.testing.clock import ManualClock
from souk_chassis.testing.logs import RecordedLines
from souk_chassis.testing.waiting import until

# The suites live outside the test folders: without this their assertions would not say what differed.
pytest.register_assert_rewrite("souk_chassis.testing.queues", "souk_chassis.testing.stores")

OpenPostgres = Callable[..., Awaitable[PostgresDatabase[PostgresUnit]]]


@pytest.fixture
def clock() -> ManualClock:
    """A clock that the test moves."""
    return ManualClock()


@pytest.fixture
def lines() -> RecordedLines:
    """What was logged."""
    return RecordedLines()


@pytest.fixture
async def open_postgres(new_database: Callable[[], Awaitable[str]]) -> AsyncIterator[OpenPostgres]:
    """Opens stores, each in a new database. They are closed after the test."""
    opened: list[PostgresDatabase[PostgresUnit]] = []

    async def make(clock: Clock, *, size: int = 4) -> PostgresDatabase[PostgresUnit]:
        url = await new_database()
        await migrate(url, read_migrations("chassis", files("souk_chassis.storage").joinpath("schema")))
        pool: asyncpg.Pool = await open_pool(url, size=size, name="souk-test")
        opened.append(PostgresDatabase(pool, "tests", clock, PostgresUnit))
        return opened[-1]

    yield make
    for store in opened:
        await store.close()


@pytest.fixture
def make_instance(clock: ManualClock, lines: RecordedLines) -> Callable[..., Instance]:
    """Makes a running service out of what its manifest would say."""

    def make(store: Database[Any] | None = None, *, name: str = "readers", **declared: Any) -> Instance:
        rounds = declared.pop("rounds", ())
        manifest = Service(name, f"{name}-service", owns=(), **{"implements": {}, **declared})
        store = store or MemoryDatabase(name, clock, MemoryUnit)
        return Instance(manifest, f"deps of {name}", store, clock, lines.log(f"{name}-service"), rounds)

    return make


class _Server(uvicorn.Server):
    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave pytest's signals alone."""
        yield


@pytest.fixture
async def serve() -> AsyncIterator[Callable[[ASGIApp], Awaitable[str]]]:
    """Serves an app on a loopback port. Returns its URL."""
    running: list[tuple[_Server, asyncio.Task[None]]] = []

    async def serve(app: ASGIApp) -> str:
        listener = socket.create_server(("127.0.0.1", 0))
        server = _Server(
            uvicorn.Config(app, loop="none", http="httptools", lifespan="off", proxy_headers=False, log_config=None)
        )
        task = asyncio.create_task(server.serve([listener]))
        running.append((server, task))
        await until(lambda: server.started or task.done())
        return f"http://127.0.0.1:{listener.getsockname()[1]}"

    yield serve
    for server, task in running:
        server.should_exit = server.force_exit = True
        await task
