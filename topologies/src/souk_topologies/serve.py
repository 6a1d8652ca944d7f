"""One process of the shop where each service has its own: a service with its worker, or the gateway."""

import ctypes
import os
import signal
import socket
import sys
from collections.abc import Mapping
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import msgspec

from souk_chassis.auth.keys import PublicKeys, load_key
from souk_chassis.auth.tokens import CallTokens, TokenVerifier
from souk_chassis.http.client import HttpDispatcher
from souk_chassis.observability.logs import Log
from souk_chassis.runtimes.asgi import Check, app, internal_route, operation_routes
from souk_chassis.runtimes.dispatch import LocalDispatcher, RoutingDispatcher
from souk_chassis.runtimes.instance import Foundation
from souk_chassis.storage.ports import Subscriptions
from souk_topologies.client import ShopClient
from souk_topologies.gateway import gateway_app
from souk_topologies.processes import WIRING_VARIABLE, ProcessConfig
from souk_topologies.runner import (
    CLOCK,
    checks,
    open_targets,
    run,
    serve_app,
    stop_event,
    way_out,
    work,
)
from souk_topologies.shop import GATEWAY, SERVICES, build_of, manifests

_PR_SET_PDEATHSIG = 1
"""prctl(2): the signal that this process gets when its parent ends."""


async def serve_service(config: ProcessConfig, listener: socket.socket, environment: Mapping[str, str]) -> None:
    """Serve one service's operations, and work on its queues, until SIGTERM."""
    stopping = stop_event()
    async with AsyncExitStack() as stack:
        keys = Path(config.keys)
        key = load_key(keys / f"{config.name}.pem")
        public = PublicKeys.from_jwks(_jwks(keys))
        instance = await build_of(config.name)(Foundation(CLOCK, key, environment, config.database_url))
        stack.push_async_callback(instance.close)
        remote = HttpDispatcher(config.urls, CallTokens(key))
        stack.push_async_callback(remote.close)
        local = LocalDispatcher(config.wiring.callers)
        out = way_out(RoutingDispatcher(local, remote))
        local.bind(instance, out)
        operations = list(instance.manifest.implements)
        routes = [
            *operation_routes(operations, local, TokenVerifier(public), CLOCK, instance.log),
            internal_route(operations, local, TokenVerifier(public, config.name), CLOCK, instance.log),
        ]
        targets = await open_targets(config.bus_urls, config.name, stack)
        subscriptions = Subscriptions(config.wiring.subscriptions, targets)
        worker = work(instance, subscriptions, out, deliveries=1)
        stack.push_async_callback(worker.stop)
        await serve_app(app(routes, checks([instance], targets)), listener, stack)
        await stopping.wait()


async def serve_gateway(config: ProcessConfig, listener: socket.socket) -> None:
    """Serve the gateway until SIGTERM."""
    stopping = stop_event()
    async with AsyncExitStack() as stack:
        keys = Path(config.keys)
        public = _jwks(keys)
        remote = HttpDispatcher(config.urls, CallTokens(load_key(keys / f"{GATEWAY}.pem")))
        stack.push_async_callback(remote.close)
        services = {name: await _service_check(name, config.urls[name], stack) for name in SERVICES}
        gateway = gateway_app(
            list(manifests().values()),
            remote,
            TokenVerifier(PublicKeys.from_jwks(public)),
            CLOCK,
            Log("gateway"),
            services,
            public,
            Path(config.web),
        )
        await serve_app(gateway, listener, stack)
        await stopping.wait()


async def _service_check(name: str, url: str, stack: AsyncExitStack) -> Check:
    client = await stack.enter_async_context(ShopClient(url, None))

    async def check() -> None:
        readiness = await client.readiness()
        if readiness.missing:
            raise RuntimeError(f"{name} misses {', '.join(readiness.missing)}")

    return check


def _jwks(keys: Path) -> dict[str, Any]:
    found: dict[str, Any] = msgspec.json.decode((keys / "jwks.json").read_bytes())
    return found


def _end_with(keeper: int) -> None:
    """End when the keeper does, however it ends: nobody would start this process again, or stop it."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != keeper:  # it ended before we could ask
            sys.exit(f"the keeper, process {keeper}, is gone")


def main() -> None:
    """`python -m souk_topologies.serve FD`, with its configuration in `SOUK_PROCESS`."""
    environment = dict(os.environ)
    config = msgspec.json.decode(environment.pop(WIRING_VARIABLE), type=ProcessConfig)
    listener = socket.socket(fileno=int(sys.argv[1]))
    _end_with(config.keeper)
    is_gateway = config.name == GATEWAY
    work_to_do = serve_gateway(config, listener) if is_gateway else serve_service(config, listener, environment)
    run(work_to_do, config.name)


if __name__ == "__main__":
    main()
