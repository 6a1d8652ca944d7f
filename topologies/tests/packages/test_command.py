"""`souk package`: the same bytes whoever builds, and one line for what is wrong."""

import hashlib
import sys
from collections.abc import Mapping
from pathlib import Path
from zipfile import ZipFile

import pytest

from souk_topologies.shop import SERVICES
from topologies.tests.packages.building import HERE, souk


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_packages_are_the_same_byte_for_byte(packages: Mapping[str, Path], tmp_path: Path) -> None:
    """From another folder, with other settings of Python, into a folder named otherwise: a service with code of many
    others, and the edge. One function writes all packages."""
    only = ("--only", "users", "--only", "edge")
    here = ("--out", "again", "--python", HERE.python)
    done = souk("package", *here, *only, cwd=tmp_path, PYTHONHASHSEED="7", TZ="Asia/Tokyo")
    assert done.returncode == 0, done.stderr
    again = {path.stem: path for path in (tmp_path / "again").iterdir()}
    assert {name: sha256(path) for name, path in again.items()} == {
        name: sha256(packages[name]) for name in ("users", "edge")
    }
    told = {line.split()[0]: line.split()[-1] for line in done.stdout.splitlines()}
    assert told == {f"again/{name}.zip": sha256(path) for name, path in again.items()}


@pytest.mark.parametrize("name", [*SERVICES, "edge"])
def test_entries_are_sorted_and_say_nothing_of_the_builder(packages: Mapping[str, Path], name: str) -> None:
    with ZipFile(packages[name]) as zipped:
        entries = zipped.infolist()
        held = [zipped.read(entry) for entry in entries]
    assert [entry.filename for entry in entries] == sorted(entry.filename for entry in entries)
    assert {entry.date_time for entry in entries} == {(1980, 1, 1, 0, 0, 0)}
    assert {entry.external_attr >> 16 for entry in entries} == {0o100644}
    assert not [data for data in held if str(Path(sys.prefix).parent).encode() in data]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--python", "2.7"), "'2.7' is not a version"),
        (("--python", "3.x"), "'3.x' is not a version"),
        (("--platform", "windows"), "'windows' is not a Linux"),
        (("--out", "taken"), "taken"),
    ],
)
def test_what_is_given_wrongly_is_said_in_one_line(arguments: tuple[str, ...], said: str, tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("a file")
    done = souk("package", *arguments, cwd=tmp_path)
    assert (done.returncode, done.stdout, len(done.stderr.splitlines())) == (2, "", 1)
    assert said in done.stderr


def test_a_platform_without_wheels_is_said_in_one_line(tmp_path: Path) -> None:
    done = souk("package", "--python", HERE.python, "--platform", "x86_64-manylinux2014", cwd=tmp_path)
    assert (done.returncode, len(done.stderr.splitlines())) == (1, 1)
    assert "argon2-cffi-bindings" in done.stderr
    assert not list(tmp_path.rglob("*.zip"))
