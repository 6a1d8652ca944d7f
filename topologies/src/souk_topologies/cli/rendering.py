"""`souk render`: what is derived from the manifests."""

import json
from collections.abc import Mapping
from pathlib import Path

import click

from souk_chassis.auth.keys import jwks, load_or_create_keys
from souk_chassis.config import ConfigError
from souk_chassis.http.api_gateway import Runtime
from souk_chassis.http.routing import in_json
from souk_chassis.manifest import Service
from souk_topologies.api import api_document, place_of
from souk_topologies.cli.options import UsedWronglyError, data_dir_option
from souk_topologies.cli.packaging import CHECKOUT
from souk_topologies.containers import clustered, settled
from souk_topologies.infrastructure import terraform_inputs
from souk_topologies.infrastructure.secrets import database_secrets, read_servers
from souk_topologies.kubernetes import files, passwords_needed, secret_files
from souk_topologies.places import DataDir
from souk_topologies.postgres import load_or_create_secrets, role_name, write_private
from souk_topologies.shop import ISSUERS, SERVICES, manifests
from souk_topologies.takeover import deployed_document, deployed_inputs, read_settled
from souk_topologies.workflows import workflows

_GOES_WITH = {
    "--runtime": ("openapi", "terraform", "kubernetes"),
    "--set": ("terraform",),
    "--out": ("terraform", "kubernetes", "workflows"),
    "--secrets": ("kubernetes", "terraform"),
}
"""What each option changes: with anything else it would be passed over in silence."""


@click.command()
@click.argument("what", type=click.Choice(["openapi", "terraform", "kubernetes", "workflows"]))
@click.option(
    "--runtime",
    multiple=True,
    metavar="SERVICE=RUNTIME",
    help="Where a service runs on AWS: lambda (default), ecs or eks (default for kubernetes).",
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
    help="A folder to write into instead of printing: inputs.json and openapi.json, Kubernetes' files, or workflows.",
)
@click.option(
    "--secrets",
    type=click.Path(file_okay=False, path_type=Path),
    help="A folder for secrets, and nothing else is written: those of a cluster of one's own, or for terraform those "
    "of the databases of services in containers.",
)
@click.option(
    "--database-host",
    "hosts",
    multiple=True,
    metavar="[SERVICE=]HOST",
    help="For terraform with --secrets: the host of all databases, or of one service's.",
)
@click.option("--legacy", envvar="SOUK_LEGACY_URL", metavar="URL", help="Where an application is that gets the rest.")
@click.option(
    "--taken-over",
    envvar="SOUK_TAKEN_OVER",
    metavar="PATHS",
    help="What it has lost, such as /users,/orders.",
)
@data_dir_option
def render(
    what: str,
    runtime: tuple[str, ...],
    settings: tuple[str, ...],
    out: Path | None,
    secrets: Path | None,
    hosts: tuple[str, ...],
    legacy: str | None,
    taken_over: str | None,
    data_dir: Path,
) -> None:
    """Write what is derived from the manifests: the OpenAPI document, Terraform's inputs, Kubernetes' files, or
    GitHub's workflows.

    The inputs hold the public keys of the shop, whose private halves are in the data directory: they are made there
    where there are none.
    """
    for option, given in (("--runtime", runtime), ("--set", settings), ("--out", out), ("--secrets", secrets)):
        if given and what not in _GOES_WITH[option]:
            raise UsedWronglyError(f"{option} goes with {' or '.join(_GOES_WITH[option])}")
    if out and secrets:
        raise UsedWronglyError("--secrets writes secrets and nothing else: leave out --out")
    if bool(hosts) != (secrets is not None and what == "terraform"):
        raise UsedWronglyError("--database-host goes with --secrets for terraform, and that with it")
    services = list(manifests().values())
    try:
        places = settled(services, place_of(runtime, SERVICES), Runtime.EKS if what == "kubernetes" else Runtime.ECS)
        variables = read_settings(settings)
    except ValueError as error:
        raise UsedWronglyError(str(error)) from None
    if what == "workflows":
        _write(workflows(CHECKOUT, services), out)
        return
    if what == "kubernetes":
        render_kubernetes(services, places, out, secrets, DataDir(data_dir))
        return
    if secrets is not None:
        write_database_secrets(secrets, hosts, places, DataDir(data_dir))
        return
    whole = api_document(services, places)
    try:
        takeover = read_settled({"SOUK_LEGACY_URL": legacy or "", "SOUK_TAKEN_OVER": taken_over or ""}, whole)
    except ConfigError as error:
        raise UsedWronglyError(str(error)) from None
    document = in_json(deployed_document(whole, takeover))
    if what == "openapi":
        click.echo(document, nl=False)
        return
    data = DataDir(data_dir)
    data.create()
    public = jwks(load_or_create_keys(data.keys, ISSUERS).values())
    inputs = in_json(deployed_inputs(terraform_inputs(services, public, variables, places), takeover))
    if out is None:
        click.echo(inputs, nl=False)
        return
    out.mkdir(parents=True, exist_ok=True)
    (out / "inputs.json").write_bytes(inputs)
    (out / "openapi.json").write_bytes(document)


def render_kubernetes(
    services: list[Service], places: Mapping[str, Runtime], out: Path | None, secrets: Path | None, data_dir: DataDir
) -> None:
    """Print Kubernetes' files, write them below `out`, or write a cluster's secrets below `secrets` alone. Raises
    UsedWronglyError."""
    try:
        there = clustered(services)
    except ValueError as error:
        raise UsedWronglyError(str(error)) from None
    if secrets is not None:
        data_dir.create()
        keys = load_or_create_keys(data_dir.keys, ISSUERS)
        passwords = load_or_create_secrets(data_dir.secrets, passwords_needed(there))
        pems = {issuer: key.pem.decode() for issuer, key in keys.items()}
        public = json.dumps(jwks(keys.values()))
        for name, value in secret_files(there, pems, public, passwords).items():
            path = secrets / name
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            write_private(path, value)
        return
    if all(places.get(service.name, Runtime.EKS) is not Runtime.EKS for service in services):
        raise UsedWronglyError("no service is on eks, which components/aws is for: name one, or leave out --runtime")
    _write(files(services, places), out)


def write_database_secrets(
    folder: Path, hosts: tuple[str, ...], places: Mapping[str, Runtime], data_dir: DataDir
) -> None:
    """Write a file below `folder` for each secret of the databases, by the secret's name, that only its owner reads,
    and print the names. The passwords are the data directory's, made there where there are none. Raises
    UsedWronglyError."""
    try:
        servers = read_servers(
            hosts, [name for name in SERVICES if places.get(name, Runtime.LAMBDA) is not Runtime.LAMBDA]
        )
    except ValueError as error:
        raise UsedWronglyError(str(error)) from None
    data_dir.create()
    roles = [role_name(name) for server in servers.values() for name in server.services]
    for name, value in database_secrets(servers, load_or_create_secrets(data_dir.secrets, roles)).items():
        (folder / name).parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_private(folder / name, value)
        click.echo(name)


def _write(made: Mapping[str, str], out: Path | None) -> None:
    """The texts by their names: below a folder, or one after the other."""
    for name, text in made.items():
        if out is None:
            click.echo(f"--- # {name}\n{text}", nl=False)
            continue
        path = out / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")


def read_settings(entries: tuple[str, ...]) -> dict[str, dict[str, str]]:
    """Variables by service, from entries such as `notifications.SOUK_MAIL_FROM=shop@example.org`. Raises ValueError."""
    settings: dict[str, dict[str, str]] = {}
    for entry in entries:
        name, is_given, value = entry.partition("=")
        service, _, variable = name.partition(".")
        if variable and service not in SERVICES:
            raise ValueError(f"{entry!r}: there is no service {service!r}, only {', '.join(SERVICES)}")
        if not variable.startswith("SOUK_") or not is_given:
            raise ValueError(f"{entry!r} is no setting such as orders.SOUK_CURRENCY=EUR")
        settings.setdefault(service, {})[variable] = value
    return settings
