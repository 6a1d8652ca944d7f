"""`python -m souk_topologies.releases`: what it says, and its exit status."""

import importlib.util
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from click.testing import CliRunner, Result
from msgspec.structs import replace

from souk_topologies.releases import __main__ as command
from souk_topologies.releases import examples
from souk_topologies.releases.examples import UnplayedError, check_played
from souk_topologies.releases.model import Release, Version, load, released_versions, store
from souk_topologies.releases.seal import SEAL, differing, seal
from topologies.tests.releases.conftest import RELEASES, Rewrite

Change = Callable[[str, Callable[[Any], None]], Result]


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(command.main, [str(each) for each in arguments])


@pytest.fixture
def checked(rewritten: Rewrite) -> Change:
    """Checks the tree against a last release in which a file was another."""
    return lambda name, change: run("check", "--releases", rewritten(name, change))


def test_the_tree_fits_the_last_release(last: Release) -> None:
    ended = run("check")
    assert (ended.exit_code, ended.output.splitlines()[-1]) == (0, f"fits {last.version}"), ended.output


def test_a_break_is_told_with_its_line_and_whom_it_breaks(
    checked: Change, last: Release, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(command.ROOT)

    def had_more(operation: Any) -> None:
        price = operation["response"]["$defs"]["QuotedPrice"]
        price["properties"]["until"] = {"type": "string"}
        price["required"].append("until")

    ended = checked("operations/quote.json", had_more)
    lines = Path("contracts/src/souk_contracts/products.py").read_text().splitlines()
    number = next(at for at, line in enumerate(lines, 1) if line.startswith("class QuotedPrice"))
    words = f"quote: the answer's prices[].until is not there, and is needed: breaks orders of {last.version}"
    assert ended.exit_code == 1
    assert ended.output.splitlines() == [
        f"contracts/src/souk_contracts/products.py:{number}: {words}",
        f"1 would break what runs of {last.version}",
    ]


def test_a_field_is_named_by_its_line(checked: Change, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(command.ROOT)

    def was_shorter(event: Any) -> None:
        event["data"]["$defs"]["OrderCreated"]["properties"]["paymentMethod"]["maxLength"] = 5

    ended = checked("events/souk.OrderCreated.v1.json", was_shorter)
    lines = Path("contracts/src/souk_contracts/orders.py").read_text().splitlines()
    place, _, words = ended.output.partition(": ")
    assert lines[int(place.rpartition(":")[2]) - 1].strip() == "payment_method: str"
    assert words.startswith("souk.OrderCreated.v1: its paymentMethod may be other than what is read: at most 5")


@pytest.mark.parametrize(
    ("declared", "words"),
    [
        ("from souk_chassis.operation import Route\n\nRoute()", ":3: TypeError: Missing required argument 'method'"),
        ("x = = 1", ":1: invalid syntax"),
    ],
)
def test_a_contract_that_can_not_be_is_told_with_its_line(
    declared: str, words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    planted = tmp_path / "souk_contracts" / "planted.py"
    planted.parent.mkdir()
    planted.write_text(declared)

    def manifests() -> Any:
        spec = importlib.util.spec_from_file_location("planted", planted)
        spec.loader.exec_module(importlib.util.module_from_spec(spec))

    monkeypatch.setattr(command, "manifests", manifests)
    ended = run("check")
    assert (ended.exit_code, ended.output) == (1, f"Error: {planted}{words}\n")


def test_a_manifest_that_can_not_be_is_told_with_its_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from souk_topologies import shop

    package = tmp_path / "souk_planted"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "manifest.py").write_text("from souk_chassis.manifest import Service\n\nservice = Service('planted')\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(shop, "SERVICES", ("planted",))
    ended = run("check")
    assert ended.exit_code == 1
    assert ended.output.startswith(f"Error: {package}/manifest.py:3: TypeError: Missing required argument 'label'")
    sys.modules.pop("souk_planted.manifest", None)


def test_what_was_used_wrongly(
    tmp_path: Path, last: Release, last_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = {"project": {"version": str(last.version)}}
    monkeypatch.setattr(command, "tomllib", SimpleNamespace(loads=lambda _: project))
    (tmp_path / "odd").mkdir()
    (tmp_path / "named/latest").mkdir(parents=True)
    shutil.copytree(last_folder, tmp_path / "kept" / last_folder.name)
    for arguments, words in [
        (("check", "--releases", tmp_path / "none"), "has no release: freeze one first"),
        (("check", "--releases", tmp_path / "odd"), "has no release: freeze one first"),
        (("check", "--releases", tmp_path / "named"), "'latest' is no version such as 0.1.0"),
        (("freeze", "1.0", "--releases", tmp_path / "odd"), "'1.0' is no version such as 0.1.0"),
        (("freeze", "9.9.9", "--releases", tmp_path / "odd"), "put 9.9.9 there first"),
        (("freeze", last.version, "--releases", tmp_path / "kept"), "a release is never written again"),
        (("freeze",), "Missing argument"),
        (("thaw",), "No such command"),
    ]:
        ended = run(*map(str, arguments))
        assert (ended.exit_code, words in ended.output) == (2, True), ended.output


def test_a_release_that_can_not_be_read_is_found_wrong(checked: Change) -> None:
    ended = checked("services/orders.json", lambda service: service.pop("label"))
    assert ended.exit_code == 1
    assert "services/orders.json: Object missing required field `label`" in ended.output


def test_versions_go_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command, "tomllib", SimpleNamespace(loads=lambda _: {"project": {"version": "0.0.9"}}))
    ended = run("check")
    assert (ended.exit_code, "says 0.0.9, and" in ended.output) == (1, True)


def keep_sealed(release: Release, folder: Path) -> None:
    store(release, folder)
    seal(folder / str(release.version))


def test_freezing_keeps_what_fits_and_refuses_what_breaks(
    tmp_path: Path, last: Release, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def keep(release: Release, folder: Path) -> str:
        keep_sealed(release, folder)
        return "all"

    monkeypatch.setattr(examples, "keep", keep)
    monkeypatch.setattr(command, "tomllib", SimpleNamespace(loads=lambda _: {"project": {"version": "0.2.0"}}))
    keep_sealed(replace(last, version=Version(0, 1, 0)), tmp_path)
    ended = run("freeze", "0.2.0", "--releases", tmp_path)
    assert (ended.exit_code, ended.output) == (0, f"{tmp_path}/0.2.0: all\n")
    assert released_versions(tmp_path) == [Version(0, 1, 0), Version(0, 2, 0)]
    more = replace(last.services["users"], databases=["souk_users", "more"])
    keep_sealed(replace(last, version=Version(0, 1, 1), services={**last.services, "users": more}), tmp_path / "other")
    ended = run("freeze", "0.2.0", "--releases", tmp_path / "other")
    assert (ended.exit_code, "no longer owns the database more" in ended.output) == (1, True)


@pytest.mark.parametrize(
    "name", ["operations/quote.json", "examples/rows/orders.json", "SHA256SUMS", "events/more.json"]
)
def test_a_release_that_was_written_anew_is_refused(name: str, last_folder: Path, tmp_path: Path) -> None:
    shutil.copytree(last_folder, tmp_path / last_folder.name)
    path = tmp_path / last_folder.name / name
    if path.exists():
        path.write_text(path.read_text().replace("0", "1", 1))
    else:
        path.write_text("{}")
    ended = run("check", "--releases", tmp_path)
    assert (ended.exit_code, "is not as it was frozen: take that back" in ended.output) == (1, True), ended.output


def test_a_release_without_a_seal_is_refused(last_folder: Path, tmp_path: Path) -> None:
    shutil.copytree(last_folder, tmp_path / last_folder.name, ignore=shutil.ignore_patterns(SEAL))
    ended = run("check", "--releases", tmp_path)
    assert (ended.exit_code, f"{last_folder.name}/{SEAL} is not as it was frozen" in ended.output) == (1, True)


def test_what_is_frozen_is_sealed(frozen: Path, present: Release) -> None:
    assert differing(frozen / str(present.version)) == []


def test_what_is_kept_is_what_was_described(frozen: Path, present: Release) -> None:
    assert load(frozen, present.version) == present
    with pytest.raises(FileExistsError):
        store(present, frozen)


def test_what_the_play_does_not_reach_is_not_kept(present: Release) -> None:
    stage: Any = SimpleNamespace(
        way=SimpleNamespace(kept=present.operations), ear=SimpleNamespace(heard=dict.fromkeys(present.events))
    )
    check_played(present, stage)
    del stage.ear.heard["souk.OrderOverdue.v1"]
    with pytest.raises(
        UnplayedError, match=r"does not reach souk.OrderOverdue.v1: add them to souk_topologies\.releases"
    ):
        check_played(present, stage)


def test_versions_are_numbers() -> None:
    assert Version.parse("0.10.0") > Version.parse("0.9.12")
    assert str(Version(1, 2, 3)) == "1.2.3"
    assert released_versions(RELEASES)
    for wrong in ("1", "1.2", "01.2.3", "1.2.3-rc", "v1.2.3", ""):
        with pytest.raises(ValueError, match="no version"):
            Version.parse(wrong)
