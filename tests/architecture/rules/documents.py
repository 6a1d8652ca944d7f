"""Documents that must say what the code says."""

import ast
import re
from collections.abc import Iterator

from tests.architecture.services import Source, services
from tests.architecture.tree import Breach, Tree, parse

_ARROW = re.compile(r"^\s*(\[\*\]|[A-Z_]+)\s*-->\s*(\[\*\]|[A-Z_]+)", re.MULTILINE)
_NONE = "[*]"

Steps = set[tuple[str, str]]


def readmes_show_the_states(tree: Tree) -> Iterator[Breach]:
    """The diagram in a service's README has the steps of its domain's table, and the states of its enumerations."""
    for service in services(tree):
        readme = f"{service.folder}/README.md"
        drawn = set(_ARROW.findall(tree.files.get(readme, "")))
        table, states = _table(service), _states(tree, service)
        if drawn and table:
            # A step from a state to itself, and the arrow out of an end, are for the reader; the table has neither.
            shown = {(a, b) for a, b in drawn if a not in {b, _NONE} and b != _NONE}
            known = {(a, b) for a, b in table if a != _NONE}
            for a, b in sorted(known - shown):
                yield Breach(readme, f"does not show {a} --> {b}")
            for a, b in sorted(shown - known):
                yield Breach(readme, f"shows {a} --> {b}, which the table of states does not have")
        for state in sorted({end for step in drawn for end in step} - {_NONE} - states):
            yield Breach(readme, f"shows a state {state} that the domain does not have")
        if table and not drawn:
            yield Breach(readme, "shows no diagram of the states")


def decisions_name_what_enforces_them(tree: Tree) -> Iterator[Breach]:
    """The last line of a decision says what keeps it, and the paths that it names exist."""
    numbers: dict[str, str] = {}
    for path in tree.paths("docs/decisions/[0-9]*.md"):
        name = path.rpartition("/")[2]
        if not re.fullmatch(r"\d{4}-[a-z0-9-]+\.md", name):
            yield Breach(path, "is not named NNNN-words.md")
        if numbers.setdefault(name[:4], path) != path:
            yield Breach(path, f"has the number of {numbers[name[:4]]}")
        lines = [line for line in tree.files[path].splitlines() if line.strip()]
        last = lines[-1] if lines else ""
        if not re.match(r"[*_]*Enforced by\b[^\w]*\w", last):
            yield Breach(path, "its last line does not say what enforces it")
        for named in re.findall(r"`([\w.-]+/[\w./-]+)`", last):
            if not tree.paths(named, f"{named.rstrip('/')}/*"):
                yield Breach(path, f"is enforced by {named}, which does not exist")


def _table(service: Source) -> Steps:
    """The steps of the domain's table: a mapping of states to sets of states. None is [*]."""
    module = service.modules.get(f"{service.package}.domain")
    steps: Steps = set()
    for node in () if module is None else module.body:
        if isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None:
            for table in ast.walk(node.value):
                if isinstance(table, ast.Dict) and table.values and all(_is_set(value) for value in table.values):
                    for key, value in zip(table.keys, table.values, strict=True):
                        steps |= {(_state(key), _state(entry)) for entry in ast.walk(value) if _is_state(entry)}
    return steps


def _is_set(node: ast.expr) -> bool:
    return isinstance(node, ast.Call) and ast.unparse(node.func) == "frozenset"


def _is_state(node: ast.AST) -> bool:
    return isinstance(node, ast.Attribute) and node.attr.isupper()


def _state(node: ast.AST | None) -> str:
    return node.attr if isinstance(node, ast.Attribute) else _NONE


def _states(tree: Tree, service: Source) -> set[str]:
    """The members of the enumerations of a service's domain and records, and of the contracts that it imports."""
    domain, records = (service.modules.get(f"{service.package}.{name}") for name in ("domain", "records"))
    imported = {node.module for node in ast.walk(domain) if isinstance(node, ast.ImportFrom)} if domain else set()
    contracts = [f"contracts/src/{module.replace('.', '/')}.py" for module in sorted(filter(None, imported))]
    modules = [domain, records, *(parse(tree.files[path]) for path in contracts if path in tree.files)]
    return {
        entry.targets[0].id
        for module in modules
        if module is not None
        for node in module.body
        if isinstance(node, ast.ClassDef)
        for entry in node.body
        if isinstance(entry, ast.Assign) and isinstance(entry.targets[0], ast.Name)
    }
