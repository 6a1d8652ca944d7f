"""The shop's PostgreSQL: a server out of a wheel, and a database and a role a service on it or on another."""

from souk_chassis.storage.provision import (
    BUS_ROLE,
    Further,
    ProvisionError,
    bus_dsn,
    database_name,
    provision,
    role_name,
    secret_names,
    service_dsn,
)
from souk_topologies.postgres._account import EmbeddedPostgresError
from souk_topologies.postgres._private_files import write_private
from souk_topologies.postgres.embedded import EmbeddedPostgres, ServerAddress
from souk_topologies.postgres.secrets import load_or_create_secrets

__all__ = [
    "BUS_ROLE",
    "EmbeddedPostgres",
    "EmbeddedPostgresError",
    "Further",
    "ProvisionError",
    "ServerAddress",
    "bus_dsn",
    "database_name",
    "load_or_create_secrets",
    "provision",
    "role_name",
    "secret_names",
    "service_dsn",
    "write_private",
]
