"""The deployment scripts as a person runs them, against stand-ins of the commands that they give."""

import base64
import importlib
import io
import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.delivery.stand_in_aws import answer

ROOT = Path(__file__).resolve().parents[2]
SCRIPTS = ROOT / "infra/delivery"
SCRIPT_TIMEOUT_S = 30.0
OLD, NEW = b"the old code", b"the new code"


@dataclass(frozen=True)
class Ended:
    """A script that has ended."""

    status: int
    out: str
    err: str


class Cloud:
    """A folder with the commands that a script may give, the state behind `aws`, and the words that the others got."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.bin = folder / "bin"
        self.bin.mkdir()
        self._state = folder / "state.json"
        self.said = folder / "said"
        played = Path(__file__).with_name("stand_in_aws.py").read_text()
        (self.bin / "python3").symlink_to(sys.executable)  # a shim of pyenv would put others' commands first
        self.command("aws", f"#!{sys.executable} -SE\n{played}")
        self.write({"folder": str(folder), "functions": {}, "alarms": {}, "logs": {}, "ecs": {}, "after": []})

    def command(self, name: str, text: str) -> None:
        """Make a command."""
        (self.bin / name).write_text(text)
        (self.bin / name).chmod(0o755)

    def shell(self, name: str, body: str) -> None:
        """Make a command of the shell that writes down what it was given, and then does this."""
        read = "[[ $* != *--password-stdin* ]] || cat > /dev/null"
        self.command(name, f'#!/bin/bash\necho "{name} $*" >> "$STAND_IN_SAID"\n{read}\n{body}\n')

    def read(self) -> dict[str, Any]:
        """The state behind `aws`."""
        state: dict[str, Any] = json.loads(self._state.read_text())
        return state

    def calls(self) -> list[str]:
        """What `aws` was asked, in order."""
        kept = self.folder / "calls"
        return kept.read_text().splitlines() if kept.exists() else []

    def write(self, state: Mapping[str, Any]) -> None:
        """Let this be the state."""
        self._state.write_text(json.dumps(state))

    def change(self, **members: Any) -> None:
        """Let these members of the state be so."""
        self.write(self.read() | members)

    @property
    def environment(self) -> dict[str, str]:
        """What a script is started with."""
        stand_in = {"STAND_IN_STATE": str(self._state), "STAND_IN_SAID": str(self.said)}
        return {"PATH": f"{self.bin}:{os.environ['PATH']}", "HOME": str(self.folder), **stand_in}

    def run(self, script: str, *arguments: str, **environment: str) -> Ended:
        """Run one to its end."""
        done = subprocess.run(
            [SCRIPTS / script, *arguments],
            env=self.environment | environment,
            capture_output=True,
            text=True,
            timeout=SCRIPT_TIMEOUT_S,
            check=False,
        )
        return Ended(done.returncode, done.stdout, done.stderr)

    def run_here(self, script: str, *arguments: str) -> Ended:
        """The same within this process, and with it `aws`: a tenth of the time."""
        out, err = io.StringIO(), io.StringIO()
        signals = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
        with pytest.MonkeyPatch.context() as patched, redirect_stdout(out), redirect_stderr(err):
            patched.syspath_prepend(str(SCRIPTS))
            patched.setattr(sys, "argv", [script, *arguments])
            module = importlib.import_module(script.removesuffix(".py"))
            patched.setattr(importlib.import_module("aws_cli").subprocess, "run", self._answer)
            try:
                status = module.main()
            except SystemExit as ended:
                status = ended.code
            finally:
                for number, handler in signals.items():
                    signal.signal(number, handler)
        return Ended(status, out.getvalue(), err.getvalue())

    def _answer(self, command: list[str], **_: object) -> subprocess.CompletedProcess[str]:
        assert command[0] == "aws"
        return subprocess.CompletedProcess(command, *answer(self._state, command[1:]))

    def words(self) -> list[str]:
        """What the commands of the shell were given, in order."""
        return self.said.read_text().splitlines() if self.said.exists() else []


def function(code: bytes = OLD) -> dict[str, Any]:
    """A function of Lambda that runs this code, with one version of it and the alias there."""
    text = base64.b64encode(code).decode()
    return {"code": text, "versions": {"1": text}, "alias": {"FunctionVersion": "1"}}


def code_of(state: Mapping[str, Any], name: str) -> bytes:
    """What a function runs."""
    return base64.b64decode(state["functions"][name]["code"])
