"""Builds packages and runs programs in them, as a function's sandbox would."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from souk_topologies.packages import DEFAULT_PLATFORM, Target

ROOT = Path(__file__).resolve().parents[3]
HERE = Target(f"{sys.version_info.major}.{sys.version_info.minor}", DEFAULT_PLATFORM)


def souk(*arguments: str, cwd: Path = ROOT, **environment: str) -> subprocess.CompletedProcess[str]:
    """The `souk` command, with what `make install` has fetched and nothing of the network."""
    command = [str(Path(sys.executable).with_name("souk")), *arguments]
    given = {**os.environ, "UV_OFFLINE": "1", **environment}
    return subprocess.run(command, cwd=cwd, env=given, capture_output=True, text=True, check=False)


def run_in(folder: Path, program: str, **environment: str) -> Any:
    """What a program prints as JSON, in an interpreter that finds the standard library and this folder, and no more."""
    begin = f"import json, sys; sys.path.insert(0, {str(folder)!r})\n"
    command = [sys.executable, "-I", "-S", "-B", "-c", begin + program]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout or "null")
