"""Where time, settings, drivers and prints may come from, and how money and faults are never treated."""

import ast
import re
import sys
from collections.abc import Iterator

from tests.architecture.names import FUNCTIONS, calls, dotted, imported, imports, module_name, walk
from tests.architecture.services import services
from tests.architecture.tree import Breach, Tree

SOURCES = ("chassis/src/*", "contracts/src/*", "services/*/src/*", "topologies/src/*")

_CLOCKS = re.compile(
    r"datetime\.(datetime|date)\.(now|utcnow|today)|time\.(time|monotonic|perf_counter|process_time)(_ns)?"
)
_MONEY = re.compile(r"minor|price|amount|total|refund|money|fee", re.IGNORECASE)
_STDLIB = sys.stdlib_module_names

_STORES = r"souk_chassis\.runtimes|souk_(?!topologies\b)\w+\.(storage|bootstrap)"
_EDGE = r"souk_chassis\.(edge|hosts|http|runtimes)|souk_topologies"

DRIVERS = {
    "asyncpg": rf"{_STORES}|souk_topologies\.postgres",
    "boto3": r"(?!)",  # for nobody: souk_chassis.aws speaks to AWS
    "botocore": r"souk_chassis\.aws\.credentials",
    "starlette": _EDGE,
    "uvicorn": _EDGE,
    "aiohttp": r"souk_chassis\.(http|edge|observability\.otlp)|souk_payments\.providers|souk_topologies",
    "aiosmtplib": r"souk_notifications\.transports",
}
"""Which modules may import a package that speaks to the outside. Imports inside functions count."""


def drivers_stay_in_adapters(tree: Tree) -> Iterator[Breach]:
    """A package that speaks to the outside is imported where its adapters are, and nowhere else."""
    for path, body in tree.python(*SOURCES):
        module = module_name(path) or ""
        for name, line in imports(body):
            allowed = DRIVERS.get(name.partition(".")[0])
            if allowed is not None and not re.fullmatch(rf"({allowed})(\..+)?", module):
                yield Breach(path, f"line {line} imports {name}")


def domains_import_values_alone(tree: Tree) -> Iterator[Breach]:
    """A domain imports the standard library, the contracts, its records and the chassis' errors: no I/O, no clock, no
    framework."""
    banned = {"asyncio", "os", "time", "socket", "subprocess", "threading", "random", "secrets", "pathlib"}
    for service in services(tree):
        body = service.modules.get(f"{service.package}.domain")
        for name, line in () if body is None else imports(body):
            top = name.partition(".")[0]
            values = (f"{service.package}.records.", "souk_chassis.errors.", "msgspec.structs.")
            shared = top == "souk_contracts" or f"{name}.".startswith(values)
            if top in banned or not (shared or top in _STDLIB):
                yield Breach(f"{service.path}/domain.py", f"line {line} imports {name}")


def time_comes_from_the_clock(tree: Tree) -> Iterator[Breach]:
    """A service asks `ctx.now` or its clock: tests and the simulation set it. Adapters and bootstraps may measure."""
    for path, body in tree.python("services/*/src/*"):
        if "/storage/" in path or path.endswith("/bootstrap.py"):
            continue
        for call in calls(body):
            name = dotted(call.func, imported(body)) or ""
            if _CLOCKS.fullmatch(name):
                yield Breach(path, f"line {call.lineno} asks {name}")


def environment_is_read_late(tree: Tree) -> Iterator[Breach]:
    """No module reads the environment as it is imported, and no service reads it at all: its topology hands it over."""
    for path, body in tree.python(*SOURCES):
        names = imported(body)
        scope = walk(body) if path.startswith("services/") else _at_import(body)
        for node in scope:
            name = dotted(node, names)
            if name in {"os.environ", "os.getenv", "os.environb"}:
                yield Breach(path, f"reads {name}" + ("" if path.startswith("services/") else " at import"))


def money_is_never_a_float(tree: Tree) -> Iterator[Breach]:
    """Money is whole minor units. A float of it is a cent lost somewhere."""
    for path, body in tree.python(*SOURCES):
        for node in walk(body):
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "float" and node.args:
                if _MONEY.search(ast.unparse(node.args[0])):
                    yield Breach(path, f"line {node.lineno}: {ast.unparse(node)}")
            elif isinstance(node, ast.AnnAssign | ast.arg) and node.annotation is not None:
                name = node.arg if isinstance(node, ast.arg) else ast.unparse(node.target)
                if _MONEY.search(name) and re.search(r"\bfloat\b", ast.unparse(node.annotation)):
                    yield Breach(path, f"line {node.lineno}: {name} is a float")


def no_fault_is_swallowed(tree: Tree) -> Iterator[Breach]:
    """No bare except, and no `except Exception` that goes on as if nothing had been."""
    for path, body in tree.python("*"):
        for node in walk(body):
            if isinstance(node, ast.ExceptHandler):
                caught = "" if node.type is None else ast.unparse(node.type)
                if not caught:
                    yield Breach(path, f"line {node.lineno}: a bare except")
                elif re.search(r"\b(Base)?Exception\b", caught) and all(map(_does_nothing, node.body)):
                    yield Breach(path, f"line {node.lineno}: except {caught} that does nothing")
            elif isinstance(node, ast.Call) and dotted(node.func, imported(body)) == "contextlib.suppress":
                for _ in filter(re.compile(r"(Base)?Exception").fullmatch, map(ast.unparse, node.args)):
                    yield Breach(path, f"line {node.lineno}: suppress of every fault")


def nothing_prints_but_programs(tree: Tree) -> Iterator[Breach]:
    """The shop says what it has to say in its log. The command and the trials are programs: they print."""
    for path, body in tree.python(*SOURCES):
        if path.startswith("topologies/src/souk_topologies/cli/"):
            continue
        for call in calls(body):
            if isinstance(call.func, ast.Name) and call.func.id == "print":
                yield Breach(path, f"line {call.lineno} prints")


def _does_nothing(node: ast.stmt) -> bool:
    return isinstance(node, ast.Pass | ast.Continue) or (
        isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    )


def _at_import(body: ast.AST) -> Iterator[ast.AST]:
    """What runs when a module is imported: all but the bodies of functions, whose defaults and decorators do run."""
    for child in ast.iter_child_nodes(body):
        if isinstance(child, FUNCTIONS):
            for part in [*child.decorator_list, *child.args.defaults, *filter(None, child.args.kw_defaults)]:
                yield from ast.walk(part)
        elif not isinstance(child, ast.Lambda):
            yield child
            yield from _at_import(child)
