"""The last release, the tree as it is, and releases that a test changes."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from souk_topologies.releases.__main__ import ROOT
from souk_topologies.releases.model import Release, last_version, load, store
from souk_topologies.releases.present import describe, migrations_of
from souk_topologies.shop import SERVICES, manifests

Rewrite = Callable[[Callable[[Any], Any]], Path]

RELEASES = ROOT / "contracts/releases"
LAST = load(RELEASES, last_version(RELEASES) or "")
MANIFESTS = manifests()
RELEASED = [name for name in SERVICES if name in LAST.services]
"""The services of the tree that the last release has, too."""


@pytest.fixture(scope="session")
def present() -> Release:
    """The tree as it is, under the number of the last release."""
    return describe(LAST.version, list(MANIFESTS.values()), migrations_of(SERVICES))


@pytest.fixture
def rewritten(tmp_path: Path, present: Release) -> Rewrite:
    """Makes a folder of releases with the tree as it is, but for a change, as the last one."""

    def rewrite(change: Callable[[Any], Any]) -> Path:
        value = json.loads(msgspec.json.encode(present))
        change(value)
        store(msgspec.convert(value, Release), tmp_path)
        return tmp_path

    return rewrite
