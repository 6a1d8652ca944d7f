"""What a service's code must and must not do: ask for the owner, keep remote calls out of units of work, take its time
from the clock and its settings from its bootstrap."""

import ast
from collections.abc import Iterator

from tests.architecture.declarations import read_contracts, read_manifest
from tests.architecture.names import chain, dotted, imported, walk
from tests.architecture.services import Source, services
from tests.architecture.tree import Breach, Tree

_OUTSIDE = frozenset({"provider", "transport", "pipeline", "dispatcher"})
"""What a service calls the ways out of it."""
_REMOTE_PACKAGES = frozenset({"aiohttp", "aiosmtplib", "boto3", "botocore", "urllib", "http"})


def owners_are_asked_for(tree: Tree) -> Iterator[Breach]:
    """The implementation of an operation with access OWNER asks whose the object is."""
    operations = read_contracts(tree).operations
    for service in services(tree):
        for name, function in read_manifest(service).implements.items():
            found = service.find(function)
            if name not in operations or operations[name].access != "OWNER" or found is None:
                continue
            reached = service.reached(service.functions[found], found.rpartition(".")[0])
            asked = {chain(call.func)[-1] for _, _, call in reached if chain(call.func)}
            if not any(word == "must_own" or word.startswith("owns_") for word in asked):
                yield Breach(service.where(found), "has access OWNER, and never asks for the owner")


def no_remote_call_in_a_unit(tree: Tree) -> Iterator[Breach]:
    """A unit of work holds locks: nothing in it waits for another service, a provider or a mail server."""
    for service in services(tree):
        for module, body in service.modules.items():
            for node in walk(body):
                if isinstance(node, ast.AsyncWith) and any(_opens_unit(item.context_expr) for item in node.items):
                    yield from _remote(service, ast.Module(body=node.body, type_ignores=[]), module, "a unit of work")
        for handlers in read_manifest(service).consumes.values():
            found = service.find(handlers.apply or "")
            if found is not None:
                what = f"the handler {found.rpartition('.')[2]}"
                yield from _remote(service, service.functions[found], found.rpartition(".")[0], what)


def operations_do_not_sleep(tree: Tree) -> Iterator[Breach]:
    """An operation that has to wait is woken; one that sleeps holds its caller for nothing."""
    for service in services(tree):
        for function in read_manifest(service).implements.values():
            found = service.find(function)
            if found is None:
                continue
            for module, _, call in service.reached(service.functions[found], found.rpartition(".")[0]):
                if dotted(call.func, imported(service.modules[module])) == "asyncio.sleep":
                    yield Breach(service.where(found), "sleeps")


def _opens_unit(node: ast.expr) -> bool:
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "unit"


def _remote(service: Source, node: ast.AST, module: str, inside_what: str) -> Iterator[Breach]:
    for inside, function, call in service.reached(node, module):
        words = chain(call.func)
        package = (dotted(call.func, imported(service.modules[inside])) or "").partition(".")[0]
        sleeps = dotted(call.func, imported(service.modules[inside])) == "asyncio.sleep"
        if words[-1:] == ["call"] or _OUTSIDE.intersection(words) or package in _REMOTE_PACKAGES or sleeps:
            yield Breach(service.where(function or inside), f"{ast.unparse(call.func)} inside {inside_what} ({module})")
