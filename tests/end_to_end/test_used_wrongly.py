"""The command used wrongly: one line on stderr, exit status 2, and no traceback."""

from pathlib import Path

import pytest

from tests.topology.running import souk


@pytest.mark.parametrize(("arguments", "shown"), [((), "up  "), (("new",), "service  ")])
def test_without_a_command_all_are_shown(arguments: tuple[str, ...], shown: str) -> None:
    ended = souk(*arguments)
    assert (ended.status, ended.err) == (2, "souk: a command is missing\n")
    assert shown in ended.out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("workflows", "--runtime", "orders=ecs"), "--runtime goes with openapi or terraform or kubernetes"),
        (("openapi", "--set", "orders.SOUK_CURRENCY=EUR"), "--set goes with terraform"),
        (("openapi", "--out", "x"), "--out goes with terraform or kubernetes or workflows"),
        (("openapi", "--secrets", "x"), "--secrets goes with kubernetes or terraform"),
        (("kubernetes", "--secrets", "x", "--out", "y"), "--secrets writes secrets and nothing else: leave out --out"),
        (("terraform", "--set", "carts.SOUK_X=1"), "'carts.SOUK_X=1': there is no service 'carts', only users, "),
    ],
)
def test_an_option_that_would_change_nothing_is_refused(arguments: tuple[str, ...], said: str) -> None:
    ended = souk("render", *arguments)
    assert (ended.status, ended.out, ended.err.count("\n")) == (2, "", 1), ended.err
    assert ended.err.startswith(f"souk: {said}")


@pytest.mark.parametrize(
    "arguments",
    [
        ("render", "kubernetes", "--out"),
        ("render", "terraform", "--data-dir", "{folder}", "--out"),
        ("up", "--port", "0", "--data-dir"),
        ("up", "--port", "0", "--detach", "--data-dir"),
        ("down", "--data-dir"),
    ],
)
def test_a_folder_that_can_not_be_is_named(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    file = tmp_path / "file"
    file.touch()
    ended = souk(*(each.format(folder=tmp_path / "shop") for each in arguments), str(file / "x"))
    assert (ended.status, ended.out, ended.err.count("\n")) == (2, "", 1), ended.err
    assert ended.err.startswith(f"souk: {file}/x")
    assert "Not a directory" in ended.err
