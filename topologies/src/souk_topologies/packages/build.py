"""Builds the packages: what each needs, gathered, compiled, zipped and written."""

import hashlib
from collections.abc import Container, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from souk_topologies.packages.archive import archive
from souk_topologies.packages.bytecode import with_byte_code
from souk_topologies.packages.contents import contents
from souk_topologies.packages.faults import PackageError
from souk_topologies.packages.needs import Member, needs_of, read_members
from souk_topologies.packages.wheels import Target, install
from souk_topologies.shop import SERVICES

MAX_PACKAGE_BYTES = 10_000_000
"""The largest package. Lambda takes 50 MB, and each cold start fetches it."""
EDGE = "edge"
"""The package of the gateway's function and the authorizer's."""


@dataclass(frozen=True, slots=True)
class Package:
    """A package that was written: its file, its size in bytes, and its SHA-256 in hexadecimal digits."""

    path: Path
    size: int
    sha256: str


PACKAGES = (*SERVICES, EDGE)


def build_packages(
    root: Path, out: Path, edge_files: Mapping[str, bytes], target: Target, only: Container[str] = PACKAGES
) -> Iterator[Package]:
    """Write the package of each service and of the edge into `out`, and tell of each when it is there.

    `root` is a checkout, `edge_files` what the gateway's function serves (`souk_topologies.edge`), `only` the names of
    the packages to write. Byte code is in a package where the target's Python is the running one. Raises PackageError,
    OSError.
    """
    members = read_members(root)
    out.mkdir(parents=True, exist_ok=True)
    for name in PACKAGES:
        if name in only:
            files = _gather(root, members, member_of(name), target)
            yield _write(out / f"{name}.zip", files | dict(edge_files) if name == EDGE else files, target)


def member_of(package: str) -> str:
    """The member of the workspace that a package is made of: the edge's is the chassis itself."""
    return "souk-chassis" if package == EDGE else f"souk-{package}"


def _gather(root: Path, members: Mapping[str, Member], member: str, target: Target) -> dict[str, bytes]:
    needs = needs_of(member, members)
    with TemporaryDirectory(prefix="souk-package-") as folder:
        install(root, needs.others, target, Path(folder))
        return contents(needs.members, Path(folder))


def _write(path: Path, files: Mapping[str, bytes], target: Target) -> Package:
    zipped = archive(with_byte_code(files) if target.is_here else files)
    if len(zipped) > MAX_PACKAGE_BYTES:
        raise PackageError(f"{path.name} has {len(zipped):,} bytes; at most {MAX_PACKAGE_BYTES:,}")
    unfinished = path.with_suffix(".unfinished")
    unfinished.write_bytes(zipped)
    unfinished.replace(path)  # a package is whole, or the one before it
    return Package(path, len(zipped), hashlib.sha256(zipped).hexdigest())
