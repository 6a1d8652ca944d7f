"""`souk render`: what is derived from the manifests."""

from collections.abc import Mapping
from pathlib import Path

import click

from souk_chassis.auth.keys import jwks, load_or_create_keys
from souk_chassis.http.api_gateway import Runtime
from souk_topologies.api import api_document, in_json, place_of
from souk_topologies.cli.options import UsedWronglyError, data_dir_option
from souk_topologies.infrastructure import terraform_inputs
from souk_topologies.infrastructure.secrets import database_secrets, read_servers
from souk_topologies.places import DataDir
from souk_topologies.postgres import load_or_create_secrets, role_name, write_private
from souk_topologies.shop import ISSUERS, SERVICES, manifests


@click.command()
@click.argument("what", type=click.Choice(["openapi", "terraform"]))
@click.option(
    "--runtime", multiple=True, metavar="SERVICE=RUNTIME", help="Where a service runs: lambda (default), ecs or eks."
)
@click.option(
    "--set",
    "settings",
    multiple=True,
    metavar="SERVICE.NAME=VALUE",
    help="A variable of a service's functions or containers.",
)
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    help="For terraform: a folder for inputs.json and openapi.json, instead of printing the former.",
)
@click.option(
    "--secrets",
    type=click.Path(file_okay=False, path_type=Path),
    help="For terraform: a folder for the secrets of the databases of services in containers, and nothing else is "
    "written.",
)
@click.option(
    "--database-host",
    "hosts",
    multiple=True,
    metavar="[SERVICE=]HOST",
    help="With --secrets: the host of all databases, or of one service's.",
)
@data_dir_option
def render(
    what: str,
    runtime: tuple[str, ...],
    settings: tuple[str, ...],
    out: Path | None,
    secrets: Path | None,
    hosts: tuple[str, ...],
    data_dir: Path,
) -> None:
    """Write what is derived from the manifests: the OpenAPI document, or Terraform's inputs.

    The inputs hold the public keys of the shop, whose private halves are in the data directory: they are made there
    where there are none.
    """
    try:
        places = place_of(runtime, SERVICES)
        given = read_settings(settings)
    except ValueError as error:
        raise UsedWronglyError(str(error)) from None
    if secrets is not None:
        write_database_secrets(what, secrets, hosts, places, DataDir(data_dir))
        return
    services = list(manifests().values())
    document = in_json(api_document(services, places))
    if what == "openapi":
        click.echo(document, nl=False)
        return
    public = jwks(load_or_create_keys(DataDir(data_dir).keys, ISSUERS).values())
    inputs = in_json(terraform_inputs(services, public, given, places))
    if out is None:
        click.echo(inputs, nl=False)
        return
    out.mkdir(parents=True, exist_ok=True)
    (out / "inputs.json").write_bytes(inputs)
    (out / "openapi.json").write_bytes(document)


def write_database_secrets(
    what: str, folder: Path, hosts: tuple[str, ...], places: Mapping[str, str], data_dir: DataDir
) -> None:
    """Write a file below `folder` for each secret of the databases, by the secret's name, that only its owner reads.
    The passwords are the data directory's, made there where there are none. Raises UsedWronglyError."""
    if what != "terraform":
        raise UsedWronglyError("--secrets goes with terraform")
    try:
        servers = read_servers(hosts, [name for name in SERVICES if places.get(name, Runtime.LAMBDA) != Runtime.LAMBDA])
    except ValueError as error:
        raise UsedWronglyError(str(error)) from None
    roles = [role_name(name) for server in servers.values() for name in server.services]
    for name, value in database_secrets(servers, load_or_create_secrets(data_dir.secrets, roles)).items():
        (folder / name).parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_private(folder / name, value)
        click.echo(name)


def read_settings(entries: tuple[str, ...]) -> dict[str, dict[str, str]]:
    """Variables by service, from entries such as `notifications.SOUK_MAIL_FROM=shop@example.org`. Raises ValueError."""
    settings: dict[str, dict[str, str]] = {}
    for entry in entries:
        name, is_given, value = entry.partition("=")
        service, _, variable = name.partition(".")
        if service not in SERVICES or not variable.startswith("SOUK_") or not is_given:
            raise ValueError(f"{entry!r} is no setting such as orders.SOUK_CURRENCY=EUR")
        settings.setdefault(service, {})[variable] = value
    return settings
