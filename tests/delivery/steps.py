"""The steps of the workflows, and running one as GitHub does: by bash, with the environment that the workflow gives."""

import os
import re
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from tests.delivery.cloud import ROOT, Ended

WORKFLOWS = ROOT / ".github/workflows"
STEP_TIMEOUT_S = 120.0
_EXPRESSION = re.compile(r"\$\{\{ *([\w.-]+) *\}\}")


@dataclass(frozen=True)
class Step:
    """A step of a job, with the job and the workflow around it."""

    workflow: Mapping[str, Any]
    job: Mapping[str, Any]
    step: Mapping[str, Any]

    def environment(self, values: Mapping[str, str]) -> dict[str, str]:
        """Its variables, the workflow's and the job's among them. `values` are those of expressions: `inputs.label`."""
        merged = {**self.workflow.get("env", {}), **self.job.get("env", {}), **self.step.get("env", {})}
        return {name: _EXPRESSION.sub(lambda found: values[found[1]], str(text)) for name, text in merged.items()}

    def run(self, values: Mapping[str, str], environment: Mapping[str, str], at: Path = ROOT) -> Ended:
        """Run its command to the end."""
        command = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", self.step["run"]]
        done = subprocess.run(
            command,
            cwd=at,
            env={**os.environ, **self.environment(values), **environment},
            capture_output=True,
            text=True,
            timeout=STEP_TIMEOUT_S,
            check=False,
        )
        return Ended(done.returncode, done.stdout, done.stderr)


def step(file: str, job: str, name: str) -> Step:
    """A step by its name."""
    workflow = yaml.safe_load((WORKFLOWS / file).read_text())
    found = [each for each in workflow["jobs"][job]["steps"] if each.get("name") == name]
    assert len(found) == 1, f"{file}, {job}: no one step is named {name}"
    return Step(workflow, workflow["jobs"][job], found[0])


def commands() -> Iterator[tuple[str, str]]:
    """Where each step with a command is, and the command."""
    for path in sorted(WORKFLOWS.glob("*.yml")):
        for job_name, job in yaml.safe_load(path.read_text())["jobs"].items():
            for number, each in enumerate(job.get("steps", []), 1):
                if "run" in each:
                    yield f"{path.name}, {job_name}, step {number}", each["run"]
