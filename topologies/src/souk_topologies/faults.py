"""Where a manifest is wrong: the file and line of what its author has to change."""

import ast
import traceback
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

from souk_chassis.manifest import ManifestError, Service

_NOTHING = object()
"""The value of a name that a module does not have: it is about nothing."""


def located(error: ManifestError, module: ModuleType) -> ManifestError:
    """The same error, its message begun with file and line: of the last place that names what it is about, or, where
    it has no name, of the manifest's beginning."""
    file = Path(module.__file__ or module.__name__)
    named = [(node.lineno, _value(node, module)) for node in _named(file)]

    def last(thing: object, otherwise: int) -> int:
        return max((line for line, value in named if value is thing), default=otherwise)

    line = last(error.about, last(Service, 1))
    return ManifestError(error.service, error.about, f"{_place(file, line)}: {error}")


def import_fault(service: str, error: Exception) -> ManifestError | None:
    """A manifest that can't be imported, with file and line: of the last place in it, in its service or in the
    contracts, since what is wrong there often stands in what it imports. None where the error is of something else."""
    if isinstance(error, SyntaxError) and Path(error.filename or "").is_file():
        return ManifestError(service, None, f"{_place(Path(error.filename or ''), error.lineno or 1)}: {error.msg}")
    written = [
        frame
        for frame in traceback.extract_tb(error.__traceback__)
        if {f"souk_{service}", "souk_contracts"}.intersection(Path(frame.filename).parts)
    ]
    if not written:
        return None
    place = _place(Path(written[-1].filename), written[-1].lineno or 1)
    return ManifestError(service, None, f"{place}: {type(error).__name__}: {error}")


def _named(file: Path) -> Iterator[ast.Name | ast.Attribute]:
    """What the file names besides its imports."""
    for node in ast.walk(ast.parse(file.read_text("utf-8"))):
        if isinstance(node, ast.Name | ast.Attribute):
            yield node


def _value(node: ast.expr, module: ModuleType) -> object:
    if isinstance(node, ast.Name):
        return getattr(module, node.id, _NOTHING)
    return getattr(_value(node.value, module), node.attr, _NOTHING) if isinstance(node, ast.Attribute) else _NOTHING


def _place(file: Path, line: int) -> str:
    shown = file.relative_to(Path.cwd()) if file.is_relative_to(Path.cwd()) else file
    return f"{shown}:{line}"
