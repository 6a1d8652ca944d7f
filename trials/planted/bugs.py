"""The planted bugs, as the files in `bugs/` declare them: a text that stands once in the tree, and what replaces it."""

import tomllib
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BUGS = Path(__file__).with_name("bugs")
SOURCES = frozenset({".css", ".hcl", ".html", ".js", ".py", ".sh", ".sql", ".tf", ".toml", ".yaml", ".yml", ""})
"""Suffixes of the files a bug can be planted in. Dockerfiles have none."""


class MisplacedError(Exception):
    """A bug's text does not stand exactly once where it is looked for: the code moved on, and the bug must, too."""


@dataclass(frozen=True, slots=True)
class Bug:
    """A bug. `under` is a file or folder: the text may move within it. `tests` are paths that must find the bug."""

    name: str
    what: str
    under: str
    find: str
    replace: str
    tests: tuple[str, ...]

    def plant(self, tree: Path) -> Path:
        """Write the bug into the tree. Returns the changed file. Raises MisplacedError."""
        places = [(path, text) for path, text in _texts(tree / self.under) if self.find in text]
        count = sum(text.count(self.find) for _, text in places)
        if count != 1:
            raise MisplacedError(f"its text stands {count} times under {self.under}")
        [(path, text)] = places
        path.write_text(text.replace(self.find, self.replace))
        return path


def _texts(where: Path) -> list[tuple[Path, str]]:
    files = sorted(where.rglob("*")) if where.is_dir() else [where]
    return [(path, path.read_text()) for path in files if path.is_file() and path.suffix in SOURCES]


def read_bugs(folder: Path = BUGS) -> list[Bug]:
    """All bugs, by file and then in their order. Raises TypeError or ValueError for a malformed one."""
    bugs = []
    for path in sorted(folder.glob("*.toml")):
        for given in tomllib.loads(path.read_text())["bug"]:
            bug = Bug(**{**given, "tests": tuple(given["tests"])})
            if bug.find == bug.replace or not bug.tests:
                raise ValueError(f"{path.name}: {bug.name} changes nothing, or names no test")
            bugs.append(bug)
    names = [bug.name for bug in bugs]
    if len(set(names)) < len(names):
        raise ValueError("two bugs have the same name")
    return bugs
