"""What contracts and manifests declare, read from their syntax trees: nothing is imported, so a planted file counts."""

import ast
from collections.abc import Mapping
from dataclasses import dataclass, field

from tests.architecture.names import dotted, imported, module_name
from tests.architecture.services import Source
from tests.architecture.tree import Tree

_EVENT = "souk_chassis.events.event.Event"


@dataclass(frozen=True)
class Operation:
    """An operation of the contracts. `request` is the dotted name of its type."""

    dotted: str
    name: str
    service: str
    access: str
    request: str | None


@dataclass(frozen=True)
class Contracts:
    """The words that services share, by dotted name."""

    operations: Mapping[str, Operation]
    events: frozenset[str]

    def event(self, name: str | None) -> bool:
        """Whether this is an event that is published, and no base of others."""
        return name in self.events


def read_contracts(tree: Tree) -> Contracts:
    """All operations and events of `souk_contracts`."""
    operations: dict[str, Operation] = {}
    bases: dict[str, set[str]] = {}
    for path, module in tree.python("contracts/src/souk_contracts/*.py"):
        here = str(module_name(path))
        names = {**imported(module), **{n.name: f"{here}.{n.name}" for n in module.body if isinstance(n, ast.ClassDef)}}
        for node in module.body:
            if isinstance(node, ast.ClassDef):
                bases[f"{here}.{node.name}"] = {str(dotted(base, names)) for base in node.bases}
            elif isinstance(node, ast.Assign) and isinstance(node.value, ast.Call) and _declares(node.value, names):
                name = f"{here}.{ast.unparse(node.targets[0])}"
                operations[name] = _operation(name, node.value, names)
    kinds = {_EVENT}
    while more := {name for name, above in bases.items() if above & kinds} - kinds:
        kinds |= more
    return Contracts(operations, frozenset(kinds - {_EVENT} - set().union(*bases.values())))


def _declares(call: ast.Call, names: Mapping[str, str]) -> bool:
    return dotted(call.func, names) == "souk_chassis.operation.Operation"


def _operation(name: str, call: ast.Call, names: Mapping[str, str]) -> Operation:
    words = {keyword.arg: keyword.value for keyword in call.keywords}
    title, service = (ast.literal_eval(argument) for argument in call.args[:2])
    access = words["access"]
    assert isinstance(access, ast.Attribute), f"{name}: its access can't be read"
    return Operation(name, title, service, access.attr, dotted(words["request"], names))


@dataclass(frozen=True)
class Handlers:
    """The functions of a consumer, by dotted name as the manifest gives them."""

    apply: str | None
    ask: str | None


@dataclass
class Manifest:
    """A service's declaration. `unread` names what is not written so plainly that it can be checked."""

    name: str = ""
    keeps: list[str] = field(default_factory=list)
    implements: dict[str, str] = field(default_factory=dict)
    publishes: list[str] = field(default_factory=list)
    consumes: dict[str, Handlers] = field(default_factory=dict)
    calls: list[str] = field(default_factory=list)
    unread: list[str] = field(default_factory=list)


class _Reader:
    def __init__(self, source: Source, module: ast.Module) -> None:
        here = f"{source.package}.manifest"
        own = {name.rpartition(".")[2]: name for name in source.functions if name.rpartition(".")[0] == here}
        self.names = {**imported(module), **own}
        self.values = {
            target.id: node.value
            for node in module.body
            if isinstance(node, ast.Assign)
            for target in node.targets
            if isinstance(target, ast.Name)
        }
        self.manifest = Manifest()

    def plain(self, node: ast.expr | None) -> ast.expr | None:
        """The value of a constant of the manifest in place of its name."""
        while isinstance(node, ast.Name) and node.id in self.values:
            node = self.values[node.id]
        return node

    def named(self, node: ast.expr | None) -> str:
        name = dotted(self.plain(node), self.names)
        if name is None:
            self.manifest.unread.append("nothing" if node is None else ast.unparse(node))
        return name or ""

    def read(self) -> Manifest:
        manifest, call = self.manifest, self.plain(self.values.get("service"))
        if not isinstance(call, ast.Call) or dotted(call.func, self.names) != "souk_chassis.manifest.Service":
            manifest.unread.append("there is no service = Service(...)")
            return manifest
        words = {keyword.arg: keyword.value for keyword in call.keywords}
        manifest.name = str(ast.literal_eval(call.args[0]))
        manifest.keeps = [self.named(entry) for entry in self.entries(words.get("keeps"))]
        manifest.publishes = [self.named(entry) for entry in self.entries(words.get("publishes"))]
        for _, uses in self.pairs(words.get("parts")):
            said = uses.keywords if isinstance(uses, ast.Call) else []
            calls = [keyword.value for keyword in said if keyword.arg == "calls"]
            manifest.calls += [self.named(entry) for each in calls for entry in self.entries(each)]
        for key, value in self.pairs(words.get("implements")):
            manifest.implements[self.named(key)] = self.named(value)
        for key, value in self.pairs(words.get("consumes")):
            manifest.consumes[self.named(key)] = self.handlers(value)
        return manifest

    def entries(self, node: ast.expr | None) -> list[ast.expr]:
        node = self.plain(node)
        if isinstance(node, ast.List | ast.Tuple | ast.Set):
            return node.elts
        if node is not None:
            self.manifest.unread.append(ast.unparse(node))
        return []

    def pairs(self, node: ast.expr | None) -> list[tuple[ast.expr | None, ast.expr]]:
        node = self.plain(node)
        if isinstance(node, ast.Dict):
            return list(zip(node.keys, node.values, strict=True))
        if node is not None:
            self.manifest.unread.append(ast.unparse(node))
        return []

    def handlers(self, node: ast.expr) -> Handlers:
        call = self.plain(node)
        if not isinstance(call, ast.Call):
            self.manifest.unread.append(ast.unparse(node))
            return Handlers(None, None)
        given: dict[str | None, ast.expr] = dict(zip(("apply", "ask"), call.args, strict=False))
        given |= {keyword.arg: keyword.value for keyword in call.keywords}
        ask = given.get("ask")
        return Handlers(self.named(given.get("apply")), None if ask is None else self.named(ask))


def read_manifest(source: Source) -> Manifest:
    """The manifest of a service; empty where it has none."""
    module = source.modules.get(f"{source.package}.manifest")
    return Manifest() if module is None else _Reader(source, module).read()
