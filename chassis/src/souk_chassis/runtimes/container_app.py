"""An existing ASGI app as a container: with `/health`, `/ready`, traces and logs, and every failure in one form."""

from collections.abc import Mapping
from contextlib import AsyncExitStack

import msgspec
from starlette.types import ASGIApp

from souk_chassis.config import read_config
from souk_chassis.edge.mount import open_app
from souk_chassis.edge.takeover import check_module
from souk_chassis.observability.logs import Log
from souk_chassis.runtimes.asgi import app


class AppConfig(msgspec.Struct, frozen=True):
    """Settings of an application's container."""

    app: str
    """The application, as `module:attribute`."""


async def build_app(environment: Mapping[str, str], stack: AsyncExitStack) -> ASGIApp:
    """The application, to be served: it is started, and ended with the stack. Raises ConfigError."""
    target = check_module("SOUK_APP", read_config(AppConfig, environment).app)
    return app([], {}, await open_app(target, Log(target), stack))
