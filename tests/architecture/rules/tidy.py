"""Sizes, names and leftovers. What is listed as an exception may only become smaller."""

import ast
import re
from collections.abc import Iterator

from tests.architecture.names import FUNCTIONS, Function, walk
from tests.architecture.tree import Breach, Tree

FILE_LINES = 400
FUNCTION_LINES = 70

_CODE = ("*.py", "*.js", "*.css", "*.html", "*.sql", "*.tf", "*.sh", "Makefile")
_VAGUE = frozenset({"utils", "util", "common", "helpers", "helper", "manager", "managers", "core", "misc"})
_LEFTOVER = re.compile(r"\b(TO[D]O|FIX[M]E|XX[X]|HAC[K])\b")


def files_are_short(tree: Tree) -> Iterator[Breach]:
    """400 lines at most."""
    for path in tree.paths(*_CODE):
        lines = len(tree.files[path].splitlines())
        if lines > FILE_LINES:
            yield Breach(path, f"{lines} lines; at most {FILE_LINES}")


def functions_are_short(tree: Tree) -> Iterator[Breach]:
    """70 lines at most, docstring included."""
    for path, body in tree.python("*"):
        for node in walk(body):
            if isinstance(node, FUNCTIONS):
                lines = (node.end_lineno or node.lineno) - node.lineno + 1
                if lines > FUNCTION_LINES:
                    yield Breach(f"{path}:{node.name}", f"{lines} lines; at most {FUNCTION_LINES}")


def names_say_something(tree: Tree) -> Iterator[Breach]:
    """A module's or folder's name says what is in it: anything fits into `utils`."""
    for path in tree.paths("*.py", "*.js"):
        for word in path.split("/"):
            if word.partition(".")[0].strip("_") in _VAGUE:
                yield Breach(path, f"{word} says nothing")


def nothing_is_left_over(tree: Tree) -> Iterator[Breach]:
    """What is to be done stands in an issue, and not in the code."""
    for path in tree.paths("*"):
        for number, line in enumerate(tree.files[path].splitlines(), 1):
            if found := _LEFTOVER.search(line):
                yield Breach(path, f"line {number}: {found[0]}")


def modules_have_docstrings(tree: Tree) -> Iterator[Breach]:
    """Each module says why it exists."""
    for path, body in tree.python("*"):
        if ast.get_docstring(body) is None:
            yield Breach(path, "has no docstring")


def public_names_have_docstrings(tree: Tree) -> Iterator[Breach]:
    """What services and other projects use of the chassis and the contracts is told where it stands."""
    for path, body in tree.python("chassis/src/*", "contracts/src/*"):
        for name, node in _public(body, ""):
            if ast.get_docstring(node) is None:
                yield Breach(f"{path}:{name}", "has no docstring")


def packages_list_what_they_hand_on(tree: Tree) -> Iterator[Breach]:
    """A package that hands on names of its modules lists them in `__all__`, all and no others."""
    for path, body in tree.python("*/src/*/__init__.py", "*/src/*/*/__init__.py"):
        package = path.removesuffix("/__init__.py").rpartition("src/")[2].replace("/", ".")
        handed_on, listed = set(), set()
        for node in body.body:
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith(package):
                handed_on |= {alias.asname or alias.name for alias in node.names}
            elif isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__":
                listed = set(ast.literal_eval(node.value))
            elif isinstance(node, (ast.ClassDef, *FUNCTIONS)) and not node.name.startswith("_"):
                listed.discard(node.name)
        missing = {name for name in handed_on if not name.startswith("_")} - listed
        if missing:
            yield Breach(path, f"hands on what __all__ does not list: {', '.join(sorted(missing))}")


def _public(body: ast.Module | ast.ClassDef, prefix: str) -> Iterator[tuple[str, ast.ClassDef | Function]]:
    """Functions, classes and methods that others may use. A test of a contract suite is told by its name."""
    for node in body.body:
        if isinstance(node, (ast.ClassDef, *FUNCTIONS)) and not node.name.startswith(("_", "test_")):
            yield f"{prefix}{node.name}", node
            if isinstance(node, ast.ClassDef):
                yield from _public(node, f"{node.name}.")
