"""Which modules can be imported where only some others are: the syntax tree tells, nothing is run."""

import ast
import sys
from collections.abc import Collection, Iterator, Mapping


def importable(files: Mapping[str, bytes], others: Collection[str]) -> dict[str, bytes]:
    """The files without those modules that import something that is not there.

    There are these files, the standard library, and `others`: names of packages. An import inside a function counts for
    nothing: it is made where it is needed, and there it may fail.
    """
    needed = {path: frozenset(_imports(path, data)) for path, data in files.items() if path.endswith(".py")}
    own = {path.split("/")[0].removesuffix(".py") for path in needed}
    every, kept = frozenset(map(_module, needed)), set(needed)
    while True:
        modules = frozenset(map(_module, kept))
        gone = {
            path
            for path in kept
            for name in needed[path]
            if (name in every - modules if name.split(".")[0] in own else not _stands_elsewhere(name, others))
        }
        if not gone:
            return {path: data for path, data in files.items() if path in kept or path not in needed}
        kept -= gone


def _stands_elsewhere(name: str, others: Collection[str]) -> bool:
    top = name.split(".")[0]
    return top in sys.stdlib_module_names or top in others


def _imports(path: str, data: bytes) -> Iterator[str]:
    """The modules that one imports as it is imported. A name out of a package may be a module of it: both are given."""
    for node in _at_import(ast.parse(data, path)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def _at_import(body: ast.AST) -> Iterator[ast.AST]:
    for child in ast.iter_child_nodes(body):
        if isinstance(child, ast.If) and ast.unparse(child.test) == "TYPE_CHECKING":
            yield from (part for other in child.orelse for part in (other, *_at_import(other)))
        elif not isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            yield child
            yield from _at_import(child)


def _module(path: str) -> str:
    return path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
