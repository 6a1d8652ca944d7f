"""A checkout to make services in."""

import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from souk_topologies.scaffold import making
from souk_topologies.shop import SERVICES

ROOT = Path(__file__).resolve().parents[3]
FREE = next(name for name in ("reviews", "answers", "gizmos", "gadgets") if name not in SERVICES)
"""A name that no service has: these tests go on where somebody has made one of them."""
ONE = FREE.removesuffix("s")
NOT_NEEDED = ("web", "trials", "infra", "docs/decisions", "docs/explanation", "chassis/tests")

Marks = Mapping[str, tuple[int, int] | None]


def marks(folder: Path) -> Marks:
    """What tells whether a file was written: of every file and folder in it. It reads none of them."""
    found: dict[str, tuple[int, int] | None] = {}
    for path in folder.rglob("*"):
        stat = path.lstat()
        found[str(path.relative_to(folder))] = None if path.is_dir() else (stat.st_mtime_ns, stat.st_size)
    return found


def content(folder: Path) -> Mapping[str, bytes | None]:
    """Every file and folder in it."""
    return {str(path.relative_to(folder)): path.read_bytes() if path.is_file() else None for path in folder.rglob("*")}


@pytest.fixture(scope="session")
def pristine(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of this checkout, as far as making a service has to do with it."""
    copy = tmp_path_factory.mktemp("checkout") / "souk"
    making._copy(ROOT, copy)
    for folder in NOT_NEEDED:
        shutil.rmtree(copy / folder)
    return copy


@pytest.fixture(scope="session")
def working(pristine: Path) -> Path:
    """Another one."""
    copy = pristine.with_name("working")
    shutil.copytree(pristine, copy)
    return copy


@pytest.fixture
def checkout(pristine: Path, working: Path) -> Iterator[Path]:
    """A checkout that a test may change."""
    yield working
    before, after = marks(pristine), marks(working)
    for name in sorted(after.keys() - before.keys(), reverse=True):
        path = working / name
        path.rmdir() if after[name] is None else path.unlink()
    for name in sorted(before):
        if before[name] != after.get(name):
            shutil.copy2(pristine / name, working / name)
    assert marks(working) == before
