"""A service's source: its modules, its functions, and which of them call which."""

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

from tests.architecture.names import FUNCTIONS, Function, calls, dotted, imported, module_name
from tests.architecture.tree import Tree, parse


@dataclass(frozen=True)
class Source:
    """One service."""

    name: str
    tree: Tree

    @property
    def folder(self) -> str:
        """Its folder from the root."""
        return f"services/{self.name}"

    @property
    def package(self) -> str:
        """Its import name."""
        return f"souk_{self.name}"

    @property
    def path(self) -> str:
        """The folder of its package."""
        return f"{self.folder}/src/{self.package}"

    @cached_property
    def modules(self) -> Mapping[str, ast.Module]:
        """Its modules by dotted name."""
        found = {}
        for path in self.tree.paths(f"{self.path}/*.py"):
            name = module_name(path)
            if name is not None:
                found[name] = parse(self.tree.files[path])
        return found

    def where(self, function: str) -> str:
        """The place of a function or module of this service, as breaches name it."""
        module = self._module_of(function) or function
        inside = module.removeprefix(self.package).replace(".", "/")
        path = f"{self.path}{inside}.py" if f"{self.path}{inside}.py" in self.tree.files else f"{self.path}{inside}"
        name = function.removeprefix(module).removeprefix(".")
        return f"{path}:{name}" if name else path

    def _module_of(self, name: str) -> str | None:
        while name not in self.modules:
            name, dot, _ = name.rpartition(".")
            if not dot:
                return None
        return name

    @cached_property
    def functions(self) -> Mapping[str, Function]:
        """Its functions at the top of a module, by dotted name."""
        return {
            f"{module}.{node.name}": node
            for module, body in self.modules.items()
            for node in body.body
            if isinstance(node, FUNCTIONS)
        }

    def find(self, name: str) -> str | None:
        """The dotted name under which a function is defined, whichever module hands it on. None: it is not here."""
        for _ in range(10):
            if name in self.functions:
                return name
            module = self._module_of(name)
            if module is None or module == name:
                return None
            origin = imported(self.modules[module]).get(name.removeprefix(f"{module}."))
            if origin is None:
                return None
            name = origin
        return None

    def resolve(self, node: ast.AST, module: str) -> str | None:
        """The dotted name of a function of this service that an expression in `module` stands for."""
        if isinstance(node, ast.Name) and f"{module}.{node.id}" in self.functions:
            return f"{module}.{node.id}"
        name = dotted(node, imported(self.modules[module]))
        return None if name is None else self.find(name)

    def reached(self, start: ast.AST, module: str) -> Iterator[tuple[str, str, ast.Call]]:
        """All calls in `start` and in the functions of this service that it calls: (module, function or "", call)."""
        seen: set[str] = set()
        todo: list[tuple[str, str, ast.AST]] = [(module, "", start)]
        while todo:
            inside, function, node = todo.pop()
            for call in calls(node):
                yield inside, function, call
                callee = self.resolve(call.func, inside)
                if callee is not None and callee not in seen:
                    seen.add(callee)
                    todo.append((callee.rpartition(".")[0], callee, self.functions[callee]))


def services(tree: Tree) -> list[Source]:
    """All services, by name."""
    names = {path.split("/")[1] for path in tree.paths("services/*/pyproject.toml")}
    return [Source(name, tree) for name in sorted(names)]
