"""Where a manifest is wrong: the file and line of what its author has to change."""

import ast
import traceback
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

from souk_chassis.manifest import ManifestError


def located(error: ManifestError, module: ModuleType) -> ManifestError:
    """The same error, its message begun with file and line: of the last place that names what it is about."""
    file = Path(module.__file__ or module.__name__)
    lines = [node.lineno for node in _named(file) if _value(node, module) is error.about]
    return ManifestError(error.service, error.about, f"{_place(file, max(lines, default=1))}: {error}")


def import_fault(service: str, module: str, error: Exception) -> ManifestError | None:
    """A manifest that can't be imported, with file and line; None where the error is of something else."""
    ending = f"{module.replace('.', '/')}.py"
    if isinstance(error, SyntaxError) and (error.filename or "").endswith(ending):
        return ManifestError(service, None, f"{_place(Path(error.filename or ''), error.lineno or 1)}: {error.msg}")
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename.endswith(ending)]
    if not frames:
        return None
    place = _place(Path(frames[-1].filename), frames[-1].lineno or 1)
    return ManifestError(service, None, f"{place}: {type(error).__name__}: {error}")


def _named(file: Path) -> Iterator[ast.Name | ast.Attribute]:
    """What the file names besides its imports."""
    for node in ast.walk(ast.parse(file.read_text("utf-8"))):
        if isinstance(node, ast.Name | ast.Attribute):
            yield node


def _value(node: ast.expr, module: ModuleType) -> object:
    if isinstance(node, ast.Name):
        return getattr(module, node.id, None)
    return getattr(_value(node.value, module), node.attr, None) if isinstance(node, ast.Attribute) else None


def _place(file: Path, line: int) -> str:
    shown = file.relative_to(Path.cwd()) if file.is_relative_to(Path.cwd()) else file
    return f"{shown}:{line}"
