"""Asks AWS by its own command line, version 2, which the runners have: a deployment needs no package besides."""

import argparse
import json
import math
import os
import subprocess
import sys
from typing import Any

COMMAND_TIMEOUT_S = 1800.0
"""How long one command may take, in seconds: publishing a version with a snapshot takes minutes."""


class DeployError(Exception):
    """A deployment can't be made or was taken back; its text says why."""


def aws(*arguments: str) -> Any:
    """What the command answers, decoded from JSON; None where it answers nothing. Raises DeployError."""
    command = ["aws", *arguments, "--output", "json"]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=COMMAND_TIMEOUT_S, env=_environment(), check=False
        )
    except FileNotFoundError:
        raise DeployError("there is no aws in the path: install the AWS CLI 2") from None
    except subprocess.TimeoutExpired:
        raise DeployError(f"aws {' '.join(arguments[:2])} took longer than {COMMAND_TIMEOUT_S:g} s") from None
    if done.returncode:
        raise DeployError(f"aws {' '.join(arguments[:2])}: {' '.join(done.stderr.split())}")
    return json.loads(done.stdout) if done.stdout.strip() else None


def _environment() -> dict[str, str]:
    """Without a pager, which would wait for somebody to press a key."""
    return dict(os.environ) | {"AWS_PAGER": ""}


def say(text: str) -> None:
    """A line of the deployment's log, at once."""
    print(text, flush=True)


def complain(text: str) -> None:
    """One line on stderr: why it ends."""
    print(f"deploy: {text}", file=sys.stderr, flush=True)


def seconds(text: str) -> float:
    """An option's value in seconds. Raises ValueError, or ArgumentTypeError, where nobody can wait for that."""
    value = float(text)
    if not 0 <= value < math.inf:
        raise argparse.ArgumentTypeError(f"{text} is no number of seconds from 0 on")
    return value
