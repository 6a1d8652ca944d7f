"""The `souk` command: its sub-commands, and how every failure becomes one line and an exit status.

Exit status: 0 done, 1 found wrong, 2 used wrongly.
"""

import sys
from importlib import import_module

import click

from souk_chassis.manifest import ManifestError

_STANDS_IN = {
    "up": "running",
    "down": "running",
    "status": "asking",
    "token": "tokens",
    "replay": "checking",
    "audit": "checking",
    "queues": "asking",
    "render": "rendering",
    "package": "packaging",
    "cost": "costing",
    "new": "creating",
}
"""Each command's module. It is imported when the command is used: most do without most of the shop."""


class _Commands(click.Group):
    def list_commands(self, _: click.Context) -> list[str]:
        return list(_STANDS_IN)

    def get_command(self, _: click.Context, name: str) -> click.Command | None:
        if name not in _STANDS_IN:
            return None
        command: click.Command = getattr(import_module(f"souk_topologies.cli.{_STANDS_IN[name]}"), name)
        return command


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="souk-topologies", prog_name="souk")
def souk() -> None:
    """Souk: an e-commerce backend of small services that runs whole on a laptop."""


def main() -> None:
    """The console script."""
    try:
        souk(standalone_mode=False)
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message())
        click.echo("souk: a command is missing", err=True)
        sys.exit(error.exit_code)
    except click.ClickException as error:
        click.echo(f"souk: {' '.join(error.format_message().split())}", err=True)
        sys.exit(error.exit_code)
    except ManifestError as error:
        click.echo(f"souk: {error}", err=True)
        sys.exit(2)
    except OSError as error:
        if error.filename is None:
            raise  # a fault of ours: whoever names a file or a folder has it named
        click.echo(f"souk: {error.filename}: {error.strerror}", err=True)
        sys.exit(2)
    except (click.Abort, KeyboardInterrupt):
        click.echo("souk: interrupted", err=True)
        sys.exit(130)
