"""The manifest against the code, both ways: what is declared is done, and what is done is declared."""

import ast
from collections.abc import Iterator, Set

from tests.architecture.declarations import Contracts, read_contracts, read_manifest
from tests.architecture.names import calls, dotted, imported, walk
from tests.architecture.services import Source, services
from tests.architecture.tree import Breach, Tree

_NO_MAKERS = frozenset({"isinstance", "issubclass", "TypeVar", "cast", "Consumer"})
"""Calls that are given a class to speak of it, and not to make one of it."""
_OPENS, _OPENS_RECORDS = "souk_chassis.storage.opening.open_store", "souk_chassis.runtimes.stores.open_store"


def manifests_are_plain(tree: Tree) -> Iterator[Breach]:
    """A manifest is lists and tables of names: nothing in it is computed, so that it can be read without being run."""
    for service in services(tree):
        manifest = read_manifest(service)
        for unread in manifest.unread:
            yield Breach(_manifest(service), f"can't be read plainly: {unread}")
        if manifest.name != service.name:
            yield Breach(_manifest(service), f"names the service {manifest.name!r}")


def operations_are_implemented(tree: Tree) -> Iterator[Breach]:
    """A service implements the operations that the contracts declare for it, all of them and no others."""
    operations = read_contracts(tree).operations
    for service in services(tree):
        wanted = {name for name, operation in operations.items() if operation.service == service.name}
        offered = set(read_manifest(service).implements)
        yield from _both_ways(
            service, wanted, offered, "is declared for it, and not implemented", "is not declared for it"
        )
        for name in sorted(wanted):
            if name.split(".")[1] != service.name:
                yield Breach(f"contracts:{name}", f"belongs to {service.name}, and stands in {name.split('.')[1]}.py")


def implementations_fit_their_operations(tree: Tree) -> Iterator[Breach]:
    """The function exists, is named as its operation, and takes its request."""
    operations = read_contracts(tree).operations
    for service in services(tree):
        for name, function in read_manifest(service).implements.items():
            found = service.find(function)
            operation = operations.get(name)
            if found is None:
                yield Breach(_manifest(service), f"{function} does not exist")
                continue
            if operation is None:
                continue
            body, module = service.functions[found], found.rpartition(".")[0]
            if body.name != operation.name:
                yield Breach(service.where(found), f"implements {operation.name} under another name")
            asked = [dotted(argument.annotation, imported(service.modules[module])) for argument in body.args.args[1:2]]
            if asked != [operation.request]:
                yield Breach(service.where(found), f"{operation.name} takes {operation.request}")


def calls_are_declared(tree: Tree) -> Iterator[Breach]:
    """`ctx.call(Op, ...)` and the `calls` of the manifest's parts name the same operations."""
    contracts = read_contracts(tree)
    for service in services(tree):
        made: set[str] = set()
        for module, body in service.modules.items():
            names = imported(body)
            for call in calls(body):
                if not isinstance(call.func, ast.Attribute) or call.func.attr != "call" or not call.args:
                    continue
                operation = dotted(call.args[0], names)
                if operation in contracts.operations:
                    made.add(str(operation))
                elif ast.unparse(call.func.value) in {"ctx", "self._ctx", "context"}:
                    yield Breach(service.where(module), f"calls what no contract names: {ast.unparse(call.args[0])}")
        declared = set(read_manifest(service).calls)
        yield from _both_ways(service, made, declared, "is called, and not in calls", "is in calls, and never called")


def no_way_around_calls(tree: Tree) -> Iterator[Breach]:
    """Other services are reached by `Context.call` alone: it bounds the call, and passes on who is asking."""
    for service in services(tree):
        for module, body in service.modules.items():
            for node in walk(body):
                if isinstance(node, ast.Attribute) and node.attr in {"dispatcher", "dispatch"}:
                    yield Breach(service.where(module), f"goes around Context.call: {ast.unparse(node)}")


def events_are_declared(tree: Tree) -> Iterator[Breach]:
    """The events that a service makes are those that it publishes."""
    contracts = read_contracts(tree)
    for service in services(tree):
        made = {
            event
            for module, body in service.modules.items()
            if module != f"{service.package}.manifest"
            for event in _made(body, contracts)
        }
        declared = set(read_manifest(service).publishes)
        yield from _both_ways(
            service, made, declared, "is made, and not in publishes", "is in publishes, and never made"
        )


def handlers_are_bound(tree: Tree) -> Iterator[Breach]:
    """Each consumed event has handlers that exist and take it; each handler in `consumers.py` hears something."""
    contracts = read_contracts(tree)
    for service in services(tree):
        bound: set[str] = set()
        for event, handlers in read_manifest(service).consumes.items():
            if not contracts.event(event):
                yield Breach(_manifest(service), f"consumes {event}, which is no event")
            for handler in filter(None, (handlers.apply, handlers.ask)):
                found = service.find(handler)
                if found is None:
                    yield Breach(_manifest(service), f"{handler} does not exist")
                    continue
                bound.add(found)
                taken = _events_in_signature(service, found, contracts)
                if taken and event not in taken:
                    yield Breach(service.where(found), f"is bound to {event}, and takes {', '.join(sorted(taken))}")
        for name, body in service.functions.items():
            public = name.startswith(f"{service.package}.consumers.") and not body.name.startswith("_")
            hears = any(argument.arg == "deliveries" for argument in body.args.args)
            if public and hears and name not in bound:
                yield Breach(service.where(name), "is a handler, and bound to no event")


def databases_are_opened(tree: Tree) -> Iterator[Breach]:
    """A service opens its own database, in its bootstrap, and no other."""
    for service in services(tree):
        for module, body in service.modules.items():
            names = imported(body)
            for call in calls(body):
                name = dotted(call.func, names) or ""
                opened = ast.unparse(call.args[1]).strip("'\"") if name == _OPENS else service.package
                if opened != service.package:
                    yield Breach(service.where(module), f"opens {opened}: its database is {service.package}")
                if name in {_OPENS, _OPENS_RECORDS} and module != f"{service.package}.bootstrap":
                    yield Breach(service.where(module), "opens a store outside bootstrap.py")
                if name in {"asyncpg.connect", "asyncpg.create_pool"}:
                    yield Breach(service.where(module), f"opens a database by {name}")


def _both_ways(service: Source, code: Set[str], declared: Set[str], undeclared: str, unused: str) -> Iterator[Breach]:
    for name in sorted(code - declared):
        yield Breach(_manifest(service), f"{name} {undeclared}")
    for name in sorted(declared - code):
        yield Breach(_manifest(service), f"{name} {unused}")


def _made(body: ast.Module, contracts: Contracts) -> Iterator[str]:
    """Events that are made: called, or given as a class to something that may call it."""
    names = imported(body)
    for call in calls(body):
        if contracts.event(event := dotted(call.func, names)):
            yield str(event)
        if ast.unparse(call.func).rpartition(".")[2] not in _NO_MAKERS:
            for argument in [*call.args, *(keyword.value for keyword in call.keywords)]:
                if contracts.event(event := dotted(argument, names)):
                    yield str(event)


def _events_in_signature(service: Source, function: str, contracts: Contracts) -> set[str]:
    names = imported(service.modules[function.rpartition(".")[0]])
    annotations = [
        a.annotation for a in service.functions[function].args.args if a.arg == "deliveries" and a.annotation
    ]
    found = {dotted(node, names) for annotation in annotations for node in ast.walk(annotation)}
    return {str(name) for name in found if contracts.event(name)}


def _manifest(service: Source) -> str:
    return f"{service.path}/manifest.py"
