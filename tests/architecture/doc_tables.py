"""The pages of docs/reference as tables, to be compared with the code."""

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"

Row = list[str]


def page(name: str) -> str:
    return (DOCS / "reference" / name).read_text("utf-8")


def tables(text: str) -> Iterator[tuple[Row, list[Row]]]:
    """The tables of a page: the head, and the rows. Cells are stripped."""
    block: list[Row] = []
    for line in [*text.splitlines(), ""]:
        if line.startswith("|"):
            block.append([cell.strip() for cell in line.strip("|").split("|")])
        elif block:
            yield block[0], block[2:]
            block = []


def rows(text: str, *head: str) -> list[Row]:
    """The rows of all tables whose head begins so."""
    return [row for found, body in tables(text) if found[: len(head)] == [*head] for row in body]


def words(cell: str) -> list[str]:
    """What stands in backticks."""
    return re.findall(r"`([^`]+)`", cell)


def differing(what: str, code: Iterable[object], told: Iterable[object]) -> list[str]:
    inside, outside = set(map(str, code)), set(map(str, told))
    missing = [f"{what} {name} is not in the page" for name in sorted(inside - outside)]
    return missing + [f"{what} {name} is not in the code" for name in sorted(outside - inside)]
