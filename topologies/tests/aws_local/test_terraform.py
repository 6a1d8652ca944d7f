"""Terraform's command: what it says, what is refused, and that nothing is left of one that was ended."""

import tempfile
from pathlib import Path

import psutil
import pytest

from souk_chassis.testing.waiting import until
from souk_topologies.aws_local import terraform as running
from souk_topologies.aws_local.terraform import LOCAL, Terraform, TerraformError

STAND_IN = """#!/bin/sh
case $1 in
  version) echo "it says so" ;;
  fail) echo "it says why"; exit 1 ;;
  hang)
    sleep 600 &
    echo $! > "$TMPDIR/plugin1"
    cp "$TMPDIR/plugin1" "$TF_VAR_seen.new" && mv "$TF_VAR_seen.new" "$TF_VAR_seen"
    wait ;;
esac
"""


@pytest.fixture
def terraform(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Terraform:
    """One whose command is a stand-in, as is the folder for temporary files."""
    command = tmp_path / "terraform-stand-in"
    command.write_text(STAND_IN)
    command.chmod(0o755)
    monkeypatch.setenv("SOUK_TERRAFORM", str(command))
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    return Terraform(tmp_path / "shop")


@pytest.fixture(autouse=True)
def folder(tmp_path: Path) -> None:
    (tmp_path / "shop").mkdir()


def test_what_it_says_is_told(terraform: Terraform) -> None:
    assert terraform.run(LOCAL, "version") == "it says so\n"


def test_a_failure_has_what_it_said(terraform: Terraform) -> None:
    with pytest.raises(TerraformError, match=rf"^terraform fail in {LOCAL}:\nit says why\n"):
        terraform.run(LOCAL, "fail")


async def test_one_that_hangs_is_ended_with_all_that_it_started(
    terraform: Terraform, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(running, "TIMEOUT_S", 3.0)
    with pytest.raises(TerraformError, match=f"^terraform hang in {LOCAL} took longer than 3 s$"):
        terraform.run(LOCAL, "hang", seen=str(tmp_path / "seen"))
    provider = int((tmp_path / "seen").read_text())
    await until(lambda: not _lives(provider), 5.0)
    assert list((tmp_path / "temporary").iterdir()) == []


def _lives(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
