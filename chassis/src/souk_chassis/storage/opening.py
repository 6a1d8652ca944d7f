"""Opening a service's PostgreSQL store: migrate, then connect."""

from collections.abc import Callable
from importlib.resources import files
from typing import Any, TypeVar

from souk_chassis.clock import Clock
from souk_chassis.storage.migrations import migrate, read_migrations
from souk_chassis.storage.postgres import POOL_SIZE, open_pool

S = TypeVar("S")


async def open_store(url: str, package: str, service: str, clock: Clock, store: Callable[[Any, Clock], S]) -> S:
    """Apply the chassis' and the service's migrations, and build `store(pool, clock)`.

    `package` is the service's import name: its `migrations` folder is read from there.
    """
    own = read_migrations(service, files(package).joinpath("migrations"))
    await migrate(url, [*read_migrations("chassis", files("souk_chassis.storage").joinpath("schema")), *own])
    return store(await open_pool(url, size=POOL_SIZE, name=f"souk-{service}"), clock)
