"""The data directory."""

import subprocess
from pathlib import Path

from souk_topologies.places import DataDir


def strangers(checkout: Path) -> str:
    """What git would add."""
    command = ["git", "-C", checkout, "status", "--porcelain", "--untracked-files=all"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def test_a_shop_in_a_checkout_is_not_added_to_it(tmp_path: Path) -> None:
    subprocess.run(["git", "init", "--quiet", tmp_path], check=True)
    data = DataDir(tmp_path / "shops" / "shop")
    data.create()
    data.keys.mkdir()
    (data.keys / "users.pem").write_text("a key")
    assert strangers(tmp_path) == ""


def test_a_folder_that_was_there_stays_in_sight(tmp_path: Path) -> None:
    subprocess.run(["git", "init", "--quiet", tmp_path], check=True)
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "page.md").write_text("# A page\n")
    DataDir(tmp_path / "docs").create()
    assert strangers(tmp_path) == "?? docs/page.md\n"
