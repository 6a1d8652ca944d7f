"""A Dockerfile's build stage, followed without Docker: what is copied, from what `.dockerignore` lets through, and the
commands themselves, by a shell in a clean folder.

It knows the few instructions that our files are made of, and fails at any other. What differs from Docker: the
interpreter is the one that runs the tests, `/srv` is a folder of the test, and uv is there already.
"""

import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TOOLS = "infra/images/tools.lock"
"""What installs the installer: `make install` has done it here."""


@dataclass(frozen=True)
class Step:
    """One instruction of a Dockerfile, with its line."""

    line: int
    word: str
    rest: str


@dataclass(frozen=True)
class Stage:
    """A stage: what it is made from, its name where it has one, and its steps."""

    base: str
    name: str
    steps: tuple[Step, ...]


def read(path: Path) -> list[Stage]:
    """The stages of a Dockerfile."""
    stages: list[Stage] = []
    for step in _steps(path.read_text("utf-8")):
        if step.word == "FROM":
            base, _, name = step.rest.partition(" AS ")
            stages.append(Stage(base, name, ()))
        elif stages:
            last = stages[-1]
            stages[-1] = Stage(last.base, last.name, (*last.steps, step))
    return stages


def _steps(text: str) -> Iterator[Step]:
    whole, begun = "", 0
    for number, line in enumerate(text.splitlines(), 1):
        if not whole and (not line.strip() or line.startswith("#")):
            continue
        begun = begun if whole else number
        whole += line.rstrip("\\") if line.endswith("\\") else line
        if not line.endswith("\\"):
            word, _, rest = " ".join(whole.split()).partition(" ")
            yield Step(begun, word, rest)
            whole = ""


def context() -> list[Path]:
    """The files that a build sees, by `.dockerignore`: the last pattern that fits decides."""
    patterns = [line for line in (ROOT / ".dockerignore").read_text().splitlines() if line and line[0] != "#"]
    command = ["git", "ls-files", "-co", "--exclude-standard"]
    names = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.splitlines()
    return [Path(name) for name in sorted(set(names)) if _is_sent(name, patterns)]


def _is_sent(name: str, patterns: list[str]) -> bool:
    sent = True
    for pattern in patterns:
        negated, plain = pattern.startswith("!"), pattern.lstrip("!")
        if _fits(name, plain):
            sent = negated
    return sent and (ROOT / name).is_file()


def _fits(name: str, pattern: str) -> bool:
    parts = name.split("/")
    if pattern.startswith("**/"):
        return any(fnmatch(part, pattern[3:]) for part in parts)
    depth = pattern.count("/") + 1
    given = pattern.split("/")
    return len(parts) >= depth and all(fnmatch(part, wanted) for part, wanted in zip(parts, given, strict=False))


def build(dockerfile: str, folder: Path) -> Path:
    """Follow the build stage in `folder`. Returns the folder that stands for `/srv`."""
    [stage] = [stage for stage in read(ROOT / dockerfile) if stage.name == "build"]
    work, srv = folder / "build", folder / "srv"
    work.mkdir(parents=True)
    srv.mkdir()
    sent = context()
    for step in stage.steps:
        if step.word == "COPY":
            *sources, target = step.rest.split()
            _copy(sources, work / target, sent)
        elif step.word == "RUN" and TOOLS not in step.rest:
            _run(step.rest.replace("/srv/", f"{srv}/"), work)
        elif step.word not in {"RUN", "WORKDIR"}:
            raise AssertionError(f"{dockerfile}:{step.line}: {step.word} is not known here")
    return srv


def _copy(sources: list[str], target: Path, sent: list[Path]) -> None:
    for source in sources:
        found = [path for path in sent if path == Path(source) or Path(source) in path.parents]
        assert found, f"nothing that .dockerignore lets through is in {source}"
        for path in found:
            to = target / path.relative_to(source)
            to.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / path, to)


def _run(command: str, work: Path) -> None:
    tools = work.parent / "tools"
    tools.mkdir(exist_ok=True)
    for name, program in (("python3", sys.executable), ("uv", str(Path(sys.executable).with_name("uv")))):
        if not (tools / name).exists():
            (tools / name).write_text(f'#!/bin/sh\nexec {shlex.quote(program)} "$@"\n')
            (tools / name).chmod(0o755)
    environment = {"PATH": f"{tools}:/usr/bin:/bin", "UV_OFFLINE": "1", "HOME": os.environ.get("HOME", "/")}
    environment |= {name: value for name, value in os.environ.items() if re.match(r"(UV|XDG)_", name)}
    done = subprocess.run(["sh", "-c", command], cwd=work, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
