"""What a new service is asked to be: which events it hears, and which engines it is deployed on.

The templates name one event and one engine that there are not; every line with one of them is written for those that
were asked for, or left out.
"""

import ast
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from souk_chassis.manifest import POSTGRES
from souk_topologies.scaffold.faults import ScaffoldError

SAMPLE_EVENT = "SampleHeard"
SAMPLE_MODULE = "souk_contracts.samples"
SAMPLE_STORE = "samplestore"
HEARING = re.compile(r"(consumers|test_consumers)\.py$")
"""Files that only a service that hears something has."""


@dataclass(frozen=True)
class Choices:
    """`hears` has the module of each event by its name; `stores` has the one engine, if it has one alone."""

    hears: Mapping[str, str]
    stores: Sequence[str] = ()

    @property
    def on_postgres(self) -> bool:
        """Whether the service can be in a cluster."""
        return not self.stores or POSTGRES in self.stores

    def has(self, path: str) -> bool:
        """Whether the service has the file of this template."""
        return bool(self.hears) or HEARING.search(path) is None

    def write(self, text: str) -> str:
        """The text of a template, with what was chosen in it."""
        return "".join(self._line(line) for line in text.splitlines(keepends=True))

    def _line(self, line: str) -> str:
        if SAMPLE_MODULE in line:
            return "".join(f"from {module} import {event}\n" for event, module in self.hears.items())
        if SAMPLE_STORE in line:
            return "".join(line.replace(SAMPLE_STORE, store) for store in self.stores)
        if not self.hears and ("Consumer" in line or "consumers" in line):
            return line.replace("Consumer, ", "") if "Consumer, " in line else ""
        if found := re.search(r"\{(SampleHeard: [^}]*)\}", line):
            entries = ", ".join(found[1].replace(SAMPLE_EVENT, event) for event in self.hears)
            return line.replace(found[1], entries)
        return line.replace(SAMPLE_EVENT, ", ".join(f"`{event}`" for event in self.hears) or "none")


def choices_of(root: Path, hears: Sequence[str], stores: Sequence[str]) -> Choices:
    """The choices, by the names of events. Raises ScaffoldError for an event that no service publishes."""
    there = published(root)
    for event in hears:
        if event not in there:
            raise ScaffoldError(f"there is no event {event}, only {', '.join(sorted(there))}")
    return Choices({event: there[event] for event in hears}, stores)


def published(root: Path) -> dict[str, str]:
    """The module of each event that a service of this checkout publishes, by the event's name."""
    found: dict[str, str] = {}
    for path in sorted(root.glob("services/*/src/*/manifest.py")):
        tree = ast.parse(path.read_text("utf-8"))
        imports = {
            alias.asname or alias.name: str(node.module)
            for node in ast.walk(tree)
            if isinstance(node, ast.ImportFrom)
            for alias in node.names
        }
        for node in ast.walk(tree):
            if isinstance(node, ast.keyword) and node.arg == "publishes":
                names = [each.id for each in ast.walk(node.value) if isinstance(each, ast.Name)]
                found |= {name: imports[name] for name in names if name in imports}
    return found
