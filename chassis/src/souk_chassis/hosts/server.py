"""The server: `python -m souk_chassis.hosts.server`, one process that its environment describes, on a laptop as in a
container.

`SOUK_PART` says what it is: a service, which serves, works on its queues, or both; the gateway; an application of one's
own; or what makes databases and roles and ends. It stops gracefully on SIGTERM. Exit status 2, with one sentence: an
invalid setting.
"""

import os
import signal
import socket
import sys
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AsyncExitStack
from functools import partial
from typing import Annotated

import msgspec
from starlette.types import ASGIApp

from souk_chassis.config import Config, ConfigError, read_config
from souk_chassis.hosts.http_server import serve_app
from souk_chassis.hosts.listening import ListenError, Turnover, adopt, is_shared, listen
from souk_chassis.hosts.process import Main, Stopping, end_with, run
from souk_chassis.hosts.readiness import opening_checks
from souk_chassis.http.health import Check
from souk_chassis.observability.logs import Log
from souk_chassis.observability.tracing import start_tracing
from souk_chassis.storage.migrations import MigrationChangedError
from souk_chassis.storage.opening import DatabaseAwayError
from souk_chassis.storage.provision import ProvisionError

ANYWHERE = "0.0.0.0"  # noqa: S104 - a container's own network: who may come in is the place's business
MISUSED = 2
"""Exit status for an invalid setting: it would be no better the next time."""
_FAILED = 1
"""Exit status for what a repeat may mend: a server that is away."""
_TERMINATED = 128 + signal.SIGTERM
"""Exit status of what is stopped before its end, as a shell has it."""

Build = Callable[[Mapping[str, str], AsyncExitStack, Mapping[str, Check]], Awaitable[ASGIApp]]
"""Builds what is served, from the environment; all ends with the stack. The checks are part of its `/ready`."""


class HostConfig(Config, frozen=True):
    """Settings: `SOUK_PART`, and what a process gets from the one that started it."""

    part: str = "service"
    listener: int | None = None
    """The descriptor of a socket, bound to an address, that it listens on instead of `PORT`."""
    parent: int | None = None
    """The process with which this one ends."""


class PortConfig(Config, frozen=True):
    """Settings: `PORT`."""

    port: Annotated[int, msgspec.Meta(ge=0, le=65_535)] = 8080


async def serve(build: Build, label: str, environment: Mapping[str, str], stopping: Stopping) -> None:
    """Serve what `build` makes until the process is stopped. Raises ConfigError and ListenError."""
    async with AsyncExitStack() as stack:
        await open_app(build, label, environment, _listener(environment), stack)
        await stopping.wait()


async def open_app(
    build: Build, label: str, environment: Mapping[str, str], listener: socket.socket, stack: AsyncExitStack
) -> None:
    """Serve what `build` makes until the stack ends. Raises ConfigError."""
    stack.callback(listener.close)
    log = Log(label)
    stack.push_async_callback(start_tracing(environment, log))
    app = await build(environment, stack, opening_checks(environment, log, stack))
    await serve_app(Turnover(app) if is_shared(listener) else app, listener, stack)


def _listener(environment: Mapping[str, str]) -> socket.socket:
    port = read_config(PortConfig, environment, prefix="").port
    given = read_config(HostConfig, environment).listener
    return listen(ANYWHERE, port) if given is None else adopt(given)


# Each part is imported by the process that is it: no service needs the gateway's modules.


def _service(environment: Mapping[str, str]) -> tuple[Main, str]:
    from souk_chassis.hosts.service import build_service
    from souk_chassis.hosts.settings import read_service_settings

    settings = read_service_settings(environment)
    label = settings.service.label
    return partial(serve, partial(build_service, settings), label, environment), label


def _gateway(environment: Mapping[str, str]) -> tuple[Main, str]:
    from souk_chassis.edge.proxying import build_gateway

    return partial(serve, build_gateway, "gateway", environment), "gateway"


def _application(environment: Mapping[str, str]) -> tuple[Main, str]:
    from souk_chassis.hosts.application import build_application

    return partial(serve, build_application, "app", environment), "app"


def _provision(environment: Mapping[str, str]) -> tuple[Main, str]:
    from souk_chassis.hosts.provision import make_databases

    async def main(_: Stopping) -> None:
        await make_databases(environment)

    return main, "provision"


Parts = Mapping[str, Callable[[Mapping[str, str]], tuple[Main, str]]]
"""By `SOUK_PART`: reads the settings. Returns what the process runs, and the label of its log. Raises ConfigError."""
PARTS: Parts = {"service": _service, "gateway": _gateway, "app": _application, "provision": _provision}


def main(parts: Parts = PARTS) -> None:
    """Be what the environment says, to the end."""
    # The kernel ignores a signal to the first process of a container that has no handler for it. `run` puts its own in
    # place of this one.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(_TERMINATED))
    environment = dict(os.environ)
    try:
        config = read_config(HostConfig, environment)
        if config.parent is not None:
            end_with(config.parent)
        if config.part not in parts:
            raise ConfigError(f"SOUK_PART: {config.part!r} is none of {', '.join(parts)}")
        stopped = run(*parts[config.part](environment))
    except (ConfigError, ListenError, MigrationChangedError) as error:
        _end(MISUSED, error)
    except (DatabaseAwayError, ProvisionError) as error:
        _end(_FAILED, error)
    else:
        if stopped and config.part == "provision":
            sys.exit(_TERMINATED)


def _end(status: int, error: Exception) -> None:
    sys.stderr.write(f"{error}\n")
    sys.exit(status)


if __name__ == "__main__":
    main()
