"""Opening a service's PostgreSQL store: wait until it is there, migrate, then connect."""

import asyncio
import time
from collections.abc import Callable, Sequence
from importlib.resources import files
from typing import Any, TypeVar
from urllib.parse import parse_qsl, urlsplit

import asyncpg

from souk_chassis.clock import Clock
from souk_chassis.config import ConfigError
from souk_chassis.observability.logs import Log
from souk_chassis.record import Record
from souk_chassis.storage.migrations import migrate, read_migrations
from souk_chassis.storage.postgres import POOL_SIZE, open_pool
from souk_chassis.storage.record_postgres import PostgresRecords

S = TypeVar("S")

AWAITED_S = 60.0
"""How long a container waits at its start for its database, which may be starting, or about to be made."""
LOOK_EVERY_S = 1.0
"""How often it looks."""
_CONNECT_TIMEOUT_S = 5.0
_AWAY = (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError)


class DatabaseAwayError(RuntimeError):
    """The database did not come. The message says what it answered last, and no password."""


def check_url(variable: str, url: str) -> str:
    """The URL of a database, as it is. Raises ConfigError that names the variable, and shows nothing of the URL: a
    character of the password that was not escaped makes another URL of it, with parts of the password anywhere."""
    if not url.startswith(("postgresql://", "postgres://")):
        raise ConfigError(f"{variable} must begin with postgresql://")
    try:
        parts = urlsplit(url)
        for host in parts.netloc.rpartition("@")[2].split(","):
            _ = urlsplit(f"//{host}").port
        _ = parse_qsl(parts.query, strict_parsing=bool(parts.query))
    except ValueError:
        parts = None
    if parts is None or parts.fragment:
        form = "postgresql://role:password@host:5432/database, other than letters and digits of the password as %XX"
        raise ConfigError(f"{variable} is no URL of a database: {form}")
    return url


async def await_database(url: str, log: Log, within_s: float = AWAITED_S) -> None:
    """Return when the database takes connections. Raises DatabaseAwayError after `within_s`; ConfigError for a URL with
    an option that can't be."""
    ends_s, is_told = time.monotonic() + within_s, False
    while True:
        try:
            connection = await asyncpg.connect(url, timeout=_CONNECT_TIMEOUT_S)
        except _AWAY as error:
            if isinstance(error, ValueError):  # asyncpg's own word for a URL that can't be
                raise ConfigError(f"DATABASE_URL: {error}") from None
            said = " ".join(str(error).split()) or type(error).__name__
            if time.monotonic() >= ends_s:
                raise DatabaseAwayError(f"the database can't be reached: {said}") from error
            if not is_told:
                log.warning("the database is awaited", detail=said)
                is_told = True
            await asyncio.sleep(LOOK_EVERY_S)
        else:
            await connection.close()
            return


async def open_store(url: str, package: str, service: str, clock: Clock, store: Callable[[Any, Clock], S]) -> S:
    """Apply the chassis' and the service's migrations, and build `store(pool, clock)`.

    `package` is the service's import name: its `migrations` folder is read from there.
    """
    await prepare(url, package, service)
    return store(await open_pool(url, size=POOL_SIZE, name=f"souk-{service}"), clock)


async def open_records(
    url: str, package: str, service: str, clock: Clock, keeps: Sequence[type[Record]]
) -> PostgresRecords:
    """Apply the chassis' and the service's migrations, make or extend the tables of its records, and open the store."""
    await prepare(url, package, service, keeps)
    return PostgresRecords(await open_pool(url, size=POOL_SIZE, name=f"souk-{service}"), service, clock, keeps)


async def prepare(url: str, package: str, service: str, keeps: Sequence[type[Record]] = ()) -> None:
    """Bring a database to what this version of the chassis and of the service needs."""
    own = read_migrations(service, files(package).joinpath("migrations"))
    chassis = read_migrations("chassis", files("souk_chassis.storage").joinpath("schema"))
    await migrate(url, [*chassis, *own], keeps)
