"""Planted bugs: each still has its place in the tree, and the program tells a test that finds nothing."""

import json
import subprocess
from pathlib import Path

import pytest

from trials.planted import __main__ as program
from trials.planted.bugs import ROOT, Bug, MisplacedError, read_bugs

CODE = "def double(number):\n    return number * 2\n"
TESTS = "from a.code import double\n\ndef test_double():\n    assert double({number}) == {twice}\n"


def bug(tests: str = "tests/test_code.py", find: str = "number * 2") -> Bug:
    """A bug in a small tree: a number is squared."""
    return Bug("squared", "A number is squared.", "a", find, "number**2", (tests,))


@pytest.mark.parametrize("planted", read_bugs(), ids=lambda planted: planted.name)
def test_every_bug_has_its_place(planted: Bug, tmp_path: Path) -> None:
    """Where the code has moved on, `find` and `under` in `trials/planted/bugs` must follow it."""
    source = ROOT / planted.under
    files = [source] if source.is_file() else [path for path in source.rglob("*") if path.is_file()]
    holding = [path for path in files if planted.find.encode() in path.read_bytes() and "__pycache__" not in path.parts]
    for path in holding:
        copy = tmp_path / path.relative_to(ROOT)
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes(path.read_bytes())
    planted.plant(tmp_path)
    for test in planted.tests:
        assert (ROOT / test.partition("::")[0]).exists(), test


def test_a_text_that_stands_twice_is_no_place(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a/code.py").write_text(CODE * 2)
    with pytest.raises(MisplacedError, match="2 times under a"):
        bug().plant(tmp_path)


@pytest.mark.parametrize(
    ("number", "find", "outcome", "status"),
    [
        (3, "number * 2", program.FOUND, 0),
        (2, "number * 2", program.NOT_FOUND, 1),
        (3, "number * 3", program.DOES_NOT_APPLY, 1),
    ],
)
def test_what_became_of_a_bug_is_told(
    number: int,
    find: str,
    outcome: str,
    status: int,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    make_tree(tmp_path, TESTS.format(number=number, twice=2 * number))
    monkeypatch.setattr("trials.planted.scratch.ROOT", tmp_path)
    monkeypatch.setattr(program, "read_bugs", lambda: [bug(find=find)])
    assert program.main(["--json", "--jobs", "1"]) == status
    said = json.loads(capsys.readouterr().out)
    assert (said["total"], [each["outcome"] for each in said["bugs"]]) == (1, [outcome])
    assert (tmp_path / "a/code.py").read_text() == CODE, "the tree itself stays as it is"


def test_a_test_that_fails_without_a_bug_finds_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    make_tree(tmp_path, TESTS.format(number=3, twice=7))
    monkeypatch.setattr("trials.planted.scratch.ROOT", tmp_path)
    monkeypatch.setattr(program, "read_bugs", lambda: [bug()])
    assert program.main(["--jobs", "1"]) == 1
    assert capsys.readouterr().out == f"{program.FAILS_ANYWAY}: squared\n0 of 1 planted bugs found\n"


def make_tree(tree: Path, tests: str) -> None:
    """A checkout of a small project."""
    for name, text in {
        "a/code.py": CODE,
        "tests/test_code.py": tests,
        "pytest.ini": "[pytest]\npythonpath = .\n",
    }.items():
        (tree / name).parent.mkdir(exist_ok=True)
        (tree / name).write_text(text)
    author = ("-c", "user.name=Ada", "-c", "user.email=ada@example.org")
    for command in (("init", "-q"), ("add", "."), (*author, "commit", "-q", "-m", "A small project")):
        subprocess.run(["git", *command], cwd=tree, check=True)
