"""`souk render`: what is derived from the manifests."""

from pathlib import Path

import click

from souk_topologies.api import api_document, in_json, place_of
from souk_topologies.cli.options import UsedWronglyError, data_dir_option
from souk_topologies.shop import SERVICES, manifests


@click.command()
@click.argument("what", type=click.Choice(["openapi"]))
@click.option(
    "--runtime", multiple=True, metavar="SERVICE=RUNTIME", help="Where a service runs: lambda (default), ecs or eks."
)
@data_dir_option
def render(what: str, runtime: tuple[str, ...], data_dir: Path) -> None:  # noqa: ARG001 - every command takes it; the manifests need none
    """Write what is derived from the manifests: the OpenAPI document."""
    try:
        places = place_of(runtime, SERVICES)
    except ValueError as error:
        raise UsedWronglyError(str(error)) from None
    if what == "openapi":
        click.echo(in_json(api_document(list(manifests().values()), places)), nl=False)
