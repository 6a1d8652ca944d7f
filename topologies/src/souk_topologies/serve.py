"""One process of a shop that has several: a service with its worker, the gateway, or a whole shop beside others."""

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
from starlette.types import ASGIApp

from souk_chassis.auth.keys import PublicKeys, load_key
from souk_chassis.auth.tokens import CallTokens
from souk_chassis.config import ConfigError
from souk_chassis.edge.mount import open_app
from souk_chassis.http.client import HttpDispatcher
from souk_chassis.http.health import Check
from souk_chassis.observability.logs import Log
from souk_chassis.observability.tracing import start_tracing
from souk_chassis.runtimes.asgi import app
from souk_chassis.runtimes.instance import Foundation
from souk_chassis.runtimes.listening import Turnover
from souk_chassis.runtimes.process import CLOCK, run, stop_event
from souk_chassis.runtimes.server import serve_app
from souk_chassis.runtimes.service import Neighbours, bus_checks, database_checks, open_service, open_targets
from souk_chassis.runtimes.switches import read_switches
from souk_chassis.storage.ports import Subscriptions
from souk_topologies.client import ShopClient
from souk_topologies.gateway import open_gateway
from souk_topologies.one_process import Premises, open_shop
from souk_topologies.processes import WIRING_VARIABLE, ProcessConfig
from souk_topologies.server import DatabaseUrls
from souk_topologies.shop import GATEWAY, ISSUERS, SERVICES, SHOP, build_of

_PR_SET_PDEATHSIG = 1
"""prctl(2): the signal that this process gets when its parent ends."""


async def serve_service(config: ProcessConfig, listener: socket.socket, environment: Mapping[str, str]) -> None:
    """Serve one service's operations, and work on its queues, until SIGTERM; one of the two where that is set so.

    Raises ConfigError.
    """
    stopping = stop_event()
    switches = read_switches(environment)
    async with AsyncExitStack() as stack:
        stack.push_async_callback(start_tracing(environment, Log(config.name)))
        keys = Path(config.keys)
        key = load_key(keys / f"{config.name}.pem")
        public = PublicKeys.from_jwks(_jwks(keys))
        database_url = config.database_urls.get(config.name)
        instance = await build_of(config.name)(Foundation(CLOCK, key, environment, database_url))
        stack.push_async_callback(instance.close)
        remote = HttpDispatcher(config.urls, CallTokens(key))
        stack.push_async_callback(remote.close)
        targets = await open_targets(config.bus_urls, config.name, CLOCK, stack) if switches.works else {}
        bus = Subscriptions(config.wiring.subscriptions, targets)
        checks = database_checks([instance]) | bus_checks(targets)
        app = open_service(instance, Neighbours(config.wiring.callers, public, remote, bus), switches, checks, stack)
        await serve_app(_shared(config, app), listener, stack)
        await stopping.wait()


async def serve_gateway(config: ProcessConfig, listener: socket.socket, environment: Mapping[str, str]) -> None:
    """Serve the gateway until SIGTERM."""
    stopping = stop_event()
    async with AsyncExitStack() as stack:
        stack.push_async_callback(start_tracing(environment, Log(GATEWAY)))
        keys = Path(config.keys)
        public = _jwks(keys)
        remote = HttpDispatcher(config.urls, CallTokens(load_key(keys / f"{GATEWAY}.pem")))
        stack.push_async_callback(remote.close)
        asked = config.urls | config.workers
        services = {name: await _service_check(name, url, stack) for name, url in asked.items()}
        gateway = await open_gateway(environment, remote, services, public, Path(config.web), stack, config.urls)
        await serve_app(_shared(config, gateway), listener, stack)
        await stopping.wait()


async def serve_application(config: ProcessConfig, listener: socket.socket, environment: Mapping[str, str]) -> None:
    """Serve an application that is no service of Souk's until SIGTERM. Raises ConfigError."""
    stopping = stop_event()
    async with AsyncExitStack() as stack:
        log = Log(config.name)
        stack.push_async_callback(start_tracing(environment, log))
        mounted = await open_app(config.name, log, stack)
        await serve_app(_shared(config, app([], {}, mounted)), listener, stack)
        await stopping.wait()


async def serve_shop(config: ProcessConfig, listener: socket.socket, environment: Mapping[str, str]) -> None:
    """Be a whole shop beside others until SIGTERM; one that only serves, or only works, where that is set so.

    Raises ConfigError.
    """
    stopping = stop_event()
    async with AsyncExitStack() as stack:
        stack.push_async_callback(start_tracing(environment, Log(SHOP)))
        keys = {issuer: load_key(Path(config.keys) / f"{issuer}.pem") for issuer in ISSUERS}
        urls = DatabaseUrls(config.database_urls, config.bus_urls)
        workers = {name: await _service_check(name, url, stack) for name, url in config.workers.items()}
        shop = await open_shop(Premises(environment, keys, urls, Path(config.web), workers), stack)
        await serve_app(_shared(config, shop), listener, stack)
        await stopping.wait()


def _shared(config: ProcessConfig, app: ASGIApp) -> ASGIApp:
    return Turnover(app) if config.shares_address else app


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
    """`python -m souk_topologies.serve LISTENER REPORT`, two descriptors, with its configuration in `SOUK_PROCESS`.

    A setting that can't be is told to the keeper by REPORT: it would be no better the next time.
    """
    environment = dict(os.environ)
    config = msgspec.json.decode(environment.pop(WIRING_VARIABLE), type=ProcessConfig)
    listener = socket.socket(fileno=int(sys.argv[1]))
    _end_with(config.keeper)
    serve = {GATEWAY: serve_gateway, SHOP: serve_shop, **dict.fromkeys(SERVICES, serve_service)}.get(
        config.name, serve_application
    )
    try:
        run(serve(config, listener, environment), config.name)
    except ConfigError as error:
        os.write(int(sys.argv[2]), str(error).encode())
        sys.exit(f"{config.name}: {error}")


if __name__ == "__main__":
    main()
