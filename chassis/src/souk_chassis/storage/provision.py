"""A database and a role a service, on any server of PostgreSQL.

Service's roles cannot enter each other's databases: what a service may know, it is told by operations and events.
"""

import base64
import contextlib
import hashlib
import hmac
import re
import secrets as randomness
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, quote, urlencode, urlsplit, urlunsplit

import asyncpg

BUS_ROLE = "souk_bus"
"""Carries events into each service's database, by the one function that the service's migration grants it."""

SERVICE_CONNECTION_LIMIT = 14
"""Connections a service's role may hold, for each of its processes."""
BUS_CONNECTION_LIMIT = 40
"""Connections of the bus: two for each pair of services. With five services' own these are 110 of the server's 120."""
FURTHER_BUS_CONNECTIONS = 8
"""What the bus may hold more for each further process: two for each service that hears of events."""

OLDEST_VERSION = 150000  # before 15, everyone could create tables in every database's schema `public`
_LOCK_KEY = 0x534F554B  # "SOUK"
_TIMEOUT_S = 60.0
_SCRAM_ITERATIONS = 4096  # PostgreSQL's own default; the secrets are random, so more would protect nothing
_SERVICE_NAME = re.compile(r"[a-z][a-z0-9_]{0,40}")


@dataclass(frozen=True)
class Further:
    """The processes beside the first of each service, and how many of them hold which service: one, or all."""

    processes: int = 0
    by_service: Mapping[str, int] = field(default_factory=dict)

    @property
    def bus_connections(self) -> int:
        """What the bus may hold more."""
        return self.processes * FURTHER_BUS_CONNECTIONS

    @property
    def connections(self) -> int:
        """What all roles together may hold more."""
        return sum(self.by_service.values()) * SERVICE_CONNECTION_LIMIT + self.bus_connections


NONE_FURTHER = Further()
"""One process a service, or one for all."""


class ProvisionError(RuntimeError):
    """The databases cannot be made as asked. The message says which right or secret is missing."""


def role_name(service: str) -> str:
    """The login role of a service, and the name of its secret.

    Raises:
        ProvisionError: not a service's name, or one whose role would be the bus's.
    """
    if not _SERVICE_NAME.fullmatch(service) or service == "bus":
        raise ProvisionError(f"{service!r} cannot be a service's name")
    return f"souk_{service}"


def database_name(service: str) -> str:
    """The database of a service: named as its role."""
    return role_name(service)


def secret_names(services: Iterable[str]) -> list[str]:
    """The secrets that `provision` asks for: one a service, and the bus's."""
    return [*map(role_name, services), BUS_ROLE]


def service_dsn(admin_dsn: str, service: str, passwords: Mapping[str, str]) -> str:
    """The URL by which a service enters its own database, on the server of `admin_dsn`."""
    return dsn_on(admin_dsn, database_name(service), role_name(service), _password(passwords, role_name(service)))


def bus_dsn(admin_dsn: str, service: str, passwords: Mapping[str, str]) -> str:
    """The URL by which the bus enters a service's database, on the server of `admin_dsn`."""
    return dsn_on(admin_dsn, database_name(service), BUS_ROLE, _password(passwords, BUS_ROLE))


def dsn_on(admin_dsn: str, database: str, user: str, password: str) -> str:
    """`admin_dsn` with another database, user and password; hosts and options (sslmode, ...) stay.

    Raises:
        ProvisionError: not a postgresql:// URL.
    """
    parts = urlsplit(admin_dsn)
    if parts.scheme not in ("postgresql", "postgres"):
        raise ProvisionError("the database URL must begin with postgresql://")
    hosts = parts.netloc.rpartition("@")[2]
    login = f"{quote(user, safe='')}:{quote(password, safe='')}"
    replaced = ("user", "password", "passfile", "dbname", "database")
    kept = [(name, value) for name, value in parse_qsl(parts.query) if name not in replaced]
    options = urlencode(kept, safe="/", quote_via=quote)  # a blank as %20: libpq does not know the plus sign
    return urlunsplit((parts.scheme, f"{login}@{hosts}", f"/{quote(database, safe='')}", options, ""))


async def provision(
    admin_dsn: str,
    services: Sequence[str],
    secrets: Mapping[str, str],
    further: Further = NONE_FURTHER,
    *,
    with_bus: bool = True,
    variable: str = "SOUK_DATABASE_URL",
) -> None:
    """Make what each service needs: a role, a database of its own, the bus's way in. Repeating it changes nothing
    but passwords that differ from `secrets`, and the roles' limits. Several processes may do it at once.

    `admin_dsn` is a superuser's, or of a role with CREATEDB and CREATEROLE, on PostgreSQL 15 or later. `further` says
    which processes there are beside the first. Without the bus, which may be elsewhere, its role is left out.
    `variable` is where `admin_dsn` was read from, for what is told of it.

    Raises:
        ProvisionError: a right or a secret is missing, or a database of that name is someone else's.
        OSError, asyncpg.PostgresError: the server cannot be reached.
    """
    named = secret_names(services) if with_bus else map(role_name, services)
    passwords = {name: _password(secrets, name) for name in named}
    bus_limit = BUS_CONNECTION_LIMIT + further.bus_connections
    async with _admin(admin_dsn, variable) as connection:
        await _check_rights(connection)
        # Held by the session: CREATE DATABASE cannot run in a transaction.
        await connection.execute("SELECT pg_advisory_lock($1)", _LOCK_KEY)
        if with_bus:
            await _ensure_role(connection, BUS_ROLE, passwords[BUS_ROLE], bus_limit)
        for service in services:
            role = role_name(service)
            limit = SERVICE_CONNECTION_LIMIT * (1 + further.by_service.get(service, 0))
            await _ensure_role(connection, role, passwords[role], limit)
            await _ensure_membership(connection, role)
            await _ensure_database(connection, database_name(service), role)
            if with_bus:
                await _let_bus_in(connection, database_name(service), role)


@contextlib.asynccontextmanager
async def _admin(admin_dsn: str, variable: str) -> AsyncIterator["asyncpg.Connection[asyncpg.Record]"]:
    """A connection that turns a refusal into a `ProvisionError`, and never waits without end."""
    try:
        connection = await asyncpg.connect(admin_dsn, timeout=_TIMEOUT_S, command_timeout=_TIMEOUT_S)
    except (OSError, TimeoutError, ValueError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        told = " ".join(str(error).split()) or type(error).__name__
        if isinstance(error, ValueError) and not isinstance(error, asyncpg.InterfaceError):
            told = "it is no URL of a database"  # Python's word for it may show a part of the password
        raise ProvisionError(f"the PostgreSQL server of {variable} refuses the connection: {told}") from error
    try:
        yield connection
    except asyncpg.InsufficientPrivilegeError as error:
        raise ProvisionError(f"the database user lacks a right: {' '.join(str(error).split())}") from error
    finally:
        await connection.close(timeout=_TIMEOUT_S)


async def _check_rights(connection: "asyncpg.Connection[asyncpg.Record]") -> None:
    row = await connection.fetchrow(
        """SELECT rolname, rolsuper, rolcreatedb, rolcreaterole, current_setting('server_version') AS version,
                  current_setting('server_version_num')::int AS version_number
           FROM pg_roles WHERE rolname = current_user"""
    )
    assert row is not None  # noqa: S101  # a session has a role; this tells the type checker
    if row["version_number"] < OLDEST_VERSION:
        raise ProvisionError(f"PostgreSQL 15 or later is needed; the server is {row['version']}")
    lacking = [right for right in ("CREATEDB", "CREATEROLE") if not row[f"rol{right.lower()}"]]
    if lacking and not row["rolsuper"]:
        role = _identifier(row["rolname"])
        raise ProvisionError(
            f"the database user {role} lacks {' and '.join(lacking)}: "
            f"let an administrator run ALTER ROLE {role} {' '.join(lacking)}"
        )


async def _ensure_role(
    connection: "asyncpg.Connection[asyncpg.Record]", role: str, password: str, connection_limit: int
) -> None:
    exists = await connection.fetchval("SELECT EXISTS (SELECT FROM pg_roles WHERE rolname = $1)", role)
    verb = "ALTER" if exists else "CREATE"
    await connection.execute(
        f"{verb} ROLE {_identifier(role)} LOGIN CONNECTION LIMIT {connection_limit} "
        f"PASSWORD '{scram_verifier(password)}'"
    )


async def _ensure_membership(connection: "asyncpg.Connection[asyncpg.Record]", role: str) -> None:
    """Who is no superuser must be able to become the owner of the database that he makes for it."""
    # From 16 on, who made a role may grant it (ADMIN), which is not yet being able to become it (SET).
    privilege = "SET" if connection.get_server_version() >= (16,) else "MEMBER"
    if not await connection.fetchval("SELECT pg_has_role(current_user, $1, $2)", role, privilege):
        await connection.execute(f"GRANT {_identifier(role)} TO CURRENT_USER")


async def _ensure_database(connection: "asyncpg.Connection[asyncpg.Record]", database: str, role: str) -> None:
    found = await connection.fetchrow(
        """SELECT pg_get_userbyid(datdba) AS owner, pg_encoding_to_char(encoding) AS encoding
           FROM pg_database WHERE datname = $1""",
        database,
    )
    name, owner = _identifier(database), _identifier(role)
    if found is None:
        # The provider is named because a server made with ICU would otherwise order by ICU whatever LC_COLLATE says.
        await connection.execute(
            f"CREATE DATABASE {name} OWNER {owner} TEMPLATE template0 ENCODING 'UTF8' "
            "LOCALE_PROVIDER libc LC_COLLATE 'C' LC_CTYPE 'C'"
        )
    elif found["owner"] != role or found["encoding"] != "UTF8":
        raise ProvisionError(
            f"the database {name} is there already, of {found['owner']} in {found['encoding']}; "
            f"it must be of {role} in UTF8: rename it, or change its owner"
        )
    await _as_owner(connection, role, f"REVOKE ALL ON DATABASE {name} FROM PUBLIC")


async def _let_bus_in(connection: "asyncpg.Connection[asyncpg.Record]", database: str, role: str) -> None:
    grant = f"GRANT CONNECT ON DATABASE {_identifier(database)} TO {_identifier(BUS_ROLE)}"
    await _as_owner(connection, role, grant)


async def _as_owner(connection: "asyncpg.Connection[asyncpg.Record]", role: str, statement: str) -> None:
    """As the owner: an administrator who does not inherit the role's rights could not."""
    async with connection.transaction():
        await connection.execute(f"SET LOCAL ROLE {_identifier(role)}")
        await connection.execute(statement)


def scram_verifier(password: str, salt: bytes | None = None) -> str:
    """What PostgreSQL stores for an ASCII `password` (RFC 5803), so that the password itself appears in no statement,
    and so in no log of the server."""
    salt = salt or randomness.token_bytes(16)
    salted = hashlib.pbkdf2_hmac("sha256", password.encode("ascii"), salt, _SCRAM_ITERATIONS)
    client_key = hmac.digest(salted, b"Client Key", "sha256")
    stored_key = hashlib.sha256(client_key).digest()
    server_key = hmac.digest(salted, b"Server Key", "sha256")
    encoded = [base64.b64encode(value).decode() for value in (salt, stored_key, server_key)]
    return f"SCRAM-SHA-256${_SCRAM_ITERATIONS}:{encoded[0]}${encoded[1]}:{encoded[2]}"


def _password(passwords: Mapping[str, str], name: str) -> str:
    if not passwords.get(name):
        raise ProvisionError(f"there is no secret {name}")
    if not passwords[name].isascii():
        raise ProvisionError(f"the secret {name} must be of ASCII characters alone")
    return passwords[name]


def _identifier(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
