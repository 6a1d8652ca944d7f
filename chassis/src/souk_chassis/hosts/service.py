"""A service in a process of its own: what it answers, its work on queues, and its way to the others."""

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack

from starlette.types import ASGIApp

from souk_chassis.auth.tokens import CallTokens, TokenVerifier
from souk_chassis.clock import Clock
from souk_chassis.context import Dispatcher
from souk_chassis.engine.dispatch import CalleeDispatcher, LocalDispatcher, ResilientDispatcher, RoutingDispatcher
from souk_chassis.engine.worker import Worker
from souk_chassis.hosts.aws import open_region
from souk_chassis.hosts.process import CLOCK
from souk_chassis.hosts.settings import ServiceSettings
from souk_chassis.hosts.switches import read_switches
from souk_chassis.http.client import HttpDispatcher
from souk_chassis.http.health import Check
from souk_chassis.observability.logs import Log
from souk_chassis.resilience import Pipeline
from souk_chassis.runtimes.asgi import app, internal_route, operation_routes
from souk_chassis.runtimes.instance import Foundation, Instance
from souk_chassis.storage.opening import await_database
from souk_chassis.storage.ports import Bus, DeadLetters, Subscriptions
from souk_chassis.storage.postgres_queues import PostgresDatabase, PostgresTarget, open_target


async def build_service(
    settings: ServiceSettings, environment: Mapping[str, str], stack: AsyncExitStack, checks: Mapping[str, Check]
) -> ASGIApp:
    """Open a service and start its work; both end with the stack. Returns what is served: its public routes, the one by
    which other services call it, `/health` and `/ready`, the latter two alone where it only works.

    It is ready when its own database answers: others that are away keep no customer from it. Raises ConfigError and
    DatabaseAwayError.
    """
    switches, service, keys = read_switches(environment), settings.service, settings.keys
    await await_database(settings.database_url, Log(service.label))
    region, tokens = open_region(settings, environment, stack), CallTokens(settings.key)
    queues = None if region is None else region.queues
    instance: Instance = await settings.module.build(
        Foundation(CLOCK, settings.key, environment, settings.database_url, before=queues)
    )
    stack.push_async_callback(instance.close)
    remote = HttpDispatcher(settings.urls, tokens)
    stack.push_async_callback(remote.close)
    callees: dict[str, Dispatcher] = dict.fromkeys(settings.urls, remote)
    if region is not None:
        callees |= region.callees(tokens)
    local = LocalDispatcher(settings.callers)
    out = way_out(instance, RoutingDispatcher(local, CalleeDispatcher(callees)))
    local.bind(instance, out)
    targets: dict[str, PostgresTarget] = {}
    if switches.works:
        if not settings.topics:
            targets = await open_targets(settings.bus_urls, service.name, CLOCK, stack)
        bus = region.bus if region is not None and settings.topics else Subscriptions(settings.subscriptions, targets)
        work(instance, bus, out, stack, letters=queues)
        if region is not None and settings.topics:
            region.take_in(instance, stack)
    else:
        announce(instance, stack)
    operations = list(service.implements) if switches.serves else []
    routes = [
        *operation_routes(operations, local, TokenVerifier(keys), CLOCK, instance.log),
        internal_route(operations, local, TokenVerifier(keys, service.name), CLOCK, instance.log),
    ]
    return app(routes, database_checks([instance]) | dict(checks), beside=bus_checks(targets))


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
