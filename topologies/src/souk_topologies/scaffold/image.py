"""The files of a new service's image: those of a service with the same needs, so that no package index is asked."""

import tomllib
from pathlib import Path
from typing import Any

from souk_topologies.scaffold.faults import ScaffoldError
from souk_topologies.scaffold.words import Words

LOCK = "requirements.lock"
DOCKERFILE = "Dockerfile"


def write_image(root: Path, words: Words) -> None:
    """Write what the service's image is made by, where services have images.

    Dockerfiles differ in the service's name alone, and a lock is what the service needs. Raises ScaffoldError where no
    other service needs the same.
    """
    folder = root / "services" / words.plural
    twins = [path.parent for path in sorted(root.glob(f"services/*/{LOCK}"))]
    if not twins:
        return
    twin = next((each for each in twins if _needs(each) == _needs(folder)), None)
    if twin is None:
        raise ScaffoldError(f"no service has the needs of a new one, whose {LOCK} could be its own")
    (folder / LOCK).write_bytes((twin / LOCK).read_bytes())
    text = (twin / DOCKERFILE).read_text("utf-8")
    [label] = {line.split('title="')[1].split('"')[0] for line in text.splitlines() if 'title="' in line}
    (folder / DOCKERFILE).write_text(text.replace(label, words.label).replace(twin.name, words.plural), "utf-8")


def _needs(folder: Path) -> tuple[Any, Any]:
    project = tomllib.loads((folder / "pyproject.toml").read_text("utf-8"))["project"]
    return sorted(project["dependencies"]), project.get("optional-dependencies")
