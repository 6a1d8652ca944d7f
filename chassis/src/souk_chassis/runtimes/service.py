"""A service in a process of its own: what it answers, what it works on, and its way to the others."""

import asyncio
from collections.abc import Collection, Mapping, Sequence
from contextlib import AsyncExitStack

import msgspec
from starlette.types import ASGIApp

from souk_chassis.auth.keys import PublicKeys
from souk_chassis.auth.tokens import TokenVerifier
from souk_chassis.clock import Clock
from souk_chassis.context import Dispatcher
from souk_chassis.engine.dispatch import LocalDispatcher, ResilientDispatcher, RoutingDispatcher
from souk_chassis.engine.worker import Worker
from souk_chassis.http.health import Check
from souk_chassis.resilience import Pipeline
from souk_chassis.runtimes.asgi import app, internal_route, operation_routes
from souk_chassis.runtimes.instance import Instance
from souk_chassis.runtimes.switches import Switches
from souk_chassis.storage.ports import Bus, DeadLetters
from souk_chassis.storage.postgres_queues import PostgresDatabase, PostgresTarget, open_target


class Neighbours(msgspec.Struct, frozen=True):
    """What a service's process knows of the other services."""

    callers: Mapping[str, Collection[str]]
    """Which of them may call each of its operations."""
    keys: PublicKeys
    """Whose tokens it believes."""
    remote: Dispatcher
    """The way to those that it calls."""
    bus: Bus
    """Where its events go."""
    letters: DeadLetters | None = None
    """Where what it gives up goes, if not into its own database."""


def open_service(
    instance: Instance,
    neighbours: Neighbours,
    switches: Switches,
    checks: Mapping[str, Check],
    stack: AsyncExitStack,
) -> ASGIApp:
    """Start a service's work, which ends with the stack. Returns what is to be served: its public routes, the one by
    which other services call it, `/health` and `/ready`, the latter two alone where it only works."""
    local = LocalDispatcher(neighbours.callers)
    out = way_out(instance, RoutingDispatcher(local, neighbours.remote))
    local.bind(instance, out)
    name, operations = instance.manifest.name, list(instance.manifest.implements) if switches.serves else []
    routes = [
        *operation_routes(operations, local, TokenVerifier(neighbours.keys), instance.clock, instance.log),
        internal_route(operations, local, TokenVerifier(neighbours.keys, name), instance.clock, instance.log),
    ]
    if switches.works:
        work(instance, neighbours.bus, out, stack, letters=neighbours.letters)
    else:
        announce(instance, stack)
    return app(routes, checks)


def way_out(instance: Instance, inner: Dispatcher) -> Dispatcher:
    """One service's calls to the others, with a resilience pipeline for each that it calls."""
    callees = sorted({operation.service for operation in instance.manifest.calls})
    return ResilientDispatcher(inner, {name: Pipeline(name) for name in callees})


async def open_targets(
    urls: Mapping[str, str], owner: str, clock: Clock, stack: AsyncExitStack
) -> dict[str, PostgresTarget]:
    """The ways to the queues of each subscriber, closed with the stack."""
    targets: dict[str, PostgresTarget] = {}
    for service, url in urls.items():
        target = await open_target(url, clock, name=f"souk-relay-{owner}")
        stack.push_async_callback(target.close)
        targets[service] = target
    return targets


def database_checks(instances: Sequence[Instance]) -> dict[str, Check]:
    """Readiness: each service's own database."""
    return {f"{instance.manifest.name}-database": instance.database.ping for instance in instances}


def bus_checks(targets: Mapping[str, PostgresTarget]) -> dict[str, Check]:
    """Readiness: the way to the queues of each subscriber."""
    return {f"bus-to-{service}": target.ping for service, target in targets.items()}


def work(
    instance: Instance,
    bus: Bus,
    out: Dispatcher,
    stack: AsyncExitStack,
    *,
    deliveries: int = 1,
    letters: DeadLetters | None = None,
) -> None:
    """Start a service's worker, which is stopped with the stack."""
    worker = Worker(instance, bus, out, deliveries=deliveries, letters=letters)
    worker.start()
    stack.push_async_callback(worker.stop)


def announce(instance: Instance, stack: AsyncExitStack) -> None:
    """Let the processes that work on a service's queues know what this one publishes, until the stack ends."""
    if isinstance(instance.database, PostgresDatabase):
        task = asyncio.create_task(instance.database.announce_published(), name=f"{instance.manifest.name}-announce")
        stack.callback(task.cancel)
