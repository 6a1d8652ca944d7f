"""The packages for the running Python, built once: their code can be run here."""

from collections.abc import Mapping
from pathlib import Path
from zipfile import ZipFile

import pytest

from topologies.tests.packages.building import HERE, souk

Packages = Mapping[str, Path]


@pytest.fixture(scope="session")
def packages(tmp_path_factory: pytest.TempPathFactory) -> Packages:
    """The packages' files by name."""
    out = tmp_path_factory.mktemp("packages")
    done = souk("package", "--out", str(out), "--python", HERE.python)
    assert done.returncode == 0, done.stderr
    return {path.stem: path for path in sorted(out.iterdir())}


@pytest.fixture(scope="session")
def unpacked(packages: Packages, tmp_path_factory: pytest.TempPathFactory) -> Packages:
    """A folder of each package's contents, as Lambda makes it."""
    folders = {name: tmp_path_factory.mktemp(name) for name in packages}
    for name, path in packages.items():
        with ZipFile(path) as zipped:
            zipped.extractall(folders[name])
    return folders
