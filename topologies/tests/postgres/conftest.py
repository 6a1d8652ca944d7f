"""A server that tests may share, and folders that an unprivileged OS user can reach (pytest's own are 0700)."""

import asyncio
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from souk_topologies.postgres import EmbeddedPostgres, ServerAddress


@contextmanager
def reachable_folder() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="souk-"))
    folder.chmod(0o755)
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


@pytest.fixture
def folder() -> Iterator[Path]:
    with reachable_folder() as made:
        yield made


@pytest.fixture
async def postgres(folder: Path) -> AsyncIterator[EmbeddedPostgres]:
    """A cluster of the test's own, not started."""
    embedded = EmbeddedPostgres(folder / "pg")
    yield embedded
    await embedded.stop("immediate")


@pytest.fixture(scope="session")
def victim() -> Iterator[EmbeddedPostgres]:
    """A cluster that tests may kill. Each starts it, and so sets right what the one before has done."""
    with reachable_folder() as made:
        embedded = EmbeddedPostgres(made / "pg")
        yield embedded
        asyncio.run(embedded.stop("immediate"))


@pytest.fixture(scope="session")
def server() -> Iterator[ServerAddress]:
    """A running server for tests that leave it as they found it, or use names of their own."""
    with reachable_folder() as made:
        embedded = EmbeddedPostgres(made / "pg")
        yield asyncio.run(embedded.start())
        asyncio.run(embedded.stop("immediate"))
