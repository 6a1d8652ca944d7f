"""Terraform in a copy of infra/terraform, so that nothing of a run is left in the checkout."""

import json
import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from souk_topologies.aws_local.tools import CHECKOUT, find_terraform, provider_installation

SOURCES = CHECKOUT / "infra/terraform"
LOCAL = "environments/local"
"""The environment of the emulator."""
PARALLELISM = 60
"""Steps at once. Most wait: for a function to become active, for a queue's attributes to be seen."""
TIMEOUT_S = 200.0
"""How long one command may take, in seconds. An apply takes 70 on an idle machine. Where an answer of the emulator
is lost, the provider asks again, and waits five minutes for what is there already."""
SAID = 4_000
"""The most characters of what Terraform said that an error repeats: its end."""
_LEFT = shutil.ignore_patterns(".terraform", ".terraform.lock.hcl", "*.tfstate", "*.tfstate.*")


class TerraformError(RuntimeError):
    """Terraform failed. The text has the end of what it said."""


class Terraform:
    """Terraform in `folder`, with a state of its own. Raises ConfigError where the command is missing."""

    def __init__(self, folder: Path) -> None:
        self._command = find_terraform()
        self.sources = folder / "terraform"
        shutil.copytree(SOURCES, self.sources, ignore=_LEFT, dirs_exist_ok=True)
        (folder / "cli.tfrc").write_text(provider_installation())
        kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
        self._environment = {
            **kept,
            "TF_CLI_CONFIG_FILE": str(folder / "cli.tfrc"),
            "TF_IN_AUTOMATION": "1",
            "TF_INPUT": "0",
            "CHECKPOINT_DISABLE": "1",
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    def run(self, module: str, *arguments: str, **variables: str) -> str:
        """What Terraform says, in one of the folders. Raises TerraformError."""
        try:
            status, said = self._run(module, arguments, variables)
        except subprocess.TimeoutExpired:
            raise TerraformError(f"terraform {arguments[0]} in {module} took longer than {TIMEOUT_S:.0f} s") from None
        if status:
            raise TerraformError(f"terraform {' '.join(arguments)} in {module}:\n{said[-SAID:]}")
        return said

    def _run(self, module: str, arguments: Sequence[str], variables: Mapping[str, str]) -> tuple[int, str]:
        """Its exit status, and what it said. Nothing is left of it, also where it is ended: no provider that it has
        started, and no socket of one, which stays where that takes longer than two seconds to end."""
        with (
            tempfile.TemporaryDirectory(prefix="souk-tf-") as sockets,
            subprocess.Popen(  # noqa: S603 - the command that was found, and our own arguments
                [self._command, *arguments],
                cwd=self.sources / module,
                env={
                    **self._environment,
                    **{f"TF_VAR_{name}": value for name, value in variables.items()},
                    "TMPDIR": sockets,
                },
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                start_new_session=True,
            ) as command,
        ):
            try:
                said, _ = command.communicate(timeout=TIMEOUT_S)
            except BaseException:
                os.killpg(command.pid, signal.SIGKILL)
                raise
            return command.returncode, said

    def init(self, module: str) -> None:
        """Make a folder ready, without its backend."""
        self.run(module, "init", "-backend=false", "-no-color")

    def apply(self, module: str, **variables: str) -> dict[str, Any]:
        """Make what the module says. Returns its outputs."""
        self.run(module, "apply", "-auto-approve", "-no-color", f"-parallelism={PARALLELISM}", **variables)
        outputs: dict[str, dict[str, Any]] = json.loads(self.run(module, "output", "-json"))
        return {name: output["value"] for name, output in outputs.items()}

    def destroy(self, module: str, **variables: str) -> None:
        """Remove all that was made."""
        self.run(module, "destroy", "-auto-approve", "-no-color", f"-parallelism={PARALLELISM}", **variables)
