"""An existing ASGI app in a process of its own: with health, readiness, traces, logs, and every failure in one form."""

from collections.abc import Mapping
from contextlib import AsyncExitStack

from starlette.types import ASGIApp

from souk_chassis.config import Config, read_config
from souk_chassis.edge.mount import open_app
from souk_chassis.edge.takeover import check_module
from souk_chassis.http.health import Check
from souk_chassis.observability.logs import Log
from souk_chassis.runtimes.asgi import app


class AppConfig(Config, frozen=True):
    """Settings of an application's process."""

    app: str
    """The application, as `module:attribute`."""


async def build_application(
    environment: Mapping[str, str], stack: AsyncExitStack, checks: Mapping[str, Check]
) -> ASGIApp:
    """The application, started; it ends with the stack. Raises ConfigError."""
    target = check_module("SOUK_APP", read_config(AppConfig, environment).app)
    return app([], checks, await open_app(target, Log(target), stack))
