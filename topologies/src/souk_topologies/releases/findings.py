"""What the check says, and how things of the tree are found in its files."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from souk_topologies.releases.places import Places, shown
from souk_topologies.releases.reading import Trouble


class Finding(NamedTuple):
    """Something that would go wrong, or that is to be known. `where` is `file:line` where there is one.

    `breaks` says for whom; empty for a note. `only_public`: nobody of the shop, but clients of its public API.
    """

    where: str
    what: str
    breaks: str
    only_public: bool = False

    def __str__(self) -> str:
        end = f": breaks {self.breaks}" if self.breaks else ""
        return f"{self.where}: {self.what}{end}"


def listed(names: Sequence[str]) -> str:
    """`a`, `a and b`, `a, b and c`."""
    return " and ".join(filter(None, (", ".join(names[:-1]), *names[-1:])))


class Sources:
    """The files of the repository that declare something."""

    def __init__(self, root: Path) -> None:
        self.root = root
        contracts = sorted((root / "contracts/src/souk_contracts").glob("*.py"))
        self._manifests = {path.parts[-4]: path for path in root.glob("services/*/src/*/manifest.py")}
        chassis = root / "chassis/src/souk_chassis"
        named = ("queues.py", "http/problem.py", "events/event.py", "runtimes/lambda_calls.py")
        shared = [chassis / name for name in named if (chassis / name).is_file()]
        self._places = Places([*self._manifests.values(), *shared, *contracts])

    def operation(self, name: str, service: str) -> str:
        """Where an operation is declared: in the contracts, or by its service's manifest."""
        return self._places.of_operation(name) or self.manifest(service, name)

    def event(self, event_type: str) -> str:
        """Where an event is declared."""
        name, version = event_type.split(".")[1:]
        place = self._places.of_class(f"{name}{version.upper()}") or self._places.of_class(name)
        return place or shown(self.root / "contracts")

    def field(self, owner: str, field: str) -> str | None:
        """Where a field of a type is declared, by its name in JSON."""
        return self._places.of_field(owner, field)

    def is_kept_back(self, trouble: Trouble) -> bool:
        """Whether it is a value of an enumeration that says that nobody writes it yet: `places.KEPT_BACK`."""
        return self._places.is_kept_back(trouble.owner, trouble.field)

    def manifest(self, service: str, word: str = "") -> str:
        """Where a service's manifest speaks of something; `service = ` where it does not."""
        path = self._manifests.get(service)
        if path is None:
            return shown(self.root / "services" / service)
        place = self._places.line_naming(path, word) if word else shown(path)
        return place if ":" in place else self._places.line_naming(path, "service = Service(")

    def migration(self, service: str, name: str, line: int | None = None) -> str:
        """A file of migrations, with a line in it."""
        base = self.root / (
            "chassis/src/souk_chassis/storage/schema"
            if service == "chassis"
            else f"services/{service}/src/souk_{service}/migrations"
        )
        return shown(base / name) + ("" if line is None else f":{line}")
