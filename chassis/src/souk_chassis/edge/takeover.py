"""Which paths are Souk's, and which belong to another application behind the same address.

A team that takes a monolith apart moves one path after another: what is not taken over yet goes where it always went.
"""

from collections.abc import Iterable, Mapping
from typing import Annotated, Any
from urllib.parse import urlsplit

import msgspec

from souk_chassis.config import Config, ConfigError, read_config
from souk_chassis.edge.forwarding import Faults
from souk_chassis.errors import ErrorKind, ErrorType

NOTHING = "none"
"""`SOUK_TAKEN_OVER=none`: not a single path yet."""
OPERATED = ("/books", "/queues")
"""What operators ask: Souk's in any case."""

MAX_HOPS = 8
"""The most proxies in front of the gateway that can be believed."""
SOONEST_RETRY_S = 1.0
"""What `Retry-After` says, in seconds, where nothing longer is known."""
LEGACY_FAULTS = Faults(
    ErrorType(
        ErrorKind.UNAVAILABLE, "legacy_unavailable", "The application behind this path can't be reached just now."
    ),
    ErrorType(ErrorKind.TIMEOUT_UNKNOWN, "legacy_no_answer", "The application behind this path gave no whole answer."),
    SOONEST_RETRY_S,
)


class TakeoverConfig(Config, frozen=True):
    """Settings of a shop beside another application. See docs/reference/configuration.md."""

    legacy_url: str = ""
    taken_over: str = ""
    apps: str = ""
    trusted_hops: Annotated[int, msgspec.Meta(ge=0, le=MAX_HOPS)] = 0


class Takeover(msgspec.Struct, frozen=True):
    """Which paths belong to which application; already validated by `read_takeover`."""

    legacy_url: str | None = None
    """Where the application is that gets what nobody claims."""
    taken_over: tuple[str, ...] | None = None
    """The paths that Souk answers, each with all below it, and `/` for the page there alone; None: all that it has."""
    apps: Mapping[str, str] = {}
    """Applications by the path that each answers, with all below it: `module:attribute`, or a URL."""
    trusted_hops: int = 0
    """How many proxies in front of the gateway are believed in what they say of clients."""

    @property
    def is_needed(self) -> bool:
        """Whether there is another application at all."""
        return self.legacy_url is not None or bool(self.apps)

    def claims(self, path: str) -> bool:
        """Whether Souk answers this path, or, where it has parameters, the paths of this form."""
        if self.taken_over is None or any(covers(each, path) for each in OPERATED):
            return True
        return path in self.taken_over or any(covers(each, path) for each in self.taken_over if each != "/")

    def passes_on(self, path: str) -> bool:
        """Whether another application gets this path where Souk has nothing at it."""
        return self.legacy_url is not None or any(covers(each, path) for each in self.apps)

    def check(self, paths: Iterable[str]) -> None:
        """Raise ConfigError where a path is taken over at which Souk has nothing. `paths` are all that it has."""
        had = [*paths]
        for each in self.taken_over or ():
            if not any(path == each or (each != "/" and covers(each, path)) for path in had):
                raise ConfigError(f"SOUK_TAKEN_OVER: Souk has nothing at {each}")

    def restrict(self, document: Mapping[str, Any], own: str) -> dict[str, Any]:
        """An OpenAPI document with the paths that Souk answers. What has the tag `own` is the gateway's, and stays."""
        paths = {
            path: methods
            for path, methods in document["paths"].items()
            if self.claims(path) or any(own in each.get("tags", ()) for each in methods.values())
        }
        return {**document, "paths": paths}


def covers(prefix: str, path: str) -> bool:
    """Whether a path is `prefix`, or below it."""
    return path == prefix or path.startswith(f"{prefix.rstrip('/')}/")


def read_takeover(environment: Mapping[str, str]) -> Takeover:
    """`SOUK_LEGACY_URL`, `SOUK_TAKEN_OVER`, `SOUK_APPS` and `SOUK_TRUSTED_HOPS`. Raises ConfigError that says what is
    wrong."""
    config = read_config(TakeoverConfig, environment)
    legacy_url = _address("SOUK_LEGACY_URL", config.legacy_url) if config.legacy_url else None
    apps = _apps(config.apps)
    if legacy_url is not None and "/" in apps:
        raise ConfigError("SOUK_APPS has an application at /, and SOUK_LEGACY_URL names another for the same")
    taken_over = _paths(config.taken_over) if config.taken_over else None
    if taken_over is not None and legacy_url is None and not apps:
        raise ConfigError("SOUK_TAKEN_OVER is set, and neither SOUK_LEGACY_URL nor SOUK_APPS: nobody has the rest")
    return Takeover(legacy_url, taken_over, apps, config.trusted_hops)


def _paths(text: str) -> tuple[str, ...]:
    if text.strip() == NOTHING:
        return ()
    paths = tuple(part.strip() for part in text.split(",") if part.strip())
    for path in paths:
        _check_path("SOUK_TAKEN_OVER", path)
    return paths


def _apps(text: str) -> dict[str, str]:
    apps: dict[str, str] = {}
    for part in (part.strip() for part in text.split(",") if part.strip()):
        path, is_given, target = part.partition("=")
        if not is_given or not target:
            raise ConfigError(f"SOUK_APPS: {part!r} is not of the form /path=module:attribute or /path=http://host")
        _check_path("SOUK_APPS", path)
        if path in apps:
            raise ConfigError(f"SOUK_APPS: {path} is given twice")
        apps[path] = _address("SOUK_APPS", target) if "://" in target else check_module("SOUK_APPS", target)
    return apps


def _check_path(variable: str, path: str) -> None:
    if (
        not path.startswith("/")
        or "//" in path
        or any(mark in path for mark in "?#{}* ")
        or path.endswith("/") > (path == "/")
    ):
        raise ConfigError(f"{variable}: {path!r} is no path such as /orders")


def check_module(variable: str, target: str) -> str:
    """The target. Raises ConfigError that names the variable where it is no `module:attribute`."""
    module, _, attribute = target.partition(":")
    if not all(name.isidentifier() for name in [*module.split("."), *attribute.split(".")]):
        raise ConfigError(f"{variable}: {target!r} is not of the form module:attribute, such as shop.web:app")
    return target


def _address(variable: str, url: str) -> str:
    """An address without a path: one that had some could be left by `..` in a request's own."""
    try:
        address = urlsplit(url)
        fits = address.scheme in ("http", "https") and address.hostname and address.port != 0
    except ValueError:  # a port that is no number, brackets that don't match
        fits = False
    if not fits or address.path not in ("", "/") or address.query or address.fragment or "@" in address.netloc:
        raise ConfigError(f"{variable}: it is no address such as http://legacy.internal:8000, without a path")
    return url.rstrip("/")
