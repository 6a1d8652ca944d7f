"""Other people's packages: those wheels that `requirements.lock` names, for the function's Python and platform.

uv fetches them and compares their hashes. What they need in their turn is read from the wheels themselves.
"""

import re
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import distributions
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from souk_topologies.packages.faults import PackageError

DEFAULT_PYTHON = "3.13"
"""The functions' Python, as Terraform sets it."""
DEFAULT_PLATFORM = "x86_64-manylinux_2_34"
"""The functions' platform: Lambda's python3.13 runs on Amazon Linux 2023, whose C library is glibc 2.34. For
manylinux2014 not every package has wheels any more."""
INSTALL_TIMEOUT_S = 300.0
"""How long uv may take to fetch the wheels of a package, in seconds."""

LOCK = "requirements.lock"
_NAME = re.compile(r"^([A-Za-z0-9][A-Za-z0-9._-]*)==")


@dataclass(frozen=True, slots=True)
class Target:
    """Where the functions run: a version of Python such as `3.13`, and a platform in uv's words."""

    python: str = DEFAULT_PYTHON
    platform: str = DEFAULT_PLATFORM

    @property
    def is_here(self) -> bool:
        """Whether the running interpreter compiles for that Python."""
        return self.python == f"{sys.version_info.major}.{sys.version_info.minor}"

    def marks(self, extra: str) -> dict[str, str]:
        """The environment that markers of requirements ask for."""
        return {
            "extra": extra,
            "implementation_name": "cpython",
            "implementation_version": f"{self.python}.0",
            "os_name": "posix",
            "platform_machine": self.platform.partition("-")[0],
            "platform_python_implementation": "CPython",
            "platform_system": "Linux",
            "python_full_version": f"{self.python}.0",
            "python_version": self.python,
            "sys_platform": "linux",
        }


def install(root: Path, wanted: Iterable[Requirement], target: Target, into: Path) -> None:
    """Put the wanted packages and all that they need into a folder. Raises PackageError."""
    locked, installed = _locked(root / LOCK), set[str]()
    waiting, asked = list(wanted), set[str]()
    while waiting:
        new = {name for each in waiting if (name := canonicalize_name(each.name)) not in installed}
        if missing := sorted(new - locked.keys()):
            raise PackageError(f"{LOCK} does not name {', '.join(missing)}: run make lock")
        if new:
            _uv_install(root, "".join(locked[name] for name in sorted(new)), target, into)
            installed |= new
        asked |= {str(each) for each in waiting}
        waiting = [need for each in waiting for need in _needs_of(each, target, into) if str(need) not in asked]


def _locked(lock: Path) -> Mapping[str, str]:
    """The lock's lines of each package, with their hashes."""
    found, name = dict[str, str](), ""
    for line in lock.read_text("utf-8").splitlines(keepends=True):
        if begin := _NAME.match(line):
            name = canonicalize_name(begin[1])
        if name:
            found[name] = found.get(name, "") + line
    return found


def _needs_of(requirement: Requirement, target: Target, folder: Path) -> Iterator[Requirement]:
    """What an installed package needs on the target, with the extras that are asked for."""
    for distribution in distributions(name=requirement.name, path=[str(folder)]):
        for text in distribution.requires or ():
            need = Requirement(text)
            if need.marker is None or any(
                need.marker.evaluate(target.marks(extra)) for extra in ("", *requirement.extras)
            ):
                need.marker = None
                yield need


def _uv_install(root: Path, lines: str, target: Target, into: Path) -> None:
    command = [_uv(), "pip", "install", "--quiet", "--python", sys.executable, "--target", str(into)]
    command += ["--python-version", target.python, "--python-platform", target.platform]
    command += ["--only-binary", ":all:", "--require-hashes", "--no-deps", "--requirement", "-"]
    try:
        done = subprocess.run(  # noqa: S603 - uv, with the lock's own lines
            command, input=lines, cwd=root, capture_output=True, text=True, timeout=INSTALL_TIMEOUT_S, check=False
        )
    except subprocess.TimeoutExpired:
        raise PackageError(f"uv took longer than {INSTALL_TIMEOUT_S:g} s to fetch the wheels") from None
    if done.returncode:
        raise PackageError(f"uv could not fetch the wheels: {' '.join(done.stderr.split())}")


def _uv() -> str:
    beside = Path(sys.executable).with_name("uv")
    found = str(beside) if beside.exists() else shutil.which("uv")
    if found is None:
        raise PackageError("there is no uv: make install puts it into .venv")
    return found
