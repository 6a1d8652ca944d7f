"""`python -m souk_topologies.releases`: what it says, and its exit status."""

import importlib.util
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from msgspec.structs import replace

from souk_chassis import wire
from souk_topologies.releases import __main__ as command
from souk_topologies.releases.comparison import unfrozen
from souk_topologies.releases.model import SEALS, Release, differing, last_version, load, number, store
from topologies.tests.releases.conftest import LAST, RELEASES, Rewrite

Change = Callable[[Any], None]


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(command.main, [str(each) for each in arguments])


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The contracts' own pyproject.toml, in a copy that can be changed."""
    copy = tmp_path / "project" / "pyproject.toml"
    copy.parent.mkdir()
    copy.write_text(command.PROJECT.read_text())
    monkeypatch.setattr(command, "PROJECT", copy)
    return copy


def test_the_tree_fits_the_last_release() -> None:
    ended = run("check")
    assert ended.exit_code == 0, ended.output
    assert f"fits {LAST.version}" in ended.output.splitlines()


def test_a_break_is_told_with_its_line_and_whom_it_breaks(rewritten: Rewrite, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(command.ROOT)

    def had_more(release: Any) -> None:
        price = release["operations"]["quote"]["response"]["$defs"]["QuotedPrice"]
        price["properties"]["until"] = {"type": "string"}
        price["required"].append("until")

    ended = run("check", "--releases", rewritten(had_more))
    lines = Path("contracts/src/souk_contracts/products.py").read_text().splitlines()
    at = next(at for at, line in enumerate(lines, 1) if line.startswith("class QuotedPrice"))
    words = f"quote: the answer's prices[].until is not there, and is needed: breaks orders of {LAST.version}"
    assert ended.exit_code == 1
    assert ended.output.splitlines() == [
        f"contracts/src/souk_contracts/products.py:{at}: {words}",
        f"1 would break what runs of {LAST.version}: see docs/how-to/change-a-contract.md",
    ]


def test_a_field_is_named_by_its_line(rewritten: Rewrite, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(command.ROOT)

    def was_shorter(release: Any) -> None:
        data = release["events"]["souk.OrderCreated.v1"]["data"]
        data["$defs"]["OrderCreated"]["properties"]["paymentMethod"]["maxLength"] = 5

    place, _, words = run("check", "--releases", rewritten(was_shorter)).output.partition(": ")
    lines = Path("contracts/src/souk_contracts/orders.py").read_text().splitlines()
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


def test_what_was_used_wrongly(tmp_path: Path, project: Path) -> None:
    (tmp_path / "odd").mkdir()
    (tmp_path / "named").mkdir()
    (tmp_path / "named/latest.json").write_text("{}")
    for arguments, words in [
        (("check", "--releases", tmp_path / "none"), "has no release: freeze one first"),
        (("check", "--releases", tmp_path / "odd"), "has no release: freeze one first"),
        (("check", "--releases", tmp_path / "named"), "'latest' is no version such as 0.1.0"),
        (("freeze", "1.0", "--releases", tmp_path / "odd"), "'1.0' is no version such as 0.1.0"),
        (("freeze", LAST.version), "a release is never written again"),
        (("freeze",), "Missing argument"),
        (("thaw",), "No such command"),
    ]:
        ended = run(*map(str, arguments))
        assert (ended.exit_code, words in ended.output) == (2, True), ended.output


def test_a_release_that_can_not_be_read_is_found_wrong(tmp_path: Path, present: Release) -> None:
    path = store(replace(present, routes=5), tmp_path)  # type: ignore[arg-type] # that is wrong with it
    ended = run("check", "--releases", tmp_path)
    assert (ended.exit_code, f"release {path.stem} can't be read: " in ended.output) == (1, True)


def test_versions_are_numbers_and_go_up(project: Path) -> None:
    assert number("0.10.0") > number("0.9.12")
    for wrong in ("1", "1.2", "01.2.3", "1.2.3-rc", "v1.2.3", ""):
        with pytest.raises(ValueError, match="no version"):
            number(wrong)
    project.write_text('[project]\nversion = "0.0.9"\n')
    ended = run("check")
    assert (ended.exit_code, "says 0.0.9, and" in ended.output) == (1, True)


def test_a_release_is_frozen_by_one_command_where_nothing_breaks(
    tmp_path: Path, project: Path, present: Release
) -> None:
    folder = tmp_path / "releases"
    first = run("freeze", "0.1.0", "--releases", folder)
    assert (first.exit_code, "Commit it" in first.output) == (0, True), first.output
    assert run("freeze", "0.10.0", "--releases", folder).exit_code == 0
    assert 'version = "0.10.0"' in project.read_text()
    assert last_version(folder) == "0.10.0"
    assert load(folder, "0.10.0") == replace(present, version="0.10.0")
    more = replace(present.services["users"], databases=["souk_users", "more"])
    store(replace(present, version="0.10.1", services={**present.services, "users": more}), folder)
    ended = run("freeze", "0.11.0", "--releases", folder)
    assert (ended.exit_code, "no longer owns the database more" in ended.output) == (1, True)
    assert last_version(folder) == "0.10.1"


def test_a_release_reads_as_it_was_written(present: Release) -> None:
    assert wire.decode(wire.encode(present), Release) == present


def test_a_release_is_sealed(tmp_path: Path, present: Release) -> None:
    assert differing(RELEASES) == []
    path = store(present, tmp_path)
    with pytest.raises(FileExistsError):
        store(present, tmp_path)
    text = path.read_text()
    path.write_text(text.replace('"souk_users"', '"souk_people"'))
    ended = run("check", "--releases", tmp_path)
    assert ended.exit_code == 1
    assert f"{path.name} is not as it was frozen: take that back" in ended.output
    path.write_text(text)
    assert run("check", "--releases", tmp_path).exit_code == 0
    (tmp_path / "0.0.1.json").write_text(text)
    assert differing(tmp_path) == ["0.0.1.json"]
    (tmp_path / SEALS).unlink()
    assert differing(tmp_path) == ["0.0.1.json", path.name]


def without_a_field(release: Any) -> None:
    del release["operations"]["list_products"]["request"]["$defs"]["ProductQuery"]["properties"]["cursor"]


@pytest.mark.parametrize(
    ("change", "what"),
    [
        (without_a_field, ["the operation list_products"]),
        (lambda release: release["operations"]["get_user"]["errors"].popitem(), ["the operation get_user"]),
        (lambda release: release["events"]["souk.PaymentDeclined.v1"]["heard_by"].popitem(), ["the event souk.Pay"]),
        (lambda release: release["services"]["orders"]["migrations"].popitem(), ["the service orders"]),
        (lambda release: release["services"]["chassis"]["migrations"].popitem(), ["the service chassis"]),
        (lambda release: release["protocol"]["problem"].update(maxProperties=1), ["the problem that the chassis"]),
        (lambda release: release["routes"].pop(), ["the routes of the gateway"]),
        (lambda release: release["examples"].clear(), []),
    ],
)
def test_whatever_is_not_in_a_release_is_named(
    change: Change, what: list[str], rewritten: Rewrite, present: Release
) -> None:
    changed = load(rewritten(change), present.version)
    for told in (list(unfrozen(changed, present)), list(unfrozen(present, changed))):
        assert [said[: len(begin)] for said, begin in zip(told, what, strict=True)] == what


def test_who_delivers_is_told_what_no_release_has_and_what_to_do(rewritten: Rewrite) -> None:
    folder = rewritten(without_a_field)
    ended = run("check", "--releases", folder)
    words = "freeze a release: make release-freeze VERSION="
    assert (ended.exit_code, words in ended.output, "note: " in ended.output) == (0, True, True)
    ended = run("check", "--frozen", "--releases", folder)
    assert (ended.exit_code, words in ended.output, "the operation list_products" in ended.output) == (1, True, True)
