"""The `souk` command: its sub-commands, and how every failure becomes one line and an exit status.

Exit status: 0 done, 1 found wrong, 2 used wrongly.
"""

import sys

import click
from souk_chassis.config import ConfigError
from souk_chassis.storage.migrations import MigrationChangedError

from souk_topologies.cli import asking, checking, running
from souk_topologies.postgres import EmbeddedPostgresError, ProvisionError
from souk_topologies.runner import ListenError


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="souk-topologies", prog_name="souk")
def souk() -> None:
    """Souk: an e-commerce backend of small services that runs whole on a laptop."""


for command in (
    running.up,
    running.down,
    running.status,
    asking.token,
    asking.queues,
    asking.render,
    checking.replay,
    checking.audit,
):
    souk.add_command(command)


def main() -> None:
    """The console script."""
    try:
        souk(standalone_mode=False)
    except click.ClickException as error:
        click.echo(f"souk: {' '.join(error.format_message().split())}", err=True)
        sys.exit(error.exit_code)
    except (EmbeddedPostgresError, ProvisionError, ConfigError, MigrationChangedError, ListenError) as error:
        click.echo(f"souk: {error}", err=True)
        sys.exit(2)
    except (click.Abort, KeyboardInterrupt):
        click.echo("souk: interrupted", err=True)
        sys.exit(130)
