"""The whole shop in one process: the gateway calls operations as functions, and workers share the loop.

`python -m souk_topologies.one_process` is one of several such processes, told by its environment.
"""

import asyncio
from collections.abc import Mapping
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path
from typing import Any

from starlette.types import ASGIApp

from souk_chassis.auth.keys import SigningKey, load_or_create_keys
from souk_chassis.config import Config, read_config, read_json
from souk_chassis.engine.dispatch import LocalDispatcher
from souk_chassis.hosts.listening import listen
from souk_chassis.hosts.process import CLOCK, Main
from souk_chassis.hosts.server import main, open_app, serve
from souk_chassis.hosts.service import announce, bus_checks, database_checks, open_targets, way_out, work
from souk_chassis.hosts.switches import read_switches
from souk_chassis.http.health import Check
from souk_chassis.runtimes.asgi import app
from souk_chassis.runtimes.instance import Foundation
from souk_chassis.storage.ports import Subscriptions
from souk_topologies.environments import Premises
from souk_topologies.gateway import open_gateway
from souk_topologies.places import DataDir
from souk_topologies.server import DatabaseUrls
from souk_topologies.settings import Settings, is_serialised
from souk_topologies.shop import ISSUERS, SERVICES, SHOP, build_of, wiring


class ShopConfig(Config, frozen=True):
    """Settings of a whole shop, beside those of its services and of the gateway. Tables are JSON."""

    keys: str
    """Each service's private key, as PEM."""
    jwks: str
    """The public keys of all issuers."""
    web_dir: str
    """The folder of the pages."""
    database_urls: str = "{}"
    """Each service's database; without one it keeps its data in memory."""
    bus_urls: str = ""
    """Subscribers' database URLs, connected as the bus role."""


async def build_shop(environment: Mapping[str, str], stack: AsyncExitStack, checks: Mapping[str, Check]) -> ASGIApp:
    """Build every service, and start their workers; all ends with the stack. Returns what is to be served.

    `SOUK_WORK` and `SOUK_SERVE` leave out one of the two. Raises ConfigError.
    """
    config, switches = read_config(ShopConfig, environment), read_switches(environment)
    serialised = is_serialised(environment)
    pems = read_json("SOUK_KEYS", config.keys, dict[str, str])
    keys = {issuer: SigningKey(issuer, pem.encode()) for issuer, pem in pems.items()}
    databases = read_json("SOUK_DATABASE_URLS", config.database_urls, dict[str, str])
    wired = wiring()
    dispatcher = LocalDispatcher(wired.callers, serialise=serialised)
    instances = await asyncio.gather(
        *(build_of(name)(Foundation(CLOCK, keys[name], environment, databases.get(name))) for name in SERVICES)
    )
    for instance in instances:
        stack.push_async_callback(instance.close)
    bus_urls = read_json("SOUK_BUS_URLS", config.bus_urls or "{}", dict[str, str]) if switches.works else {}
    targets = await open_targets(bus_urls, SHOP, CLOCK, stack)
    subscriptions = Subscriptions(wired.subscriptions, targets)
    for instance in instances:
        out = way_out(instance, dispatcher)
        dispatcher.bind(instance, out)
        if switches.works:
            deliveries = 2 if serialised else 1
            work(instance, subscriptions, out, stack, deliveries=deliveries)
        else:
            announce(instance, stack)
    checks = {**database_checks(instances), **bus_checks(targets), **checks}
    if not switches.serves:
        return app([], checks)
    public = read_json("SOUK_JWKS", config.jwks, dict[str, Any])
    return await open_gateway(environment, dispatcher, checks, public, Path(config.web_dir), stack)


async def open_shop(settings: Settings, databases: DatabaseUrls, stack: AsyncExitStack) -> str:
    """Serve the shop in this process, until the stack ends. Returns its address. Raises ConfigError, ListenError."""
    keys = load_or_create_keys(DataDir(settings.data_dir).keys, ISSUERS)
    premises = Premises(settings, keys, databases, {}, {})
    environment = {**settings.environment, **premises.environment(SHOP, fronts=True)}
    listener = listen(settings.host, settings.port)
    await open_app(build_shop, SHOP, environment, listener, stack)
    return f"http://{settings.host}:{listener.getsockname()[1]}"


def _shop(environment: Mapping[str, str]) -> tuple[Main, str]:
    return partial(serve, build_shop, SHOP, environment), SHOP


if __name__ == "__main__":
    main({SHOP: _shop})
