"""`souk package`: what Lambda runs."""

import sys
from pathlib import Path

import click

from souk_chassis.manifest import DYNAMODB
from souk_topologies.cli.options import FoundWrongError, UsedWronglyError
from souk_topologies.edge import edge_files
from souk_topologies.packages import DEFAULT_PLATFORM, DEFAULT_PYTHON, PACKAGES, PackageError, Target, build_packages
from souk_topologies.shop import manifests

DEFAULT_OUT = Path("build/packages")
CHECKOUT = Path(__file__).resolve().parents[4]
"""The checkout that this command was installed from."""


def _python(_: click.Context, __: click.Parameter, value: str) -> str:
    major, _dot, minor = value.partition(".")
    if major != "3" or not (minor.isascii() and minor.isdigit() and int(minor) >= 11):
        raise click.BadParameter(f"{value!r} is not a version such as 3.13, from 3.11 on.")
    return value


def _platform(_: click.Context, __: click.Parameter, value: str) -> str:
    if not value.startswith(("x86_64-manylinux", "aarch64-manylinux")):
        raise click.BadParameter(f"{value!r} is not a Linux such as {DEFAULT_PLATFORM}.")
    return value


@click.command("package")
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    default=DEFAULT_OUT,
    show_default=True,
    help="The folder to write them into.",
)
@click.option("--python", callback=_python, default=DEFAULT_PYTHON, show_default=True, help="The functions' Python.")
@click.option(
    "--platform", callback=_platform, default=DEFAULT_PLATFORM, show_default=True, help="The functions' platform."
)
@click.option(
    "--only", multiple=True, type=click.Choice(PACKAGES), help="One package, instead of all; may be given again."
)
def package(out: Path, python: str, platform: str, only: tuple[str, ...]) -> None:
    """Write the packages of the functions: a zip for each service, and one for the edge."""
    target = Target(python, platform)
    services = manifests()
    files = edge_files(list(services.values()), CHECKOUT / "web")
    functions = [name for name in PACKAGES if name not in services or DYNAMODB in services[name].stores]
    if others := [name for name in only if name not in functions]:
        raise UsedWronglyError(f"{', '.join(others)}: the store is PostgreSQL alone, so there are no functions")
    try:
        for built in build_packages(CHECKOUT, out, files, target, only or functions):
            click.echo(f"{built.path}  {built.size:,} bytes  sha256 {built.sha256}")
    except PackageError as error:
        raise FoundWrongError(str(error)) from None
    except OSError as error:
        raise UsedWronglyError(f"{error.filename}: {error.strerror}") from None
    if not target.is_here:
        here = f"{sys.version_info.major}.{sys.version_info.minor}"
        click.echo(
            f"souk: without byte code, which each cold start then makes anew: this is Python {here}, "
            f"and the functions' is {python}",
            err=True,
        )
