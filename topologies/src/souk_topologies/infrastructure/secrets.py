"""The secrets of the databases of services in containers: Terraform makes them empty, and these are their values. No
private key and no password is in its inputs or in its state."""

import json
import re
from collections.abc import Iterable, Mapping

import msgspec

from souk_chassis.storage.provision import role_name, service_dsn
from souk_topologies.infrastructure.inputs import PROJECT

SHARED = "shop"
"""The instance of PostgreSQL that all services share. Where they don't, each has one that is named after it."""

HOST = re.compile(r"[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+")
"""A whole host name, or an address of IPv4."""


class Server(msgspec.Struct, frozen=True):
    """An instance of PostgreSQL: its host, and the services that have their databases there."""

    host: str
    services: tuple[str, ...]


def read_servers(entries: Iterable[str], contained: Iterable[str]) -> dict[str, Server]:
    """The instances by name, from the one host for all services in containers, or from an entry such as
    `orders=orders.abc.eu-west-1.rds.amazonaws.com` for each. Raises ValueError."""
    names, given = tuple(contained), tuple(entries)
    if not names:
        raise ValueError("no service is in containers: there is no database with secrets")
    if len(given) == 1 and "=" not in given[0]:
        return {SHARED: Server(_host(given[0]), names)}
    servers: dict[str, Server] = {}
    for entry in given:
        service, _, host = entry.partition("=")
        if service not in names or not host:
            raise ValueError(f"{entry!r} is not the host of a service in containers, such as {names[0]}=HOST")
        if service in servers:
            raise ValueError(f"the host of the database of {service} is given twice")
        servers[service] = Server(_host(host), (service,))
    missing = [name for name in names if name not in servers]
    if missing:
        raise ValueError(f"the host of the database of {', '.join(missing)} is missing")
    return servers


def _host(text: str) -> str:
    """The text. Raises ValueError where it is no host name: `null`, say, which jq prints for what is not there."""
    if not HOST.fullmatch(text):
        raise ValueError(f"{text!r} is no host such as souk.abcdefghijkl.eu-west-1.rds.amazonaws.com, without a port")
    return text


def database_secrets(servers: Mapping[str, Server], passwords: Mapping[str, str]) -> dict[str, str]:
    """Values by the secrets' names: a URL for each service, and for each instance the passwords of its roles, in JSON.
    `passwords` are by role."""
    found: dict[str, str] = {}
    for instance, server in servers.items():
        url = f"postgresql://{server.host}:5432/postgres?sslmode=require"
        found |= {f"{PROJECT}/{name}/database": service_dsn(url, name, passwords) for name in server.services}
        roles = [role_name(name) for name in server.services]
        found[f"{PROJECT}/passwords/{instance}"] = json.dumps({role: passwords[role] for role in roles})
    return found
