"""Options that the sub-commands share, and the failure that each ends with."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from souk_topologies.places import DataDir
from souk_topologies.settings import DEFAULT_DATA_DIR

F = TypeVar("F", bound=Callable[..., Any])


class FoundWrongError(click.ClickException):
    """Something is not as it should be: exit status 1."""

    exit_code = 1


class UsedWronglyError(click.ClickException):
    """The command can't be done as it was given: exit status 2."""

    exit_code = 2


def data_dir_option(command: F) -> F:
    """`--data-dir`, else `SOUK_DATA_DIR`, else `.souk`."""
    return click.option(
        "--data-dir",
        type=click.Path(file_okay=False, path_type=Path),
        envvar="SOUK_DATA_DIR",
        default=DEFAULT_DATA_DIR,
        show_default=True,
        help="Where the shop keeps its database, keys and address.",
    )(command)


def process_counts(name: str, variable: str, help: str) -> Callable[[F], F]:  # noqa: A002 - click's own word
    """An option that may be repeated, else its variable: how many processes of a service, or of the shop."""
    return click.option(name, multiple=True, envvar=variable, metavar="NAME=N", help=help)


def url_option(command: F) -> F:
    """`--url`, for a shop elsewhere."""
    return click.option("--url", help="A shop elsewhere; its token is in SOUK_TOKEN.")(command)


def shop_url(data_dir: Path, url: str | None) -> str:
    """The address of the shop. Raises UsedWronglyError where none runs."""
    if url:
        return url.rstrip("/")
    state = DataDir(data_dir).read_state()
    if state is None:
        raise UsedWronglyError(f"no shop runs on {data_dir}: start one with souk up, or name one with --url")
    return state.url
