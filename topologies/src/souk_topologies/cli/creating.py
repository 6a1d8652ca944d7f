"""`souk new`: what a team adds to the shop."""

import signal
from pathlib import Path

import click

from souk_chassis.manifest import STORES
from souk_topologies.cli.options import UsedWronglyError
from souk_topologies.scaffold import Made, ScaffoldError, find_checkout, new_service


@click.group()
def new() -> None:
    """Add something to the shop."""


@new.command()
@click.argument("name", metavar="NAME")
@click.option("--singular", metavar="NOUN", help="What one of them is called, where it is not NAME less its s.")
@click.option("--hears", multiple=True, metavar="EVENT", help="An event that it hears; may be given again.")
@click.option("--stores", type=click.Choice(STORES), help="The engine that it is deployed on, where it is one alone.")
def service(name: str, singular: str | None, hears: tuple[str, ...], stores: str | None) -> None:
    """Make a service that keeps NAME, a plural noun such as reviews, with its contracts, tests and places in lists."""
    for ending in (signal.SIGTERM, signal.SIGHUP):  # as Ctrl-C: what was begun is taken back
        signal.signal(ending, signal.default_int_handler)
    try:
        made = new_service(find_checkout(Path.cwd()), name, singular, hears, [stores] if stores else [])
    except ScaffoldError as error:
        raise UsedWronglyError(str(error)) from None
    click.echo(_told(made))


def _told(made: Made) -> str:
    words = made.words
    return "\n".join(
        [
            *(f"new      {path}" for path in made.new),
            *(f"changed  {path}" for path in made.changed),
            "",
            f"The service {words.plural} creates, shows, lists and archives. It answers administrators alone.",
            "Try it:     make check && make test",
            "Run it:     make up, then POST /" + words.plural,
            f"Make it yours, in this order: contracts/src/souk_contracts/{words.plural}.py (words, who may), then",
            f"services/{words.plural}: records.py, operations.py, manifest.py, README.md.",
        ]
    )
