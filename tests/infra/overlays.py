"""The overlays as kustomize renders them, with secrets of a shop that was made for it."""

import functools
import os
import shutil
import subprocess
from pathlib import Path

import pytest
from click.testing import CliRunner

from souk_topologies.cli.main import souk
from tests.kubernetes.objects import SOURCES, Object, read

OVERLAYS = ("kind", "eks")


def kubectl() -> str:
    """The `kubectl` to use: SOUK_KUBECTL, else the one in the path."""
    found = os.environ.get("SOUK_KUBECTL") or shutil.which("kubectl")
    if not found:
        pytest.fail("There is no kubectl in the path: install 1.31 or newer, or name it by SOUK_KUBECTL.")
    return found


def render(folder: Path) -> str:
    """What `kubectl apply -k` would send."""
    done = subprocess.run([kubectl(), "kustomize", folder], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def copy_without_secrets(folder: Path) -> Path:
    """A copy of infra/kubernetes as it is in the repository."""
    made = ("SOUK_*", "DATABASE_URL", "POSTGRES_PASSWORD")
    return Path(shutil.copytree(SOURCES, folder / "kubernetes", ignore=shutil.ignore_patterns(*made)))


def copy_with_secrets(folder: Path) -> Path:
    """A copy of infra/kubernetes in which the overlay `kind` has its secrets."""
    sources = copy_without_secrets(folder)
    secrets = sources / "overlays/kind/secrets"
    options = ["render", "kubernetes", "--secrets", str(secrets), "--data-dir", str(folder / "data")]
    done = CliRunner().invoke(souk, options, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return sources


@functools.cache
def objects_of(sources: Path, overlay: str) -> tuple[Object, ...]:
    """The objects of an overlay. Nobody may change them."""
    return tuple(read(render(sources / "overlays" / overlay)))
