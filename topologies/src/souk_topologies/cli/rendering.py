"""`souk render`: what is derived from the manifests."""

from pathlib import Path

import click

from souk_chassis.auth.keys import jwks, load_or_create_keys
from souk_chassis.manifest import Service
from souk_topologies.api import api_document, in_json, place_of
from souk_topologies.cli.options import UsedWronglyError, data_dir_option
from souk_topologies.cli.packaging import CHECKOUT
from souk_topologies.infrastructure import terraform_inputs
from souk_topologies.places import DataDir
from souk_topologies.shop import ISSUERS, SERVICES, manifests
from souk_topologies.workflows import workflows


@click.command()
@click.argument("what", type=click.Choice(["openapi", "terraform", "workflows"]))
@click.option(
    "--runtime", multiple=True, metavar="SERVICE=RUNTIME", help="Where a service runs: lambda (default), ecs or eks."
)
@click.option(
    "--set", "settings", multiple=True, metavar="SERVICE.NAME=VALUE", help="A variable of a service's functions."
)
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    help="A folder to write into: inputs.json and openapi.json, or the workflows. Left out, they are printed.",
)
@data_dir_option
def render(what: str, runtime: tuple[str, ...], settings: tuple[str, ...], out: Path | None, data_dir: Path) -> None:
    """Write what is derived from the manifests: the OpenAPI document, Terraform's inputs, or GitHub's workflows.

    The inputs hold the public keys of the shop, whose private halves are in the data directory: they are made there
    where there are none.
    """
    try:
        places = place_of(runtime, SERVICES)
        given = read_settings(settings)
    except ValueError as error:
        raise UsedWronglyError(str(error)) from None
    services = list(manifests().values())
    if what == "workflows":
        _render_workflows(services, out)
        return
    document = in_json(api_document(services, places))
    if what == "openapi":
        click.echo(document, nl=False)
        return
    public = jwks(load_or_create_keys(DataDir(data_dir).keys, ISSUERS).values())
    inputs = in_json(terraform_inputs(services, public, given))
    if out is None:
        click.echo(inputs, nl=False)
        return
    out.mkdir(parents=True, exist_ok=True)
    (out / "inputs.json").write_bytes(inputs)
    (out / "openapi.json").write_bytes(document)


def _render_workflows(services: list[Service], out: Path | None) -> None:
    """The workflows' texts into a folder, or one after the other."""
    for name, text in workflows(CHECKOUT, services).items():
        if out is None:
            click.echo(f"--- # {name}\n{text}", nl=False)
        else:
            out.mkdir(parents=True, exist_ok=True)
            (out / name).write_text(text, "utf-8")


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
