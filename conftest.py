"""What tests of every member share: a real PostgreSQL server for the run, and a database of its own for each test."""

import asyncio
import secrets
import shutil
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import asyncpg
import pytest
from hypothesis import HealthCheck, settings

from souk_topologies.postgres import EmbeddedPostgres, ServerAddress

# No test is timed: on a machine that is busy an example may take any time, and making examples, too.
settings.register_profile("souk", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("souk")


@pytest.fixture(scope="session")
def server_folder() -> Iterator[Path]:
    """A short folder that the server's own user can reach: pytest's are closed to it."""
    folder = Path(tempfile.mkdtemp(prefix="souk-pg-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(scope="session")
def postgres_server(server_folder: Path) -> Iterator[ServerAddress]:
    """A PostgreSQL server that lives as long as the test run."""
    server = EmbeddedPostgres(server_folder)
    yield asyncio.run(server.start())
    asyncio.run(server.stop("immediate"))


@pytest.fixture
async def new_database(postgres_server: ServerAddress) -> AsyncIterator[Callable[[], object]]:
    """Makes empty databases, and drops them after the test. Returns the address of each."""
    names: list[str] = []

    async def make() -> str:
        name = f"test_{secrets.token_hex(6)}"
        await _run(postgres_server, f"CREATE DATABASE {name}")
        names.append(name)
        return postgres_server.dsn(name)

    yield make
    for name in names:
        await _run(postgres_server, f"DROP DATABASE {name} WITH (FORCE)")


async def _run(server: ServerAddress, statement: str) -> None:
    connection = await asyncpg.connect(server.dsn("postgres"))
    try:
        await connection.execute(statement)
    finally:
        await connection.close()
