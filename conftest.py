"""What tests of every member share: a real PostgreSQL server for each worker, a database of its own for each test, and
which tests go to one worker together (`make test` has several)."""

import asyncio
import os
import secrets
import shutil
import tempfile
from collections.abc import AsyncIterator, Callable, Generator, Iterator
from pathlib import Path

import asyncpg
import pytest
from hypothesis import HealthCheck, settings

from souk_topologies.postgres import EmbeddedPostgres, ServerAddress

# No test is timed: on a machine that is busy an example may take any time, and making examples, too.
settings.register_profile("souk", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("souk")

ROOT = Path(__file__).resolve().parent
SHARED = ("every_topology", "busy_shop", "packages", "images", "local_url")
"""Fixtures that take many seconds to make: all tests that use one of them go to the same worker."""
SLOW = ("tests/end_to_end", "tests/topology", "tests/functions", "tests/images", "trials", "topologies/tests")
"""Folders whose tests start programs and wait for them. They begin first, so that none of them is waited for last."""

UNSAFE = ("fsync", "full_page_writes", "synchronous_commit")
"""Settings that cost a new database a second on a busy disk."""


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> Generator[None]:
    """Group the tests for `--dist loadgroup`, where they say nothing else, and let the slow ones begin."""
    for item in items:
        if item.get_closest_marker("xdist_group") is None:
            item.add_marker(pytest.mark.xdist_group(_group_of(item)))
    yield
    grouped = os.environ.get("PYTEST_XDIST_WORKER") and config.getoption("loadgroup", False)
    if grouped and items and "@" not in items[0].nodeid:
        raise pytest.UsageError("pytest-xdist does not group tests with this pytest: each would go to any worker")
    items.sort(key=lambda item: not _path_of(item).startswith(SLOW))


def _group_of(item: pytest.Item) -> str:
    """Tests of one module, or of one expensive fixture and its parameter."""
    for name in SHARED:
        if name in getattr(item, "fixturenames", ()):
            callspec = getattr(item, "callspec", None)
            return f"{name}-{callspec.params.get(name) if callspec else None}"
    return _path_of(item)


def _path_of(item: pytest.Item) -> str:
    return item.path.relative_to(ROOT).as_posix()


@pytest.fixture(scope="session")
def server_folder() -> Iterator[Path]:
    """A short folder that the server's own user can reach: pytest's are closed to it."""
    folder = Path(tempfile.mkdtemp(prefix="souk-pg-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(scope="session")
def postgres_server(server_folder: Path) -> Iterator[ServerAddress]:
    """A PostgreSQL server that lives as long as the test run. Whether data outlives a power cut, no test of it asks."""
    server = EmbeddedPostgres(server_folder)
    address = asyncio.run(server.start())
    asyncio.run(_run(address, *(f"ALTER SYSTEM SET {name} = off" for name in UNSAFE), "SELECT pg_reload_conf()"))
    yield address
    asyncio.run(server.stop("immediate"))


@pytest.fixture(scope="session")
def spare_databases() -> list[str]:
    """Databases that a test has used and that are empty again: emptying takes an eighth of the time of making one."""
    return []


@pytest.fixture
async def new_database(
    postgres_server: ServerAddress, spare_databases: list[str]
) -> AsyncIterator[Callable[[], object]]:
    """Gives empty databases, and empties them after the test. Returns the address of each."""
    names: list[str] = []

    async def give() -> str:
        if spare_databases:
            name = spare_databases.pop()
        else:
            name = f"test_{secrets.token_hex(6)}"
            await _run(postgres_server, f"CREATE DATABASE {name} STRATEGY FILE_COPY")
        names.append(name)
        return postgres_server.dsn(name)

    yield give
    for name in names:
        await _run(postgres_server, EMPTY, database=name)
        spare_databases.append(name)


EMPTY = """
SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid();
DO $$ DECLARE name text; BEGIN
    FOR name IN SELECT nspname FROM pg_namespace WHERE nspname !~ '^pg_' AND nspname <> 'information_schema' LOOP
        EXECUTE format('DROP SCHEMA %I CASCADE', name);
    END LOOP;
    EXECUTE format('ALTER DATABASE %I RESET ALL', current_database());
END $$;
CREATE SCHEMA public AUTHORIZATION pg_database_owner;
GRANT USAGE ON SCHEMA public TO PUBLIC;
"""
"""Leaves a database as a new one is, with no connection to it."""


async def _run(server: ServerAddress, *statements: str, database: str = "postgres") -> None:
    connection = await asyncpg.connect(server.dsn(database))
    try:
        for statement in statements:
            await connection.execute(statement)
    finally:
        await connection.close()
