"""The repository's files as a value: a rule reads them, and a test changes a copy to plant a breach."""

import ast
import subprocess
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from functools import cached_property, lru_cache
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[2]


class Breach(NamedTuple):
    """Where a rule is broken (a path, with a name after a colon where one helps), and how."""

    where: str
    what: str


@dataclass(frozen=True)
class Tree:
    """Text files by their path from the root, with forward slashes; and the paths of all other files."""

    files: Mapping[str, str]
    binaries: frozenset[str] = frozenset()

    def paths(self, *patterns: str) -> list[str]:
        """The paths that fit one of these patterns, sorted. `*` stands for anything, slashes too."""
        return [path for path in self._sorted if any(fnmatchcase(path, pattern) for pattern in patterns)]

    @cached_property
    def _sorted(self) -> list[str]:
        return sorted(self.files)

    def python(self, *patterns: str) -> Iterator[tuple[str, ast.Module]]:
        """The Python files that fit, parsed."""
        for path in self.paths(*patterns):
            if path.endswith(".py"):
                yield path, parse(self.files[path])

    def plant(self, path: str, text: str) -> "Tree":
        """A copy in which the file has this text."""
        return replace(self, files={**self.files, path: text})

    def plant_binary(self, path: str) -> "Tree":
        """A copy in which there is a file that is no text."""
        return replace(self, binaries=self.binaries | {path})

    def append(self, path: str, text: str) -> "Tree":
        """A copy in which the file goes on with this text."""
        return self.plant(path, f"{self.files[path]}\n\n{text}")

    def replace(self, path: str, old: str, new: str) -> "Tree":
        """A copy in which the file has `new` in the first place where it had `old`."""
        text = self.files[path]
        assert old in text, f"{path} has no {old!r}: the planted breach needs another place"
        return self.plant(path, text.replace(old, new, 1))

    def remove(self, path: str) -> "Tree":
        """A copy without the file."""
        return replace(self, files={name: text for name, text in self.files.items() if name != path})


Rule = Callable[[Tree], Iterable[Breach]]


@lru_cache(maxsize=2000)
def parse(text: str) -> ast.Module:
    """The syntax tree of a Python file. Rules share it: none changes it."""
    return ast.parse(text)


def read_tree(root: Path = ROOT) -> Tree:
    """What git tracks, and what it would track if it were added now: a breach is found before it is committed."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=root,
        capture_output=True,
        check=True,
    )
    files, binaries = {}, set()
    for name in listed.stdout.decode().split("\0"):
        path = root / name
        if name and path.is_file():
            text = _text(path)
            if text is None:
                binaries.add(name)
            else:
                files[name] = text
    return Tree(files, frozenset(binaries))


def _text(path: Path) -> str | None:
    """None for a file that is no text."""
    try:
        return path.read_bytes().decode()
    except UnicodeDecodeError:
        return None
