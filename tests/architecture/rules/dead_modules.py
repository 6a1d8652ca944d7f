"""Modules that nothing imports but their own tests."""

import ast
import re
import tomllib
from collections.abc import Iterator

from tests.architecture.names import imports, module_name, walk
from tests.architecture.tree import Breach, Tree


def modules_are_used(tree: Tree) -> Iterator[Breach]:
    """Each module is imported by another member's code or tests, by its own member's code, started as a program, or
    named by Terraform as a function's handler."""
    modules = {name: path for path in tree.paths("*/src/*.py") if (name := module_name(path))}
    used, patterns = set[str](), [re.escape(script) for script in (*_scripts(tree), *_handlers(tree))]
    for path, body in tree.python("*"):
        here = module_name(path)
        own = {name for name in modules if _member(modules[name]) == _member(path)} if here is None else set()
        used |= {name for name, _ in imports(body) if name in modules and name != here and name not in own}
        if here is not None:
            patterns += _named(body)
    started = re.compile("|".join(patterns) or "(?!)")
    for name, path in modules.items():
        is_package = path.endswith("/__init__.py")
        if (
            is_package
            or name.endswith(".__main__")
            or name in used
            or started.fullmatch(name)
            or _is_program(tree, path)
        ):
            continue
        yield Breach(path, "is imported by nothing but its tests")


def _member(path: str) -> str:
    parts = path.split("/")
    return "/".join(parts[:2]) if parts[0] == "services" else parts[0]


def _is_program(tree: Tree, path: str) -> bool:
    return 'if __name__ == "__main__":' in tree.files[path]


def _scripts(tree: Tree) -> Iterator[str]:
    for path in tree.paths("*pyproject.toml"):
        for entry in tomllib.loads(tree.files[path]).get("project", {}).get("scripts", {}).values():
            yield entry.partition(":")[0]


def _handlers(tree: Tree) -> Iterator[str]:
    """The modules of the functions' handlers; what Terraform's tests say of one makes no use of it."""
    for path in tree.paths("infra/terraform/*.tf"):
        yield from re.findall(r'^\s*handler\s*=\s*"([\w.]+)\.\w+"', tree.files[path], re.MULTILINE)


def _named(body: ast.Module) -> Iterator[str]:
    """Modules that a string names, such as `f"souk_{name}.manifest"`, as regular expressions."""
    inside = {id(part) for node in walk(body) if isinstance(node, ast.JoinedStr) for part in node.values}
    for node in walk(body):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in inside:
            if re.fullmatch(r"souk_\w+(\.\w+)+", node.value):
                yield re.escape(node.value)
        elif isinstance(node, ast.JoinedStr):
            parts = [re.escape(str(p.value)) if isinstance(p, ast.Constant) else r"\w+" for p in node.values]
            if re.match(r"souk_", "".join(parts)):
                yield "".join(parts)
