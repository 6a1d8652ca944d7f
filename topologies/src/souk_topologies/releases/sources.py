"""What the check says, and where in the files of the tree it is to be looked at: found without importing them."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from souk_topologies.releases.reading import Trouble

CLIENTS = "clients of the public API"
"""What breaks these alone passes with the next major version."""
KEPT_BACK = "# contract: read, and not written yet"
"""The comment beside a new value of an enumeration: all learn to read it in this release, and write it in a later."""


class Finding(NamedTuple):
    """Something that would go wrong, or that is to be known. `where` is `file:line` where there is one; `breaks` says
    for whom; empty for a note."""

    where: str
    what: str
    breaks: str = ""

    def __str__(self) -> str:
        return f"{self.where}: {self.what}: breaks {self.breaks}" if self.breaks else f"{self.where}: {self.what}"


class Sources:
    """The lines of the repository that declare something."""

    def __init__(self, root: Path) -> None:
        self.root = root
        globs = ("contracts/src/*/*.py", "services/*/src/*/records.py", "chassis/src/**/*.py")
        files = [file for glob in globs for file in sorted(root.glob(glob))]
        lines = [(file, file.read_text("utf-8").splitlines()) for file in files]
        self._lines = [(f"{shown(file)}:{at}", line) for file, text in lines for at, line in enumerate(text, 1)]

    def type(self, name: str) -> str | None:
        """Where a class is declared."""
        return self._lines[at][0] if (at := self._class(name)) is not None else None

    def event(self, event_type: str) -> str:
        """Where an event is declared."""
        _, name, version = event_type.split(".")
        return self.type(f"{name}{version.upper()}") or self.type(name) or shown(self.root / "contracts")

    def operation(self, name: str, service: str) -> str:
        """Where an operation is declared: in the contracts, or by its service's manifest."""
        for at, (_, line) in enumerate(self._lines):
            if re.search(rf'^\s+"{name}",$|Operation\("{name}"', line):
                return self._lines[at if "Operation(" in line else at - 1][0]
        return self.manifest(service, name)

    def manifest(self, service: str, word: str = "Service(") -> str:
        """Where a service's manifest speaks of something; where it begins if it does not."""
        for file in self.root.glob(f"services/{service}/src/*/manifest.py"):
            lines = file.read_text("utf-8").splitlines()
            numbers = {said: at for at, line in enumerate(lines, 1) for said in (word, "Service(") if said in line}
            return f"{shown(file)}:{numbers.get(word) or numbers.get('Service(', 1)}"
        return shown(self.root / "services" / service)

    def migration(self, service: str, name: str, line: int | None = None) -> str:
        """A file of migrations, with a line in it."""
        of_service = f"services/{service}/src/souk_{service}/migrations"
        base = self.root / ("chassis/src/souk_chassis/storage/schema" if service == "chassis" else of_service)
        return shown(base / name) + ("" if line is None else f":{line}")

    def of(self, trouble: Trouble, otherwise: str) -> str:
        """Where the field that a trouble names is declared; its class where it has no such field."""
        at = self._field(trouble)
        return self._lines[at][0] if at is not None else self.type(trouble.owner) or otherwise

    def is_kept_back(self, trouble: Trouble) -> bool:
        """Whether it is a value of an enumeration that says that nobody writes it yet."""
        at = self._field(trouble)
        return at is not None and KEPT_BACK in self._lines[at][1]

    def _class(self, name: str) -> int | None:
        declared = re.compile(rf"class {re.escape(name)}\b")
        return next((at for at, (_, line) in enumerate(self._lines) if name and declared.match(line)), None)

    def _field(self, trouble: Trouble) -> int | None:
        """The line of a field by its name in JSON, of a value of an enumeration, or of either in a base."""
        snake = re.sub(r"(?=[A-Z])", "_", trouble.field).lower()
        declared = re.compile(rf'    (({snake}|{re.escape(trouble.field)}):|\w+ = "{re.escape(trouble.field)}")')
        family = [trouble.owner]
        for name in family:
            begin = self._class(name)
            for at in range(begin + 1, len(self._lines)) if begin is not None and trouble.field else ():
                if declared.match(self._lines[at][1]):
                    return at
                if re.match(r"\S", self._lines[at][1]):
                    break
            bases = re.findall(r"[(,] ?(\w+)(?=[,)])", self._lines[begin][1]) if begin is not None else []
            family += [base for base in bases if base not in family]
        return None


def shown(file: Path) -> str:
    """A path as people find it: from the working directory if it is below it."""
    return str(file.relative_to(Path.cwd()) if file.is_relative_to(Path.cwd()) else file)


def listed(names: Sequence[str]) -> str:
    """`a`, `a and b`, `a, b and c`."""
    return " and ".join(filter(None, (", ".join(names[:-1]), *names[-1:])))
