"""`python -m souk_topologies.releases`: freeze a release, or check the tree against the last one.

Exit status: 0 fine, 1 found wrong, 2 used wrongly.
"""

import asyncio
import sys
import tomllib
import traceback
from pathlib import Path

import click
import msgspec

import souk_contracts
from souk_chassis.manifest import ManifestError
from souk_topologies.releases.check import breaks, findings
from souk_topologies.releases.findings import Sources, listed
from souk_topologies.releases.model import Release, Version, load, released_versions
from souk_topologies.releases.places import shown
from souk_topologies.releases.present import describe, migrations_of
from souk_topologies.releases.seal import differing
from souk_topologies.releases.unfrozen import unfrozen
from souk_topologies.shop import manifests

ROOT = Path(souk_contracts.__file__).resolve().parents[3]
"""The repository, where the contracts are installed from it."""


class WrongError(click.ClickException):
    """Found wrong: exit status 1."""

    exit_code = 1


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
    version = _last(folder)
    if version is None:
        raise UsedWronglyError(f"{shown(folder)} has no release: freeze one first")
    old, new = _kept(folder, version), _present()
    if new.version < version:
        raise WrongError(f"contracts/pyproject.toml says {new.version}, and {version} is released")
    found = findings(old, new, migrations_of(list(manifests())), Sources(ROOT))
    for each in found:
        click.echo(str(each) if each.breaks else f"note: {each}")
    wrong = len(breaks(found))
    click.echo(f"{wrong} would break what runs of {version}" if wrong else f"fits {version}")
    if wrong:
        sys.exit(1)
    if frozen and (more := list(unfrozen(old, new))):
        raise WrongError(
            f"{listed(more)} of this tree: {version} does not have that. Freeze a release, and deliver that"
        )


@main.command()
@click.argument("version")
@_releases
def freeze(version: str, folder: Path) -> None:
    """Keep the tree as release VERSION, with examples of every message. A release is never written again."""
    from souk_topologies.releases.examples import UnplayedError, keep  # plays the shop: the check need not

    new = _present()
    try:
        wanted, last = Version.parse(version), _last(folder)
    except ValueError as error:
        raise UsedWronglyError(str(error)) from None
    if wanted != new.version:
        raise UsedWronglyError(f"contracts/pyproject.toml says {new.version}: put {version} there first")
    if last is not None and wanted <= last:
        raise UsedWronglyError(f"{last} is released already: a release is never written again")
    if last is not None:
        found = breaks(findings(_kept(folder, last), new, migrations_of(list(manifests())), Sources(ROOT)))
        if found:
            raise WrongError(f"{found[0]} (and {len(found) - 1} more: see check)")
    try:
        kept = asyncio.run(keep(new, folder))
    except UnplayedError as error:
        raise WrongError(str(error)) from None
    click.echo(f"{shown(folder / version)}: {kept}")


def _last(folder: Path) -> Version | None:
    try:
        return max(released_versions(folder), default=None) if folder.is_dir() else None
    except ValueError as error:
        raise UsedWronglyError(f"{shown(folder)}: {error}") from None


def _kept(folder: Path, version: Version) -> Release:
    """A release. Raises WrongError where it can't be read, or is not what was frozen."""
    if names := differing(folder / str(version)):
        more = f" (and {len(names) - 1} more)" if len(names) > 1 else ""
        raise WrongError(f"{shown(folder / str(version) / names[0])}{more} is not as it was frozen: take that back")
    try:
        return load(folder, version)
    except (OSError, msgspec.MsgspecError) as error:
        raise WrongError(f"release {version} can't be read: {error}") from None


def _present() -> Release:
    """The tree. Raises WrongError, with file and line, where its manifests or contracts can't be read."""
    if not (ROOT / "contracts/pyproject.toml").is_file():
        raise UsedWronglyError("this is for a checkout: the contracts are not installed from one")
    project = tomllib.loads((ROOT / "contracts/pyproject.toml").read_text("utf-8"))["project"]
    try:
        services = list(manifests().values())
        return describe(Version.parse(project["version"]), services, migrations_of([each.name for each in services]))
    except Exception as error:
        raise WrongError(_where(error)) from error


def _where(error: BaseException) -> str:
    """An error of a declaration, with the innermost line of the contracts or of a manifest that it came through."""
    told = error.__cause__ if isinstance(error, ManifestError) and error.__cause__ else error
    if isinstance(told, SyntaxError):
        return f"{shown(Path(told.filename or ''))}:{told.lineno}: {told.msg}"
    declared = [
        frame
        for frame in traceback.extract_tb(told.__traceback__)
        if frame.filename.endswith("manifest.py") or "souk_contracts" in frame.filename
    ]
    declared = [frame for frame in declared if "souk_chassis" not in frame.filename]
    if not declared or (told is error and isinstance(error, ManifestError)):
        return str(error)
    return f"{shown(Path(declared[-1].filename))}:{declared[-1].lineno}: {type(told).__name__}: {told}"


if __name__ == "__main__":
    main()
