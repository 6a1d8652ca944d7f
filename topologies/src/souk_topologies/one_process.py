"""The whole shop in one process: the gateway calls operations as functions, and workers share the loop."""

import asyncio
from contextlib import AsyncExitStack

from souk_chassis.auth.keys import PublicKeys, jwks, load_or_create_keys
from souk_chassis.auth.tokens import TokenVerifier
from souk_chassis.observability.logs import Log
from souk_chassis.observability.tracing import start_tracing
from souk_chassis.runtimes.dispatch import LocalDispatcher
from souk_chassis.runtimes.instance import Foundation
from souk_chassis.storage.ports import Subscriptions
from souk_topologies.gateway import gateway_app
from souk_topologies.listening import listen
from souk_topologies.places import DataDir
from souk_topologies.runner import (
    CLOCK,
    checks,
    open_targets,
    serve_app,
    stop_event,
    way_out,
    work,
)
from souk_topologies.server import DatabaseUrls
from souk_topologies.settings import Settings, read_switches
from souk_topologies.shop import ISSUERS, SERVICES, build_of, manifests, wiring


async def serve(settings: Settings, urls: DatabaseUrls, ready: "asyncio.Future[str]") -> None:
    """Run the shop until SIGINT or SIGTERM. `ready` gets the address once it takes orders."""
    stopping = stop_event()
    async with AsyncExitStack() as stack:
        stack.push_async_callback(start_tracing(settings.environment, Log("shop")))
        listener = listen(settings.host, settings.port)
        stack.callback(listener.close)
        keys = load_or_create_keys(DataDir(settings.data_dir).keys, ISSUERS)
        public = jwks(keys.values())
        wired = wiring()
        dispatcher = LocalDispatcher(wired.callers, serialise=settings.serialised)
        instances = await asyncio.gather(
            *(
                build_of(name)(Foundation(CLOCK, keys[name], settings.environment, urls.service[name]))
                for name in SERVICES
            )
        )
        for instance in instances:
            stack.push_async_callback(instance.close)
        works = read_switches(settings.environment).works
        targets = await open_targets(urls.bus, "shop", stack) if works else {}
        subscriptions = Subscriptions(wired.subscriptions, targets)
        app = gateway_app(
            list(manifests().values()),
            dispatcher,
            TokenVerifier(PublicKeys.from_jwks(public)),
            CLOCK,
            Log("gateway"),
            checks(instances, targets),
            public,
            settings.web,
        )
        for instance in instances:
            out = way_out(dispatcher)
            dispatcher.bind(instance, out)
            if works:
                worker = work(instance, subscriptions, out, deliveries=2 if settings.serialised else 1)
                stack.push_async_callback(worker.stop)
        await serve_app(app, listener, stack)
        ready.set_result(f"http://{settings.host}:{listener.getsockname()[1]}")
        await stopping.wait()
