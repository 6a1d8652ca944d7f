"""A service's settings, read from its environment. An invalid one is named in one sentence."""

import re
from collections.abc import Mapping
from importlib import import_module
from types import ModuleType
from typing import Any

import msgspec

from souk_chassis.auth.keys import PublicKeys, SigningKey
from souk_chassis.config import Config, ConfigError, read_config, read_json
from souk_chassis.http.calls import read_urls
from souk_chassis.manifest import Service
from souk_chassis.storage.opening import check_url

_TOPICS = re.compile(r"arn:[a-z-]+:sns:[a-z0-9-]+:\d{12}:")


class StoreConfig(Config, frozen=True):
    """Settings: `DATABASE_URL`, the service's own database."""

    database_url: str


class ServiceConfig(Config, frozen=True):
    """Settings of a service's process. JSON in a string where they are tables."""

    bootstrap: str
    """The module that builds the service, such as `souk_orders.bootstrap`."""
    jwks: str
    """The public keys of all issuers."""
    key: str = ""
    """The service's own signing key, as PEM. Needed by a service that signs or calls."""
    callers: str = "{}"
    """Which services may call an operation: its name to theirs."""
    urls: str = "{}"
    """Where the services are that it calls: a service's name to its base URL."""
    functions: str = "{}"
    """The same of those on Lambda: a service's name to the function's."""
    topics: str = ""
    """What the ARN of every topic begins with, where the bus is SNS and SQS."""
    bus_urls: str = ""
    """Subscribers' database URLs, connected as the bus role, where the bus is PostgreSQL."""
    subscriptions: str = "{}"
    """Who hears its events there: type to pairs of service and queue."""


class ServiceSettings(msgspec.Struct, frozen=True):
    """Settings of a service, checked against its manifest."""

    module: ModuleType
    service: Service
    key: SigningKey
    keys: PublicKeys
    database_url: str
    callers: Mapping[str, list[str]]
    urls: Mapping[str, str]
    functions: Mapping[str, str]
    topics: str
    bus_urls: Mapping[str, str]
    subscriptions: Mapping[str, list[tuple[str, str]]]


def read_service_settings(environment: Mapping[str, str]) -> ServiceSettings:
    """The settings of a service. Raises ConfigError."""
    config = read_config(ServiceConfig, environment)
    module = _module(config.bootstrap)
    service: Service = module.service
    settings = ServiceSettings(
        module,
        service,
        _key(config, service),
        _keys(config),
        _database_url(environment),
        read_json("SOUK_CALLERS", config.callers, dict[str, list[str]]),
        read_urls(config.urls),
        read_json("SOUK_FUNCTIONS", config.functions, dict[str, str]),
        config.topics,
        read_json("SOUK_BUS_URLS", config.bus_urls or "{}", dict[str, str]),
        read_json("SOUK_SUBSCRIPTIONS", config.subscriptions, dict[str, list[tuple[str, str]]]),
    )
    _check_callees(settings)
    _check_bus(config, settings)
    return settings


def _module(name: str) -> ModuleType:
    try:
        module = import_module(name)
    except ModuleNotFoundError as error:
        raise ConfigError(f"SOUK_BOOTSTRAP: there is no module {error.name}") from None
    except (TypeError, ValueError):
        raise ConfigError(f"SOUK_BOOTSTRAP: {name!r} names no module") from None
    if not callable(getattr(module, "build", None)) or not isinstance(getattr(module, "service", None), Service):
        raise ConfigError(f"SOUK_BOOTSTRAP: {name} builds no service")
    return module


def _database_url(environment: Mapping[str, str]) -> str:
    return check_url("DATABASE_URL", read_config(StoreConfig, environment, prefix="").database_url)


def _key(config: ServiceConfig, service: Service) -> SigningKey:
    if not config.key:
        if service.signs:
            raise ConfigError(f"SOUK_KEY is not set, and {service.name} signs with it")
        return SigningKey(service.name, b"")
    key = SigningKey(service.name, config.key.encode())
    try:
        _ = key.private
    except (ValueError, TypeError):
        raise ConfigError("SOUK_KEY holds no Ed25519 private key in PEM") from None
    return key


def _keys(config: ServiceConfig) -> PublicKeys:
    import jwt

    found: dict[str, Any] = read_json("SOUK_JWKS", config.jwks, dict[str, Any])
    try:
        return PublicKeys.from_jwks(found)
    except (KeyError, TypeError, AttributeError, ValueError, jwt.PyJWTError) as error:
        raise ConfigError(f"SOUK_JWKS is no set of Ed25519 public keys: {error}") from None


def _check_callees(settings: ServiceSettings) -> None:
    for name in sorted({operation.service for operation in settings.service.calls}):
        known = (name in settings.urls) + (name in settings.functions)
        if not known:
            raise ConfigError(f"No URL for {name} in SOUK_URLS or SOUK_FUNCTIONS; {settings.service.name} calls it")
        if known > 1:
            raise ConfigError(f"SOUK_URLS and SOUK_FUNCTIONS both name {name}: it is in a container, or a function")


def _check_bus(config: ServiceConfig, settings: ServiceSettings) -> None:
    if config.topics and not _TOPICS.match(config.topics):
        raise ConfigError("SOUK_TOPICS is not as arn:aws:sns:eu-west-1:123456789012: what topics' ARNs begin with")
    if config.topics and config.bus_urls:
        raise ConfigError("SOUK_TOPICS and SOUK_BUS_URLS are both set: the bus is SNS, or it is PostgreSQL")
    if not config.topics and not config.bus_urls and (settings.service.publishes or settings.service.consumes):
        raise ConfigError("SOUK_BUS_URLS is not set, nor is SOUK_TOPICS: events need one of the two")
    if config.topics:
        return
    for url in settings.bus_urls.values():
        check_url("SOUK_BUS_URLS", url)
    heard = {name for pairs in settings.subscriptions.values() for name, _ in pairs}
    for name in sorted(heard - settings.bus_urls.keys()):
        raise ConfigError(f"SOUK_BUS_URLS names no database of {name}, which SOUK_SUBSCRIPTIONS lists as a subscriber")
    published = {event.type_name() for event in settings.service.publishes}
    for kind in sorted(settings.subscriptions.keys() - published):
        raise ConfigError(f"SOUK_SUBSCRIPTIONS: {settings.service.name} publishes no {kind}")
