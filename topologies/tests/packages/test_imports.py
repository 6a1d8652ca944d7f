"""A module goes in where all that it imports as it is imported is there, too."""

import pytest

from souk_topologies.packages.imports import importable


def kept(others: frozenset[str] = frozenset(), **sources: str) -> set[str]:
    files = {"souk_x/__init__.py": b"", **{f"souk_x/{name}.py": text.encode() for name, text in sources.items()}}
    return {path[7:-3] for path in importable(files, others)} - {"__init__"}


@pytest.mark.parametrize(
    "source",
    ["import asyncpg", "from asyncpg.pool import Pool", "class A:\n    import asyncpg", "if True:\n    import asyncpg"],
)
def test_what_needs_a_package_that_is_not_there_is_left_out(source: str) -> None:
    assert kept(a=source, b="import json") == {"b"}
    assert kept(frozenset({"asyncpg"}), a=source, b="import json") == {"a", "b"}


@pytest.mark.parametrize("source", ["from souk_x.a import b", "from souk_x import a", "import souk_x.a"])
def test_what_needs_that_is_left_out_with_it(source: str) -> None:
    assert kept(a="import asyncpg", b=source, c="from souk_x import b", d="") == {"d"}


@pytest.mark.parametrize(
    "source",
    [
        "def late():\n    import asyncpg",
        "async def late():\n    from souk_x import a",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import asyncpg",
        "from souk_x.c import a",
    ],
)
def test_an_import_that_is_made_later_counts_for_nothing(source: str) -> None:
    assert kept(a="import asyncpg", b=source, c="a = 1") == {"b", "c"}


def test_other_files_stay() -> None:
    assert importable({"souk_x/page.html": b"<p>"}, ()) == {"souk_x/page.html": b"<p>"}
