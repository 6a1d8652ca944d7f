"""A release as its file has it: what each service offered, called, said, heard and owned, and in which form.

`contracts/releases/0.1.0.json` is written once. `SHA256SUMS` beside it, in the form of `sha256sum`, says what was
written: what was deployed can't be written anew, by a rule or by mistake, so that a break seems to fit.
"""

import hashlib
import re
from pathlib import Path
from typing import Any

import msgspec

from souk_topologies.releases.forms import Form

SEALS = "SHA256SUMS"


class ReleasedOperation(msgspec.Struct, frozen=True):
    """An operation, who calls it by their manifests, and the forms of its request and response."""

    name: str
    service: str
    access: str
    route: str | None
    status: list[int]
    idempotent: bool
    streams: bool
    token_optional: bool
    headers: dict[str, str]
    errors: dict[str, str]
    """By code, the kind of each."""
    callers: list[str]
    request: Form
    response: Form


class ReleasedEvent(msgspec.Struct, frozen=True):
    """A type of event, who publishes it, who hears it in which queue (by service), and the form of its data."""

    type: str
    topic: str = ""
    published_by: list[str] = []
    heard_by: dict[str, str] = {}
    data: Form = {}


class ReleasedTable(msgspec.Struct, frozen=True):
    """A table of DynamoDB."""

    keys: list[str]
    indexes: dict[str, list[str]]
    streams: bool


class ReleasedService(msgspec.Struct, frozen=True):
    """What a service owned: databases, tables, migrations by name with their SHA-256, records by name with their shape
    (`souk_chassis.record_shape`)."""

    name: str
    label: str
    databases: list[str]
    tables: dict[str, ReleasedTable]
    migrations: dict[str, str]
    records: dict[str, dict[str, Any]] = {}


class Release(msgspec.Struct, frozen=True):
    """A release, or the tree as it is. `protocol` is what the chassis itself writes and reads around the rest, `routes`
    what the gateway answers by itself."""

    version: str
    operations: dict[str, ReleasedOperation]
    events: dict[str, ReleasedEvent]
    services: dict[str, ReleasedService]
    protocol: dict[str, Form]
    routes: list[str]
    examples: dict[str, dict[str, Any]]
    """`requests` and `responses` by operation, `events` by type (whole CloudEvents): JSON as it is really written."""


def number(version: str) -> tuple[int, ...]:
    """A version such as 0.1.0 as numbers, which can be compared. Raises ValueError for any other form."""
    if not re.fullmatch(r"(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)", version):
        raise ValueError(f"{version!r} is no version such as 0.1.0")
    return tuple(map(int, version.split(".")))


def last_version(folder: Path) -> str | None:
    """The last release that is kept. Raises ValueError where a file is named otherwise."""
    return max((path.stem for path in folder.glob("*.json")), key=number, default=None)


def load(folder: Path, version: str) -> Release:
    """Read a release. Raises OSError, msgspec.MsgspecError."""
    return msgspec.json.decode((folder / f"{version}.json").read_bytes(), type=Release)


def store(release: Release, folder: Path) -> Path:
    """Write a release, and seal it. Raises FileExistsError where there is one."""
    path = folder / f"{release.version}.json"
    with path.open("xb") as file:
        file.write(msgspec.json.format(msgspec.json.encode(release), indent=1) + b"\n")
    with (folder / SEALS).open("a", encoding="utf-8") as seals:
        seals.write(f"{_checksum(path)}  {path.name}\n")
    return path


def differing(folder: Path) -> list[str]:
    """The releases' files that are not as they were written: changed, gone or more."""
    lines = (folder / SEALS).read_text("utf-8").splitlines() if (folder / SEALS).is_file() else []
    sealed = {name: checksum for checksum, _, name in (line.partition("  ") for line in lines)}
    present = {path.name: _checksum(path) for path in folder.glob("*.json")}
    return sorted(name for name in sealed.keys() | present.keys() if sealed.get(name) != present.get(name))


def _checksum(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
