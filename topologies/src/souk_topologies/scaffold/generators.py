"""Files that are made from the manifests of all services: after a service was added they are made anew."""

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from souk_topologies.scaffold.faults import ScaffoldError

TIMEOUT_S = 120.0
"""How long one generator may take, in seconds."""
GENERATORS: Mapping[str, Sequence[str]] = {
    "docs/reference/iam.md": ("tests.architecture.iam",),
    "docs/reference/network.md": ("tests.kubernetes.network_page",),
    "infra/kubernetes": ("souk_topologies", "render", "kubernetes", "--out", "infra/kubernetes"),
    ".github/workflows": ("souk_topologies", "render", "workflows", "--out", ".github/workflows"),
}
"""What makes a file or the files of a folder: a module that is started, with its arguments, in a checkout's root. A
shop that has done away with one of them goes without."""


def regenerate(root: Path) -> None:
    """Let every generator write its files in this checkout, from its own sources. Raises ScaffoldError."""
    for path, command in GENERATORS.items():
        if (root / path).exists():
            _run(root, *command)


def tidy(root: Path, paths: Sequence[str]) -> None:
    """Sort imports and break lines as `make format` does: how long a line is depends on the name. Raises ScaffoldError
    for what `make check` would not take."""
    _run(root, "ruff", "check", "--quiet", "--select=I", "--fix", *paths)
    _run(root, "ruff", "format", "--quiet", *paths)
    _run(root, "ruff", "check", "--quiet", "--output-format=concise", *paths)


def _run(root: Path, module: str, *arguments: str) -> None:
    sources = [str(folder) for pattern in ("*/src", "services/*/src") for folder in sorted(root.glob(pattern))]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(root), *sources]), "PYTHONDONTWRITEBYTECODE": "1"}
    try:
        done = subprocess.run(  # noqa: S603 - this interpreter, and a module that is named here
            [sys.executable, "-m", module, *arguments],
            cwd=root,
            env=environment,
            capture_output=True,
            text=True,
            timeout=TIMEOUT_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise ScaffoldError(f"{module} did not end within {TIMEOUT_S:.0f} s") from None
    if done.returncode != 0:
        told = (done.stdout + done.stderr).strip().splitlines() or [f"exit status {done.returncode}"]
        raise ScaffoldError(f"{module} failed: {told[-1 if told[0].startswith('Traceback') else 0]}")
