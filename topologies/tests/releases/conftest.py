"""The last release, and one that is frozen from the tree as it is."""

import asyncio
import json
import secrets
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from souk_topologies.postgres import ServerAddress
from souk_topologies.releases.__main__ import ROOT
from souk_topologies.releases.examples import keep_from
from souk_topologies.releases.model import Release, load, released_versions
from souk_topologies.releases.present import describe, migrations_of
from souk_topologies.releases.seal import SEAL, seal
from souk_topologies.shop import SERVICES, manifests

Rewrite = Callable[[str, Callable[[Any], Any]], Path]

RELEASES = ROOT / "contracts/releases"
LAST = load(RELEASES, released_versions(RELEASES)[-1])
RELEASED = [name for name in SERVICES if name in LAST.services]
"""The services of the tree that the last release has, too."""


@pytest.fixture(scope="session")
def last() -> Release:
    """The last release."""
    return LAST


@pytest.fixture(scope="session")
def last_folder(last: Release) -> Path:
    """Where it is kept."""
    return RELEASES / str(last.version)


@pytest.fixture
def rewritten(last_folder: Path, tmp_path: Path) -> Rewrite:
    """Makes a folder of releases whose last one had another file when it was sealed."""

    def rewrite(name: str, change: Callable[[Any], Any]) -> Path:
        release = tmp_path / last_folder.name
        shutil.copytree(last_folder, release, ignore=shutil.ignore_patterns(SEAL))
        value = json.loads((release / name).read_text())
        change(value)
        (release / name).write_text(json.dumps(value))
        seal(release)
        return tmp_path

    return rewrite


@pytest.fixture(scope="session")
def present(last: Release) -> Release:
    """The tree as it is, under the number of the last release."""
    return describe(last.version, list(manifests().values()), migrations_of(SERVICES))


@pytest.fixture(scope="session")
def frozen(present: Release, postgres_server: ServerAddress, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of releases with the tree as it is: the shop was played for it on PostgreSQL.

    Its databases go with the server: dropping them would cost seconds.
    """
    folder = tmp_path_factory.mktemp("releases")
    names = {service: f"frozen_{service}_{secrets.token_hex(4)}" for service in SERVICES}
    asyncio.run(_create(postgres_server, names))
    urls = {service: postgres_server.dsn(name) for service, name in names.items()}
    asyncio.run(keep_from(urls, present, folder, strict=False))  # a service that is new need not be in the play yet
    return folder


async def _create(server: ServerAddress, names: dict[str, str]) -> None:
    connection = await asyncpg.connect(server.dsn("postgres"))
    try:
        for name in names.values():
            await connection.execute(f"CREATE DATABASE {name}")
    finally:
        await connection.close()
