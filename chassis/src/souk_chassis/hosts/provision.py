"""Makes databases and roles, once before the services are started."""

from collections.abc import Mapping

from souk_chassis.config import Config, ConfigError, read_config, read_json
from souk_chassis.observability.logs import Log
from souk_chassis.storage.opening import check_url
from souk_chassis.storage.provision import BUS_ROLE, Further, provision

ROLE_PREFIX = "souk_"


class ProvisionConfig(Config, frozen=True):
    """Settings: `SOUK_ADMIN_URL`, `SOUK_PASSWORDS`, `SOUK_PROCESSES`."""

    admin_url: str
    """`postgresql://` of a superuser, or of a role with CREATEDB and CREATEROLE."""
    passwords: str
    """Role to password, in JSON: `souk_orders` and so on; `souk_bus` where PostgreSQL is the bus."""
    processes: str = "{}"
    """Service to the most processes that it may have, in JSON: its role gets room for their connections. One without
    it."""


async def make_databases(environment: Mapping[str, str]) -> None:
    """Make a database and a role for each password. Repeating it changes nothing.

    Raises ConfigError, and ProvisionError where the server does not let it.
    """
    config = read_config(ProvisionConfig, environment)
    check_url("SOUK_ADMIN_URL", config.admin_url)
    passwords = read_json("SOUK_PASSWORDS", config.passwords, dict[str, str])
    processes = read_json("SOUK_PROCESSES", config.processes, dict[str, int])
    services = [_service(role) for role in passwords if role != BUS_ROLE]
    more = {name: max(0, processes.get(name, 1) - 1) for name in services}
    await provision(
        config.admin_url,
        services,
        passwords,
        Further(sum(more.values()), more),
        with_bus=BUS_ROLE in passwords,
        variable="SOUK_ADMIN_URL",
    )
    Log("provision").info("databases and roles are there", services=services)


def _service(role: str) -> str:
    if not role.startswith(ROLE_PREFIX):
        raise ConfigError(f"SOUK_PASSWORDS: {role!r} is no role of a service, which begins with {ROLE_PREFIX}")
    return role.removeprefix(ROLE_PREFIX)
