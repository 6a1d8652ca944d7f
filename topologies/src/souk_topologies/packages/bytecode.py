"""Byte code for a package: a function's folder can't be written to, so each cold start would compile all of it anew."""

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

from souk_topologies.packages.faults import PackageError

TASK_ROOT = "/var/task"
"""Where Lambda unpacks a package. Tracebacks name it."""


def with_byte_code(files: Mapping[str, bytes]) -> dict[str, bytes]:
    """The files with byte code of the running interpreter for each module. Raises PackageError.

    It is of the kind that is not compared with its source (PEP 552): no time and no folder of the builder is in it.
    """
    with TemporaryDirectory(prefix="souk-package-") as name:
        folder = Path(name)
        for path, data in files.items():
            if path.endswith(".py"):
                (folder / path).parent.mkdir(parents=True, exist_ok=True)
                (folder / path).write_bytes(data)
        _compile(folder)
        return dict(files) | {
            path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("__pycache__/*.pyc")
        }


def _compile(folder: Path) -> None:
    command = [sys.executable, "-S", "-s", "-m", "compileall", "-q", "--invalidation-mode", "unchecked-hash"]
    done = subprocess.run(  # noqa: S603 - this interpreter, on files of our own
        [*command, "-s", ".", "-p", TASK_ROOT, "."],
        cwd=folder,
        # Sets of constants are written in the order of their hashes.
        env={"PYTHONHASHSEED": "0", "PYTHONUTF8": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise PackageError(f"a module can't be compiled: {' '.join((done.stdout + done.stderr).split())}")
