"""What else must be there before a process is ready, where whoever starts it says so: a file, and other processes."""

from collections.abc import Mapping
from contextlib import AsyncExitStack
from pathlib import Path

from souk_chassis.config import Config, read_config
from souk_chassis.edge.proxy import Proxy
from souk_chassis.edge.proxying import ready_check
from souk_chassis.edge.takeover import LEGACY_FAULTS
from souk_chassis.errors import unavailable
from souk_chassis.http.calls import read_urls
from souk_chassis.http.health import Check
from souk_chassis.observability.logs import Log

OPENING = "opening"
"""The check that fails until the file is there."""


class ReadyConfig(Config, frozen=True):
    """Settings: `SOUK_READY_FILE`, `SOUK_READY_URLS`."""

    ready_file: str = ""
    """Written last by whoever starts the process: until then it is not ready."""
    ready_urls: str = "{}"
    """Processes that must be ready too, in JSON: a name to its base URL."""


def opening_checks(environment: Mapping[str, str], log: Log, stack: AsyncExitStack) -> dict[str, Check]:
    """The checks that the environment asks for; what they open is closed with the stack. Raises ConfigError."""
    config = read_config(ReadyConfig, environment)
    checks: dict[str, Check] = {}
    for name, url in read_urls(config.ready_urls, "SOUK_READY_URLS").items():
        proxy = Proxy(name, url, LEGACY_FAULTS, log)
        stack.push_async_callback(proxy.close)
        checks[name] = ready_check(proxy)
    if config.ready_file:
        checks[OPENING] = _file_check(Path(config.ready_file))
    return checks


def _file_check(file: Path) -> Check:
    async def check() -> None:
        if not file.exists():  # noqa: ASYNC240 - one look at a folder that is in the cache
            raise unavailable("service_unavailable", "the start has not finished")

    return check
