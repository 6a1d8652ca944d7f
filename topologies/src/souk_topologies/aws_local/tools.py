"""What the emulated shop needs besides Python: the emulator, Terraform, and its provider for AWS."""

import os
import shutil
from pathlib import Path

from souk_chassis.config import ConfigError

CHECKOUT = Path(__file__).resolve().parents[4]
"""The checkout that this runs from: Terraform's modules and the emulator stand there."""
MIRRORS = "*/registry.terraform.io"
"""Where in /opt a mirror of Terraform's providers may be."""


def find_emulator() -> Path:
    """The emulator's command: `SOUK_MINISTACK`, or what `make aws-local-tools` installed. Raises ConfigError."""
    command = Path(os.environ.get("SOUK_MINISTACK") or CHECKOUT / "build/ministack/bin/ministack")
    if not command.exists():
        raise ConfigError(f"there is no emulator at {command}: run make aws-local-tools, or name it by SOUK_MINISTACK")
    return command


def find_terraform() -> str:
    """Terraform's command: `SOUK_TERRAFORM`, or the one in the path. Raises ConfigError."""
    command = os.environ.get("SOUK_TERRAFORM") or shutil.which("terraform")
    if command is None:
        raise ConfigError("there is no terraform in the path: install 1.11 or newer, or name it by SOUK_TERRAFORM")
    return command


def provider_installation() -> str:
    """Where Terraform takes providers from, in its own configuration's words: `SOUK_TERRAFORM_MIRROR`, a mirror in
    /opt, or else, by an empty text, the registry."""
    named = os.environ.get("SOUK_TERRAFORM_MIRROR")
    mirrors = [Path(named)] if named else sorted(path.parent for path in Path("/opt").glob(MIRRORS))
    if not mirrors:
        return ""
    return f'provider_installation {{\n  filesystem_mirror {{\n    path = "{mirrors[0]}"\n  }}\n}}\n'
