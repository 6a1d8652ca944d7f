"""Where in the source something is declared, so that a finding names the line that its author has to look at."""

import ast
from collections.abc import Iterable
from pathlib import Path

KEPT_BACK = "# contract: read, and not written yet"
"""The comment beside a new value of an enumeration: all learn to read it in this release, and write it in a later."""


class Places:
    """An index of classes, their fields, and operations in some Python files, read without importing them."""

    def __init__(self, files: Iterable[Path]) -> None:
        self._classes: dict[str, str] = {}
        self._fields: dict[tuple[str, str], str] = {}
        self._operations: dict[str, str] = {}
        self._words: dict[Path, list[str]] = {}
        self._bases: dict[str, list[str]] = {}
        self._kept_back: set[tuple[str, str]] = set()
        for file in files:
            text = file.read_text("utf-8")
            self._words[file] = text.splitlines()
            for node in ast.parse(text).body:
                self._add(file, node)

    def of_operation(self, name: str) -> str | None:
        """`file:line` of an operation; None where it is not written out."""
        return self._operations.get(name)

    def of_class(self, name: str) -> str | None:
        """`file:line` of a class."""
        return self._classes.get(name)

    def of_field(self, owner: str, field: str) -> str | None:
        """`file:line` of a field, or of its class where it has no such field."""
        for name in self._family(owner):
            if (name, field) in self._fields:
                return self._fields[name, field]
        return self._classes.get(owner)

    def is_kept_back(self, owner: str, value: str) -> bool:
        """Whether a value of an enumeration has the comment that nobody writes it yet."""
        return (owner, value) in self._kept_back

    def line_naming(self, file: Path, word: str) -> str:
        """`file:line` of the last line of a file that has this word; the file alone where none has."""
        lines = self._words.get(file, [])
        found = [number for number, line in enumerate(lines, 1) if word in line]
        return f"{shown(file)}:{found[-1]}" if found else shown(file)

    def _family(self, owner: str) -> list[str]:
        family = [owner]
        for name in family:
            family += [base for base in self._bases.get(name, []) if base not in family]
        return family

    def _add(self, file: Path, node: ast.stmt) -> None:
        if isinstance(node, ast.ClassDef):
            self._classes[node.name] = f"{shown(file)}:{node.lineno}"
            self._bases[node.name] = [base.id for base in node.bases if isinstance(base, ast.Name)]
            for entry in node.body:
                if isinstance(entry, ast.AnnAssign) and isinstance(entry.target, ast.Name):
                    self._fields[node.name, _camel(entry.target.id)] = f"{shown(file)}:{entry.lineno}"
                elif isinstance(entry, ast.Assign) and isinstance(entry.value, ast.Constant):
                    self._fields[node.name, str(entry.value.value)] = f"{shown(file)}:{entry.lineno}"
                    if KEPT_BACK in self._words[file][entry.lineno - 1]:
                        self._kept_back.add((node.name, str(entry.value.value)))
        elif isinstance(node, ast.Assign) and isinstance(node.value, ast.Call) and node.value.args:
            name = node.value.args[0]
            if isinstance(name, ast.Constant) and isinstance(name.value, str):
                self._operations.setdefault(name.value, f"{shown(file)}:{node.lineno}")


def shown(file: Path) -> str:
    """A path as people find it: from the working directory if it is below it."""
    return str(file.relative_to(Path.cwd()) if file.is_relative_to(Path.cwd()) else file)


def _camel(name: str) -> str:
    first, *others = name.split("_")
    return first + "".join(word.capitalize() for word in others)
