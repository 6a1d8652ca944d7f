"""`python -m souk_topologies.releases`: freeze a release, or check the tree against the last one.

Exit status: 0 fine, 1 found wrong, 2 used wrongly.
"""

import re
import sys
import tomllib
import traceback
from pathlib import Path

import click
import msgspec
from msgspec.structs import replace

import souk_contracts
from souk_chassis.manifest import ManifestError
from souk_topologies.releases.comparison import findings, unfrozen
from souk_topologies.releases.model import Release, differing, last_version, load, number, store
from souk_topologies.releases.present import describe, migrations_of
from souk_topologies.releases.sources import Finding, Sources, listed, shown
from souk_topologies.shop import manifests

ROOT = Path(souk_contracts.__file__).resolve().parents[3]
"""The repository, where the contracts are installed from it."""
PROJECT = ROOT / "contracts/pyproject.toml"
"""Has the version of the contracts."""


class UsedWronglyError(click.ClickException):
    """Used wrongly: exit status 2."""

    exit_code = 2


_releases = click.option(
    "--releases",
    "folder",
    type=click.Path(file_okay=False, path_type=Path),
    default=ROOT / "contracts/releases",
    help="The folder of the releases: contracts/releases, unless said.",
)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def main() -> None:
    """Releases of the contracts: kept as files, and compared with the tree."""


@main.command()
@_releases
@click.option("--frozen", is_flag=True, help="Refuse also what is not in the last release: for who delivers the tree.")
def check(folder: Path, frozen: bool) -> None:
    """Compare the tree with the last release: what would break a version that is deployed is refused."""
    old = _last(folder)
    if old is None:
        raise UsedWronglyError(f"{shown(folder)} has no release: freeze one first")
    new = _present()
    if number(new.version) < number(old.version):
        raise click.ClickException(f"contracts/pyproject.toml says {new.version}, and {old.version} is released")
    found = _compared(old, new)
    for each in found:
        click.echo(str(each) if each.breaks else f"note: {each}")
    if wrong := sum(bool(each.breaks) for each in found):
        click.echo(f"{wrong} would break what runs of {old.version}: see docs/how-to/change-a-contract.md")
        sys.exit(1)
    click.echo(f"fits {old.version}")
    if more := list(unfrozen(old, new)):
        major, minor, _ = number(old.version)
        following = new.version if number(new.version) > number(old.version) else f"{major}.{minor + 1}.0"
        words = f"{old.version} does not have {listed(more)} of this tree. Before that is delivered, freeze a release:"
        words = f"{words} make release-freeze VERSION={following}"
        if frozen:
            raise click.ClickException(words)
        click.echo(f"note: {words}")


@main.command()
@click.argument("version")
@_releases
def freeze(version: str, folder: Path) -> None:
    """Keep the tree as release VERSION, with examples of every message. A release is never written again."""
    try:
        wanted = number(version)
    except ValueError as error:
        raise UsedWronglyError(str(error)) from None
    old, new = _last(folder), replace(_present(), version=version)
    if old is not None:
        if wanted <= number(old.version):
            raise UsedWronglyError(f"{old.version} is released already: a release is never written again")
        if found := [each for each in _compared(old, new) if each.breaks]:
            raise click.ClickException(f"{found[0]} (and {len(found) - 1} more: see check)")
    PROJECT.write_text(re.sub(r'(?m)^version = ".*"$', f'version = "{version}"', PROJECT.read_text("utf-8"), count=1))
    folder.mkdir(parents=True, exist_ok=True)
    path = store(new, folder)
    click.echo(f"{shown(path)}: {len(new.operations)} operations, {len(new.events)} events. Commit it with the change")


def _compared(old: Release, new: Release) -> list[Finding]:
    try:
        return findings(old, new, migrations_of(list(manifests())), Sources(ROOT))
    except FileNotFoundError as error:
        raise click.ClickException(f"{error.filename} is missing, which reads migrations: make install") from None


def _last(folder: Path) -> Release | None:
    """The last release. Raises click.ClickException where it can't be read, or one is not what was frozen."""
    try:
        version = last_version(folder)
    except ValueError as error:
        raise UsedWronglyError(f"{shown(folder)}: {error}") from None
    if names := differing(folder):
        more = f" (and {len(names) - 1} more)" if len(names) > 1 else ""
        raise click.ClickException(f"{shown(folder / names[0])}{more} is not as it was frozen: take that back")
    try:
        return None if version is None else load(folder, version)
    except (OSError, msgspec.MsgspecError) as error:
        raise click.ClickException(f"release {version} can't be read: {error}") from None


def _present() -> Release:
    """The tree. Raises click.ClickException, with file and line, where its manifests or contracts can't be read."""
    if not PROJECT.is_file():
        raise UsedWronglyError("this is for a checkout: the contracts are not installed from one")
    version = tomllib.loads(PROJECT.read_text("utf-8"))["project"]["version"]
    try:
        services = list(manifests().values())
        return describe(version, services, migrations_of([each.name for each in services]))
    except Exception as error:
        raise click.ClickException(_where(error)) from error


def _where(error: BaseException) -> str:
    """An error of a declaration, with the innermost line of the contracts or of a manifest that it came through."""
    told = error.__cause__ if isinstance(error, ManifestError) and error.__cause__ else error
    if isinstance(told, SyntaxError):
        return f"{shown(Path(told.filename or ''))}:{told.lineno}: {told.msg}"
    declared = [
        frame
        for frame in traceback.extract_tb(told.__traceback__)
        if (frame.filename.endswith("manifest.py") or "souk_contracts" in frame.filename)
        and "souk_chassis" not in frame.filename
    ]
    if not declared or (told is error and isinstance(error, ManifestError)):
        return str(error)
    return f"{shown(Path(declared[-1].filename))}:{declared[-1].lineno}: {type(told).__name__}: {told}"


if __name__ == "__main__":
    main()
