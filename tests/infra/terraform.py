"""Terraform for the tests: a copy of infra/terraform, so that nothing of a run is left in the checkout, and providers
from a mirror on this machine where there is one."""

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
SOURCES = ROOT / "infra/terraform"
IGNORED = shutil.ignore_patterns(".terraform", ".terraform.lock.hcl", "*.tfstate", "*.tfstate.*")
PARALLELISM = 60
"""Steps at once. Most wait: for a function to become active, for a queue's attributes to be seen."""
TIMEOUT_S = 400


class Terraform:
    """Terraform in a copy of infra/terraform. Without the command it raises RuntimeError with a sentence."""

    def __init__(self, folder: Path) -> None:
        command = os.environ.get("SOUK_TERRAFORM") or shutil.which("terraform")
        if command is None:
            raise RuntimeError("There is no `terraform` in the path: install 1.11, or name it by SOUK_TERRAFORM.")
        self.command = command
        self.folder = folder
        shutil.copytree(SOURCES, folder / "terraform", ignore=IGNORED)
        (folder / "cli.tfrc").write_text(provider_installation())
        kept = {name: os.environ[name] for name in ("PATH", "HOME", "TMPDIR") if name in os.environ}
        self.environment = {
            **kept,
            "TF_CLI_CONFIG_FILE": str(folder / "cli.tfrc"),
            "TF_IN_AUTOMATION": "1",
            "TF_INPUT": "0",
            "CHECKPOINT_DISABLE": "1",
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    def run(self, module: str, *arguments: str, **variables: str) -> str:
        """What Terraform prints in one of the folders. AssertionError with its end where it fails."""
        done = subprocess.run(
            [self.command, *arguments],
            cwd=self.folder / "terraform" / module,
            env={**self.environment, **{f"TF_VAR_{name}": value for name, value in variables.items()}},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=TIMEOUT_S,
            check=False,
        )
        assert done.returncode == 0, f"terraform {' '.join(arguments)} in {module}:\n{done.stdout[-6000:]}"
        return done.stdout

    def init(self, module: str) -> None:
        """Make a folder ready, without its backend."""
        self.run(module, "init", "-backend=false", "-no-color")

    def changes(self, module: str, **variables: str) -> dict[tuple[str, str], list[str]]:
        """What a plan would change: (type, attribute) to the addresses. Where a thing comes or goes, the attribute is
        the action."""
        self.run(module, "plan", "-no-color", "-out=second.plan", **variables)
        plan: dict[str, Any] = json.loads(self.run(module, "show", "-json", "second.plan"))
        found: dict[tuple[str, str], list[str]] = {}
        for resource in plan["resource_changes"]:
            change = resource["change"]
            if change["actions"] == ["update"]:
                before, after = change["before"], change["after"]
                what = [name for name in {*before, *after} if before.get(name) != after.get(name)]
            else:
                what = [action for action in change["actions"] if action not in ("no-op", "read")]
            for name in what:
                found.setdefault((resource["type"], name), []).append(resource["address"])
        return found


def provider_installation() -> str:
    """Where Terraform takes providers from: SOUK_TERRAFORM_MIRROR, a mirror under /opt, or else the registry."""
    named = os.environ.get("SOUK_TERRAFORM_MIRROR")
    mirrors = [Path(named)] if named else sorted(path.parent for path in Path("/opt").glob("*/registry.terraform.io"))
    if not mirrors:
        return ""
    return f'provider_installation {{\n  filesystem_mirror {{\n    path = "{mirrors[0]}"\n  }}\n}}\n'
