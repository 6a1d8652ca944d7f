"""The container runtime: `python -m souk_chassis.runtimes.container`, one process that its environment describes.

`SOUK_PART` says what it is: a service, which serves, works on its queues, or both; the gateway; an application of one's
own; or what makes databases and roles and ends. It stops gracefully on SIGTERM. Exit status 2, with one sentence: a
setting that can't be.
"""

import asyncio
import os
import signal
import sys
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from contextlib import AsyncExitStack
from typing import Any, Literal

import msgspec
from starlette.types import ASGIApp

from souk_chassis.auth.tokens import CallTokens
from souk_chassis.aws.queues import SqsQueues
from souk_chassis.config import ConfigError, read_config
from souk_chassis.context import Dispatcher
from souk_chassis.engine.dispatch import CalleeDispatcher
from souk_chassis.http.client import HttpDispatcher
from souk_chassis.observability.logs import Log
from souk_chassis.observability.tracing import start_tracing
from souk_chassis.runtimes.container_aws import Region, open_region
from souk_chassis.runtimes.container_config import Told, read_port, read_told
from souk_chassis.runtimes.container_provision import make_databases
from souk_chassis.runtimes.instance import Foundation, Instance
from souk_chassis.runtimes.listening import ListenError, listen
from souk_chassis.runtimes.process import CLOCK, run, stop_event
from souk_chassis.runtimes.server import serve_app
from souk_chassis.runtimes.service import Neighbours, database_checks, open_service, open_targets
from souk_chassis.runtimes.switches import read_switches
from souk_chassis.storage.migrations import MigrationChangedError
from souk_chassis.storage.opening import DatabaseAwayError, await_database
from souk_chassis.storage.ports import Bus, Subscriptions
from souk_chassis.storage.provision import ProvisionError

ANYWHERE = "0.0.0.0"  # noqa: S104 - a container's own network: who may come in is the place's business
_MISUSED = 2
"""Exit status for a setting that can't be."""
_FAILED = 1
"""Exit status for what a repeat may mend: a server that is away."""
_TERMINATED = 128 + signal.SIGTERM
"""Exit status of what is ended before it serves, as a shell has it."""
GATEWAY = "gateway"

Build = Callable[[Mapping[str, str], AsyncExitStack], Awaitable[ASGIApp]]


class PartConfig(msgspec.Struct, frozen=True):
    """Settings: `SOUK_PART`."""

    part: Literal["service", "gateway", "app", "provision"] = "service"


async def serve_service(told: Told, environment: Mapping[str, str]) -> None:
    """Serve a service's operations, and work on its queues, until SIGTERM; one of the two where that is set so.

    Ready is it when its own database answers: the others' being away keeps no customer from it. Raises ConfigError.
    """
    switches, port = read_switches(environment), read_port(environment)
    stopping, log = stop_event(), Log(told.service.label)
    if not await _came(await_database(told.database_url, log), stopping):
        return
    async with AsyncExitStack() as stack:
        listener = listen(ANYWHERE, port)
        stack.callback(listener.close)
        stack.push_async_callback(start_tracing(environment, log))
        region, tokens = open_region(told, environment, stack), CallTokens(told.key)
        instance = await _build(told, environment, region, stack)
        remote = HttpDispatcher(told.urls, tokens)
        stack.push_async_callback(remote.close)
        ways: dict[str, Dispatcher] = dict.fromkeys(told.urls, remote)
        if region is not None:
            ways |= region.ways(tokens)
        bus = await _bus(told, region, stack)
        neighbours = Neighbours(told.callers, told.keys, CalleeDispatcher(ways), bus, _queues(region))
        app = open_service(instance, neighbours, switches, database_checks([instance]), stack)
        if region is not None and told.topics and switches.works:
            region.take_in(instance, stack)
        await serve_app(app, listener, stack)
        await stopping.wait()


async def _came(waiting: Coroutine[Any, Any, None], stopping: asyncio.Event) -> bool:
    """Whether what is waited for came before the process was to stop. The first process of a container has to listen
    to SIGTERM itself: the kernel does not end it."""
    awaited, stopped = asyncio.create_task(waiting), asyncio.create_task(stopping.wait())
    await asyncio.wait({awaited, stopped}, return_when=asyncio.FIRST_COMPLETED)
    stopped.cancel()
    if not awaited.done():
        awaited.cancel()
        return False
    awaited.result()
    return True


async def _build(told: Told, environment: Mapping[str, str], region: Region | None, stack: AsyncExitStack) -> Instance:
    base = Foundation(CLOCK, told.key, environment, told.database_url, before=_queues(region))
    instance: Instance = await told.module.build(base)
    stack.push_async_callback(instance.close)
    return instance


def _queues(region: Region | None) -> SqsQueues | None:
    return region.queues if region is not None else None


async def _bus(told: Told, region: Region | None, stack: AsyncExitStack) -> Bus:
    if region is not None and told.topics:
        return region.bus
    targets = await open_targets(told.bus_urls, told.service.name, CLOCK, stack)
    return Subscriptions(told.subscriptions, targets)


async def serve_built(build: Build, environment: Mapping[str, str], label: str) -> None:
    """Serve what `build` makes until SIGTERM: the gateway, or an existing application. Raises ConfigError."""
    port = read_port(environment)
    stopping = stop_event()
    async with AsyncExitStack() as stack:
        listener = listen(ANYWHERE, port)
        stack.callback(listener.close)
        stack.push_async_callback(start_tracing(environment, Log(label)))
        await serve_app(await build(environment, stack), listener, stack)
        await stopping.wait()


def _of_part(environment: Mapping[str, str]) -> tuple[Coroutine[Any, Any, None], str]:
    """What this process runs, and the label of its log."""
    part = read_config(PartConfig, environment).part
    if part == "provision":
        return make_databases(environment), part
    if part == "gateway":
        from souk_chassis.edge.proxying import build_gateway  # here: no service's container needs it

        return serve_built(build_gateway, environment, GATEWAY), GATEWAY
    if part == "app":
        from souk_chassis.runtimes.container_app import build_app  # as above

        return serve_built(build_app, environment, part), part
    told = read_told(environment)
    return serve_service(told, environment), told.service.label


def main() -> None:
    """Be what the environment says, to the end."""
    # The kernel passes over a signal to the first process of a container that has no handler for it. Whoever serves
    # puts its own in place of this one.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(_TERMINATED))
    try:
        run(*_of_part(dict(os.environ)))
    except (ConfigError, ListenError, MigrationChangedError) as error:
        _end(_MISUSED, error)
    except (DatabaseAwayError, ProvisionError) as error:
        _end(_FAILED, error)


def _end(status: int, error: Exception) -> None:
    sys.stderr.write(f"{error}\n")
    sys.exit(status)


if __name__ == "__main__":
    main()
