"""`souk render`: what is derived from the manifests."""

import json
from pathlib import Path

import click

from souk_topologies.cli.options import data_dir_option
from souk_topologies.gateway import api_document
from souk_topologies.shop import manifests


@click.command()
@click.argument("what", type=click.Choice(["openapi"]))
@data_dir_option
def render(what: str, data_dir: Path) -> None:  # noqa: ARG001 - every command takes it; the manifests need none
    """Write what is derived from the manifests: the OpenAPI document."""
    if what == "openapi":
        click.echo(json.dumps(api_document(list(manifests().values())), indent=2))
