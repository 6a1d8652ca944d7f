"""What names in a Python file stand for, as far as its imports say."""

import ast
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache

Function = ast.FunctionDef | ast.AsyncFunctionDef
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


@lru_cache(maxsize=4000)
def walk(module: ast.Module) -> Sequence[ast.AST]:
    """All nodes of a file. Many rules ask for them."""
    return tuple(ast.walk(module))


@lru_cache(maxsize=2000)
def imported(module: ast.Module) -> Mapping[str, str]:
    """The names that a file imports, anywhere in it, and the dotted names that they stand for."""
    names: dict[str, str] = {}
    for node in walk(module):
        if isinstance(node, ast.Import):
            for alias in node.names:
                names[alias.asname or alias.name.partition(".")[0]] = (
                    alias.name if alias.asname else alias.name.partition(".")[0]
                )
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            for alias in node.names:
                names[alias.asname or alias.name] = f"{node.module}.{alias.name}"
    return names


def imports(module: ast.Module) -> Iterator[tuple[str, int]]:
    """The dotted names that a file imports, with their lines. `from a import b` gives both `a` and `a.b`."""
    for node in walk(module):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name, node.lineno
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module, node.lineno
            for alias in node.names:
                yield f"{node.module}.{alias.name}", node.lineno


def dotted(node: ast.AST | None, names: Mapping[str, str]) -> str | None:
    """`souk_contracts.orders.GetOrder` for a name or attribute that stands for it; None for anything else."""
    if isinstance(node, ast.Name):
        return names.get(node.id)
    if isinstance(node, ast.Attribute):
        base = dotted(node.value, names)
        return None if base is None else f"{base}.{node.attr}"
    return None


def chain(node: ast.AST) -> list[str]:
    """The words of `ctx.deps.store.unit`, from the left; calls and subscripts in between are passed over."""
    if isinstance(node, ast.Name):
        return [node.id]
    if isinstance(node, ast.Attribute):
        return [*chain(node.value), node.attr]
    if isinstance(node, ast.Call):
        return chain(node.func)
    if isinstance(node, ast.Subscript):
        return chain(node.value)
    return []


def calls(node: ast.AST) -> Iterator[ast.Call]:
    """All calls in it."""
    nodes = walk(node) if isinstance(node, ast.Module) else ast.walk(node)
    return (inner for inner in nodes if isinstance(inner, ast.Call))


def module_name(path: str) -> str | None:
    """`souk_users.storage` for `services/users/src/souk_users/storage/__init__.py`; None outside a `src`."""
    before, src, inside = path.partition("src/")
    if not src or not path.endswith(".py") or (before and not before.endswith("/")):
        return None
    return inside.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
