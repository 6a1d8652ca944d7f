"""The gateway before services at addresses: it passes each operation of the document on to the service that answers it.

Nothing is verified here: each service does that for its own routes, by the same code. It knows no service but by the
document, and by the addresses that it is given.
"""

from collections.abc import Mapping
from contextlib import AsyncExitStack
from pathlib import Path
from types import MappingProxyType

from starlette.types import ASGIApp

from souk_chassis import wire
from souk_chassis.clock import SystemClock
from souk_chassis.config import Config, ConfigError, read_config
from souk_chassis.edge.app import edge_app
from souk_chassis.edge.edge import GATEWAY, Edge, read_edge
from souk_chassis.edge.fallback import open_fallback
from souk_chassis.edge.forwarding import Faults
from souk_chassis.edge.proxy import Proxy
from souk_chassis.edge.takeover import read_takeover
from souk_chassis.errors import ErrorKind, ErrorType
from souk_chassis.http.binding import MAX_BODY
from souk_chassis.http.calls import read_urls
from souk_chassis.http.health import CHECK_TIMEOUT_S, Check, check_readiness
from souk_chassis.http.routing import Entry
from souk_chassis.observability.logs import Log


class GatewayConfig(Config, frozen=True):
    """Settings of the gateway's container."""

    urls: str
    """Where the services are, as JSON: a service's name to its base URL."""
    edge_dir: str
    """The folder with the document and the pages."""
    jwks: str = '{"keys":[]}'


async def build_gateway(
    environment: Mapping[str, str], stack: AsyncExitStack, besides: Mapping[str, Check] = MappingProxyType({})
) -> ASGIApp:
    """The gateway, to be served. What it opens is closed with the stack; `besides` are checks of its readiness besides
    those of its services. Raises ConfigError."""
    config, takeover, log = read_config(GatewayConfig, environment), read_takeover(environment), Log(GATEWAY)
    if modules := [target for target in takeover.apps.values() if "://" not in target]:
        raise ConfigError(f"SOUK_APPS: {modules[0]} must be an address here: an application has a container of its own")
    urls = read_urls(config.urls)
    try:
        document, pages = read_edge(Path(config.edge_dir))
    except (OSError, *wire.UNREADABLE) as error:
        raise ConfigError(f"SOUK_EDGE_DIR: {config.edge_dir} has no document and pages: {error}") from None
    fallback = await open_fallback(takeover, log, stack)
    proxies = {name: _proxy(name, url, log, stack) for name, url in urls.items()}
    checks = {name: ready_check(proxy) for name, proxy in proxies.items()} | dict(besides)
    edge = Edge(document, pages, config.jwks.encode(), checks, log, takeover, beside=fallback.checks)

    def answering(entry: Entry) -> ASGIApp:
        if entry.tag not in proxies:
            raise ConfigError(f"SOUK_URLS names no {entry.tag}, which answers {entry.method} {entry.path}")
        return proxies[entry.tag]

    return edge_app(edge, answering, fallback, SystemClock())


def _proxy(service: str, url: str, log: Log, stack: AsyncExitStack) -> Proxy:
    faults = Faults(
        ErrorType(ErrorKind.UNAVAILABLE, "service_unavailable", f"{service} can't be reached."),
        ErrorType(ErrorKind.TIMEOUT_UNKNOWN, "no_answer", f"{service} gave no whole answer."),
    )
    # What no service takes is refused here: one that answers before it has read it all breaks the connection, and its
    # answer may be lost to that.
    proxy = Proxy(service, url, faults, log, max_body=MAX_BODY)
    stack.push_async_callback(proxy.close)
    return proxy


def ready_check(proxy: Proxy) -> Check:
    """Asks the process behind the proxy whether it is ready."""

    async def check() -> None:
        check_readiness(proxy.name, await proxy.ask("/ready", CHECK_TIMEOUT_S))

    return check
