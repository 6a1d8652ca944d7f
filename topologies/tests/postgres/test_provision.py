"""Databases and roles: what each may enter, repeated, at once, and by an administrator who is no superuser."""

import asyncio
import itertools

import asyncpg
import pytest

from souk_chassis.storage.provision import BUS_CONNECTION_LIMIT, SERVICE_CONNECTION_LIMIT, dsn_on
from souk_topologies.postgres import (
    EmbeddedPostgres,
    ProvisionError,
    ServerAddress,
    bus_dsn,
    database_name,
    provision,
    role_name,
    secret_names,
    service_dsn,
)

SERVICES = ("users", "orders")
PASSWORDS = {name: f"password of {name}" for name in secret_names((*SERVICES, "mails", "books"))}


async def ask(dsn: str, query: str) -> object:
    connection = await asyncpg.connect(dsn)
    try:
        return await connection.fetchval(query)
    finally:
        await connection.close()


@pytest.fixture
async def admin_dsn(server: ServerAddress) -> str:
    dsn = server.dsn("postgres")
    await provision(dsn, SERVICES, PASSWORDS)
    return dsn


async def test_a_service_owns_its_database_and_enters_no_other(admin_dsn: str) -> None:
    for service, other in itertools.permutations(SERVICES):
        assert await ask(service_dsn(admin_dsn, service, PASSWORDS), "SELECT current_user") == role_name(service)
        elsewhere = dsn_on(admin_dsn, database_name(other), role_name(service), PASSWORDS[role_name(service)])
        with pytest.raises(asyncpg.InsufficientPrivilegeError, match="permission denied for database"):
            await ask(elsewhere, "SELECT 1")


async def test_no_role_enters_without_its_password(admin_dsn: str) -> None:
    for name, other in itertools.permutations(secret_names(SERVICES), 2):
        for password in ("", PASSWORDS[other]):
            with pytest.raises(asyncpg.InvalidPasswordError):
                await ask(dsn_on(admin_dsn, database_name("orders"), name, password), "SELECT 1")


async def test_the_bus_enters_each_database_and_uses_what_its_owner_grants(admin_dsn: str) -> None:
    for service in SERVICES:
        owner = await asyncpg.connect(service_dsn(admin_dsn, service, PASSWORDS))
        bus = await asyncpg.connect(bus_dsn(admin_dsn, service, PASSWORDS))
        try:
            await owner.execute(
                """CREATE TABLE private AS SELECT 'mine' AS text;
                   CREATE SCHEMA souk_bus;
                   CREATE FUNCTION souk_bus.receive() RETURNS text LANGUAGE sql SECURITY DEFINER
                       AS 'SELECT text FROM public.private';
                   REVOKE ALL ON FUNCTION souk_bus.receive FROM PUBLIC"""
            )
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await bus.fetchval("SELECT souk_bus.receive()")
            await owner.execute(
                "GRANT USAGE ON SCHEMA souk_bus TO souk_bus; GRANT EXECUTE ON FUNCTION souk_bus.receive TO souk_bus"
            )
            assert await bus.fetchval("SELECT souk_bus.receive()") == "mine"
            for forbidden in (
                "SELECT * FROM private",
                "CREATE TABLE souk_bus.t ()",
                "CREATE TABLE t ()",
                "CREATE SCHEMA s",
            ):
                with pytest.raises(asyncpg.InsufficientPrivilegeError):
                    await bus.execute(forbidden)
        finally:
            await owner.execute("DROP SCHEMA souk_bus CASCADE; DROP TABLE private")
            await owner.close()
            await bus.close()


async def test_databases_are_utf8_in_c_order_and_roles_have_no_rights_beyond(admin_dsn: str) -> None:
    made = "FROM pg_database WHERE datname = 'souk_users'"
    assert (
        await ask(admin_dsn, f"SELECT (datcollate, datctype, datlocprovider, encoding = 6)::text {made}") == "(C,C,c,t)"
    )
    rights = "(rolsuper OR rolcreatedb OR rolcreaterole OR rolreplication OR rolbypassrls)"
    for role, limit in ((role_name("users"), SERVICE_CONNECTION_LIMIT), ("souk_bus", BUS_CONNECTION_LIMIT)):
        found = f"FROM pg_roles WHERE rolname = '{role}'"
        assert await ask(admin_dsn, f"SELECT ({rights}, rolconnlimit)::text {found}") == f"(f,{limit})"


async def test_repeated_it_keeps_data_and_takes_the_new_password(admin_dsn: str) -> None:
    await ask(service_dsn(admin_dsn, "users", PASSWORDS), "CREATE TABLE IF NOT EXISTS kept ()")
    changed = PASSWORDS | {"souk_users": "another"}
    await provision(admin_dsn, SERVICES, changed)
    with pytest.raises(asyncpg.InvalidPasswordError):
        await ask(service_dsn(admin_dsn, "users", PASSWORDS), "SELECT 1")
    assert await ask(service_dsn(admin_dsn, "users", changed), "SELECT count(*) FROM kept") == 0


async def test_several_processes_may_do_it_at_once(server: ServerAddress) -> None:
    admin_dsn = server.dsn("postgres")
    await asyncio.gather(*(provision(admin_dsn, ["mails", "books"], PASSWORDS) for _ in range(4)))
    for service in ("mails", "books"):
        assert await ask(service_dsn(admin_dsn, service, PASSWORDS), "SELECT current_database()") == f"souk_{service}"


async def test_an_administrator_without_superuser_will_do(postgres: EmbeddedPostgres) -> None:
    """As on a hosted PostgreSQL. The administrator inherits nothing, which is the least that such a user has."""
    address = await postgres.start()
    superuser_dsn = address.dsn("postgres")
    for given, lacking in (("", "CREATEDB and CREATEROLE"), ("CREATEDB", "CREATEROLE"), ("CREATEROLE", "CREATEDB")):
        await ask(superuser_dsn, "DROP ROLE IF EXISTS hired")
        await ask(superuser_dsn, f"CREATE ROLE hired LOGIN NOINHERIT PASSWORD 'x' {given}")
        with pytest.raises(ProvisionError, match=f'"hired" lacks {lacking}: .*ALTER ROLE "hired"'):
            await provision(address.dsn("postgres", "hired", "x"), SERVICES, PASSWORDS)
    await ask(superuser_dsn, "ALTER ROLE hired CREATEDB")
    for _ in range(2):
        await provision(address.dsn("postgres", "hired", "x"), SERVICES, PASSWORDS)
    assert await ask(service_dsn(superuser_dsn, "users", PASSWORDS), "SELECT 1") == 1
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await ask(address.dsn("souk_users", "souk_orders", PASSWORDS["souk_orders"]), "SELECT 1")

    await ask(superuser_dsn, "CREATE ROLE souk_books")
    with pytest.raises(ProvisionError, match=r"lacks a right: permission denied to alter role .*ADMIN option"):
        await provision(address.dsn("postgres", "hired", "x"), ["books"], PASSWORDS)


async def test_a_database_of_someone_elses_is_not_taken(server: ServerAddress) -> None:
    await ask(server.dsn("postgres"), "CREATE DATABASE souk_theirs")
    with pytest.raises(ProvisionError, match='"souk_theirs" is there already, of postgres'):
        await provision(server.dsn("postgres"), ["theirs"], PASSWORDS | {"souk_theirs": "x"})
    await ask(server.dsn("postgres"), "DROP DATABASE souk_theirs")


async def test_nothing_is_made_when_a_secret_is_missing(server: ServerAddress) -> None:
    with pytest.raises(ProvisionError, match="no secret souk_gifts"):
        await provision(server.dsn("postgres"), ["gifts"], PASSWORDS)
    assert await ask(server.dsn("postgres"), "SELECT count(*) FROM pg_roles WHERE rolname = 'souk_gifts'") == 0


@pytest.mark.parametrize("name", ["", "bus", "Orders", "o-rders", 'o"; DROP', "1st", "x" * 60])
def test_names_that_are_no_services_are_refused(name: str) -> None:
    with pytest.raises(ProvisionError, match="cannot be a service's name"):
        role_name(name)


@pytest.mark.parametrize(
    ("admin", "service"),
    [
        ("postgresql://a:b@db.example:5433/postgres", "postgresql://u:p%40%2F@db.example:5433/d"),
        ("postgres://db1:1,db2:2/?sslmode=require", "postgres://u:p%40%2F@db1:1,db2:2/d?sslmode=require"),
        ("postgresql://a@[::1]/x?user=b&password=c&dbname=y", "postgresql://u:p%40%2F@[::1]/d"),
        ("postgresql://a:b@/x?host=/run/my%20pg&port=5432", "postgresql://u:p%40%2F@/d?host=/run/my%20pg&port=5432"),
    ],
)
def test_a_url_keeps_its_hosts_and_options(admin: str, service: str) -> None:
    assert dsn_on(admin, "d", "u", "p@/") == service


def test_what_is_no_url_is_refused() -> None:
    with pytest.raises(ProvisionError, match="postgresql://"):
        dsn_on("host=localhost dbname=x", "d", "u", "p")
