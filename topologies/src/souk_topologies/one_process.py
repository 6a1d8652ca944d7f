"""The whole shop in one process: the gateway calls operations as functions, and workers share the loop."""

import asyncio
from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path

from starlette.types import ASGIApp

from souk_chassis.auth.keys import SigningKey, jwks, load_or_create_keys
from souk_chassis.engine.dispatch import LocalDispatcher
from souk_chassis.http.health import Check
from souk_chassis.observability.logs import Log
from souk_chassis.observability.tracing import start_tracing
from souk_chassis.runtimes.asgi import app
from souk_chassis.runtimes.instance import Foundation
from souk_chassis.runtimes.listening import listen
from souk_chassis.runtimes.process import CLOCK, stop_event
from souk_chassis.runtimes.server import serve_app
from souk_chassis.runtimes.service import announce, bus_checks, database_checks, open_targets, way_out, work
from souk_chassis.runtimes.switches import read_switches
from souk_chassis.storage.ports import Subscriptions
from souk_topologies.gateway import open_gateway
from souk_topologies.places import DataDir
from souk_topologies.server import DatabaseUrls
from souk_topologies.settings import Settings, is_serialised
from souk_topologies.shop import ISSUERS, SERVICES, SHOP, build_of, wiring


@dataclass(frozen=True)
class Premises:
    """What a process needs to be a whole shop: settings, every issuer's key, databases, the folder of the pages."""

    environment: Mapping[str, str]
    keys: Mapping[str, SigningKey]
    urls: DatabaseUrls
    web: Path
    elsewhere: Mapping[str, Check] = field(default_factory=dict)
    """What must be ready beside it."""


async def serve(settings: Settings, urls: DatabaseUrls, ready: "asyncio.Future[str]") -> None:
    """Run the shop until SIGINT or SIGTERM. `ready` gets the address once it takes orders."""
    stopping = stop_event()
    async with AsyncExitStack() as stack:
        stack.push_async_callback(start_tracing(settings.environment, Log(SHOP)))
        listener = listen(settings.host, settings.port)
        stack.callback(listener.close)
        keys = load_or_create_keys(DataDir(settings.data_dir).keys, ISSUERS)
        shop = await open_shop(Premises(settings.environment, keys, urls, settings.web), stack)
        await serve_app(shop, listener, stack)
        ready.set_result(f"http://{settings.host}:{listener.getsockname()[1]}")
        await stopping.wait()


async def open_shop(premises: Premises, stack: AsyncExitStack) -> ASGIApp:
    """Build every service, and start their workers; all ends with the stack. Returns what is to be served.

    `SOUK_WORK` and `SOUK_SERVE` leave out one of the two. Raises ConfigError.
    """
    environment, urls = premises.environment, premises.urls
    switches, serialised = read_switches(environment), is_serialised(environment)
    wired = wiring()
    dispatcher = LocalDispatcher(wired.callers, serialise=serialised)
    instances = await asyncio.gather(
        *(
            build_of(name)(Foundation(CLOCK, premises.keys[name], environment, urls.service.get(name)))
            for name in SERVICES
        )
    )
    for instance in instances:
        stack.push_async_callback(instance.close)
    targets = await open_targets(urls.bus, SHOP, CLOCK, stack) if switches.works else {}
    subscriptions = Subscriptions(wired.subscriptions, targets)
    for instance in instances:
        out = way_out(instance, dispatcher)
        dispatcher.bind(instance, out)
        if switches.works:
            deliveries = 2 if serialised else 1
            work(instance, subscriptions, out, stack, deliveries=deliveries)
        else:
            announce(instance, stack)
    asked = {**database_checks(instances), **bus_checks(targets), **premises.elsewhere}
    if not switches.serves:
        return app([], asked)
    public = jwks(premises.keys.values())
    return await open_gateway(environment, dispatcher, asked, public, premises.web, stack)
