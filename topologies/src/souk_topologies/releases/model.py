"""A release as its files have it: what each service offered, called, said, heard and owned, and in which form.

It is a folder of `contracts/releases`, such as `contracts/releases/0.1.0`: JSON, written once and never changed.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import msgspec

from souk_topologies.releases.forms import Form

T = TypeVar("T")


class Version(NamedTuple):
    """A release's number, such as 0.1.0."""

    major: int
    minor: int
    patch: int

    @classmethod
    def parse(cls, text: str) -> "Version":
        """Read `0.1.0`. Raises ValueError for any other form."""
        if not re.fullmatch(r"(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)", text):
            raise ValueError(f"{text!r} is no version such as 0.1.0")
        return cls(*map(int, text.split(".")))

    def __str__(self) -> str:
        return ".".join(map(str, self))


class ReleasedOperation(msgspec.Struct, frozen=True, kw_only=True):
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


class ReleasedEvent(msgspec.Struct, frozen=True, kw_only=True):
    """A type of event, who publishes it, who hears it in which queue, and the form of its data."""

    type: str
    topic: str
    published_by: list[str]
    heard_by: dict[str, str]
    """By service, the queue."""
    data: Form


class ReleasedService(msgspec.Struct, frozen=True, kw_only=True):
    """What a service owned: databases, tables by name with their keys, and migrations by name with their SHA-256."""

    name: str
    label: str
    databases: list[str]
    tables: dict[str, dict[str, Any]]
    queues: list[str]
    topics: list[str]
    migrations: dict[str, str]


class Release(msgspec.Struct, frozen=True, kw_only=True):
    """A release, or the tree as it is."""

    version: Version
    operations: dict[str, ReleasedOperation]
    events: dict[str, ReleasedEvent]
    services: dict[str, ReleasedService]
    protocol: dict[str, Form]
    """What the chassis itself writes and reads around all of these, by name."""
    document: dict[str, Any]
    """The OpenAPI document of the public routes."""


def released_versions(folder: Path) -> list[Version]:
    """The releases that are kept, the last one last. Raises ValueError where a folder is named otherwise."""
    return sorted(Version.parse(entry.name) for entry in folder.iterdir() if entry.is_dir())


def load(folder: Path, version: Version) -> Release:
    """Read a release. Raises OSError, or msgspec's errors with the file named."""
    base = folder / str(version)
    return Release(
        version=version,
        operations={each.name: each for each in _read_all(base / "operations", ReleasedOperation)},
        events={each.type: each for each in _read_all(base / "events", ReleasedEvent)},
        services={each.name: each for each in _read_all(base / "services", ReleasedService)},
        protocol=_read(base / "protocol.json", dict[str, Form]),
        document=_read(base / "openapi.json", dict[str, Any]),
    )


def store(release: Release, folder: Path) -> None:
    """Write a release into a folder of its version. Raises FileExistsError where there is one."""
    base = folder / str(release.version)
    base.mkdir(parents=True)
    for operation in release.operations.values():
        write_json(base / "operations" / f"{operation.name}.json", operation)
    for event in release.events.values():
        write_json(base / "events" / f"{event.type}.json", event)
    for service in release.services.values():
        write_json(base / "services" / f"{service.name}.json", service)
    write_json(base / "protocol.json", release.protocol)
    write_json(base / "openapi.json", release.document)


def write_json(path: Path, value: object) -> None:
    """Write a value so that people can read it, and compare two of them."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(msgspec.json.format(msgspec.json.encode(value), indent=2) + b"\n")


def _read_all(folder: Path, kind: type[T]) -> Iterator[T]:
    for path in sorted(folder.glob("*.json")):
        yield _read(path, kind)


def _read(path: Path, kind: type[T]) -> T:
    try:
        return msgspec.json.decode(path.read_bytes(), type=kind)
    except msgspec.MsgspecError as error:
        raise msgspec.ValidationError(f"{path}: {error}") from None
