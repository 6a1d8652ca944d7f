"""The file of the roles' secrets: private, kept, and one truth for processes that make it at the same moment."""

import json
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from souk_topologies.postgres import ProvisionError, load_or_create_secrets


def test_secrets_are_made_once_and_kept_private(tmp_path: Path) -> None:
    path = tmp_path / "keys" / "secrets.json"
    first = load_or_create_secrets(path, ["a", "b"])
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert len({*first.values()}) == 2
    assert all(len(secret) >= 43 for secret in first.values())
    assert load_or_create_secrets(path, ["b", "c"])["b"] == first["b"]
    assert json.loads(path.read_text()).keys() == {"a", "b", "c"}
    assert [*path.parent.iterdir()] == [path]


def test_a_file_that_others_could_read_is_closed(tmp_path: Path) -> None:
    path = tmp_path / "secrets.json"
    path.write_text('{"a": "given"}')
    path.chmod(0o644)
    assert load_or_create_secrets(path, ["a"]) == {"a": "given"}
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_who_comes_at_the_same_moment_gets_the_same(tmp_path: Path) -> None:
    path = tmp_path / "secrets.json"
    with ThreadPoolExecutor(8) as pool:
        seen = list(pool.map(lambda number: load_or_create_secrets(path, ["shared", f"own{number}"]), range(8)))
    assert len({each["shared"] for each in seen}) == 1
    assert len(json.loads(path.read_text())) == 9


@pytest.mark.parametrize("text", ["", "{", "[]", '{"a": 1}'])
def test_a_spoilt_file_is_named_and_left(tmp_path: Path, text: str) -> None:
    path = tmp_path / "secrets.json"
    path.write_text(text)
    with pytest.raises(ProvisionError, match=str(path)):
        load_or_create_secrets(path, ["a"])
    assert path.read_text() == text
