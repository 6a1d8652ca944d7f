"""SQL read as far as the check of migrations needs it: statements with their lines and comments, strings blanked."""

import re
from collections.abc import Iterator
from typing import NamedTuple

_TOKEN = re.compile(
    r"(?P<comment>--[^\n]*|/\*.*?\*/)|(?P<text>'(?:[^']|'')*'|\$(?P<tag>\w*)\$.*?\$(?P=tag)\$)|(?P<end>;)|(?P<rest>.)",
    re.DOTALL,
)


class Statement(NamedTuple):
    """One statement: `sql` in one line, without comments, and with nothing in its strings. `comments` are those before
    and in it; `line` is where it begins, counted from 1."""

    line: int
    sql: str
    comments: str


def statements(text: str) -> Iterator[Statement]:
    """The statements of a file, in order. An unfinished one at the end counts."""
    sql, comments, line, begun = "", "", 1, 0
    for token in _TOKEN.finditer(text):
        if token["end"]:
            if sql.strip():
                yield Statement(begun, " ".join(sql.split()), comments)
            sql, comments, begun = "", "", 0
        elif token["comment"]:
            comments += token["comment"] + "\n"
        else:
            if not begun and not token[0].isspace():
                begun = line
            sql += "''" if token["text"] else token[0]
        line += token[0].count("\n")
    if sql.strip():
        yield Statement(begun, " ".join(sql.split()), comments)


def actions(alter_table: str) -> list[str]:
    """The actions of an ALTER TABLE, which are parted by commas outside of parentheses."""
    depth, parts = 0, [""]
    for char in alter_table:
        depth += (char == "(") - (char == ")")
        if char == "," and depth == 0:
            parts.append("")
        else:
            parts[-1] += char
    return [part.strip() for part in parts]
