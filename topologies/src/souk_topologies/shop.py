"""The shop: its five services, and how they are wired, read from their manifests."""

from collections.abc import Awaitable, Callable, Mapping
from importlib import import_module
from typing import cast

import msgspec

from souk_chassis.manifest import ManifestError, Service, allowed_callers, check_wiring, subscriptions
from souk_chassis.runtimes.instance import Foundation, Instance
from souk_topologies.faults import import_fault, located

SERVICES = ("users", "products", "orders", "payments", "notifications")
GATEWAY = "gateway"
SHOP = "shop"
"""A process that is all of it: the gateway and every service."""
OPERATOR = "operator"
"""The issuer of the tokens that `souk token` makes."""
ISSUERS = (*SERVICES, GATEWAY, OPERATOR)

Build = Callable[[Foundation], Awaitable[Instance]]


class Wiring(msgspec.Struct, frozen=True):
    """Who hears what, and who may call what: what a process must know of the other services."""

    subscriptions: dict[str, list[tuple[str, str]]]
    callers: dict[str, list[str]]


def manifest_of(name: str) -> Service:
    """A service's manifest. Only that service is imported. Raises ManifestError, with file and line."""
    module = f"souk_{name}.manifest"
    try:
        manifest = import_module(module)
    except Exception as error:
        fault = import_fault(name, error)
        if fault is None:
            raise
        raise fault from error
    found = getattr(manifest, "service", None)
    if not isinstance(found, Service):
        raise located(ManifestError(name, Service, f"{module} has no service = Service(...)"), manifest)
    if found.name != name:
        raise located(
            ManifestError(name, Service, f"{found.name!r} is the manifest of {name}, by its package"), manifest
        )
    return found


def build_of(name: str) -> Build:
    """A service's bootstrap. Only that service is imported."""
    return cast("Build", import_module(f"souk_{name}.bootstrap").build)


def manifests() -> Mapping[str, Service]:
    """All manifests by name, checked against each other. Raises ManifestError with file and line of what is wrong."""
    found = {name: manifest_of(name) for name in SERVICES}
    try:
        check_wiring(list(found.values()))
    except ManifestError as error:
        raise located(error, import_module(f"souk_{error.service}.manifest")) from None
    return found


def wiring() -> Wiring:
    """The wiring of the whole shop."""
    services = list(manifests().values())
    callers = {operation: sorted(names) for operation, names in allowed_callers(services).items()}
    return Wiring(subscriptions(services), callers)
