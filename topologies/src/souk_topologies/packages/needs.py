"""What a package holds, from the dependencies in the members' `pyproject.toml`."""

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from souk_topologies.packages.faults import PackageError


@dataclass(frozen=True, slots=True)
class Member:
    """A member of the workspace: its folder, what it needs everywhere, and what besides for each of its extras."""

    folder: Path
    needs: tuple[Requirement, ...]
    extras: Mapping[str, tuple[Requirement, ...]]


@dataclass(frozen=True, slots=True)
class Needs:
    """Folders of members, and packages of others that these ask for by name. Both are sorted."""

    members: tuple[Path, ...]
    others: tuple[Requirement, ...]


def read_members(root: Path) -> Mapping[str, Member]:
    """The members of the workspace in `root` by name. Raises PackageError where it is none."""
    try:
        workspace = tomllib.loads((root / "pyproject.toml").read_text("utf-8"))["tool"]["uv"]["workspace"]
    except (OSError, KeyError, tomllib.TOMLDecodeError):
        raise PackageError("packages are built from a checkout of the sources, and this is none") from None
    found = dict[str, Member]()
    for pattern in workspace["members"]:
        for path in sorted(root.glob(f"{pattern}/pyproject.toml")):
            project = tomllib.loads(path.read_text("utf-8"))["project"]
            extras = project.get("optional-dependencies", {})
            found[canonicalize_name(project["name"])] = Member(
                path.parent,
                _requirements(project.get("dependencies", ())),
                {name: _requirements(texts) for name, texts in extras.items()},
            )
    return found


def needs_of(name: str, members: Mapping[str, Member]) -> Needs:
    """What a member needs without any extra, with all that the members below it need as it asks for them."""
    folders, others = set[Path](), dict[str, Requirement]()
    seen, waiting = set[str](), [Requirement(name)]
    while waiting:
        requirement = waiting.pop()
        if str(requirement) in seen:
            continue
        seen.add(str(requirement))
        member = members.get(canonicalize_name(requirement.name))
        if member is None:
            others[str(requirement)] = requirement
            continue
        folders.add(member.folder)
        waiting += member.needs
        for extra in requirement.extras:
            waiting += member.extras[extra]
    return Needs(tuple(sorted(folders)), tuple(others[text] for text in sorted(others)))


def _requirements(texts: Iterable[str]) -> tuple[Requirement, ...]:
    return tuple(map(Requirement, texts))
