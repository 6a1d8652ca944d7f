"""A service is made whole or not at all."""

import errno
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from souk_chassis.manifest import POSTGRES
from souk_topologies.scaffold import ScaffoldError, find_checkout, making, new_service
from souk_topologies.scaffold.additions import EVENTS
from souk_topologies.scaffold.lists import LISTINGS, Listing
from topologies.tests.packages.building import souk
from topologies.tests.scaffold.conftest import FREE, ONE, content, marks

MOST_FILES, MOST_LINES = 15, 600
"""What a service has at most, without its lock."""
GENERATED = 2
"""Its workflow and its objects of Kubernetes, which are written from the manifest."""


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is generated takes most of the time: here nothing is."""
    monkeypatch.setattr(making, "regenerate", lambda _: None)


def listed(checkout: Path, name: str) -> list[bool]:
    """Whether each list has the service."""
    return [name in listing.names((checkout / listing.path).read_text("utf-8")) for listing in LISTINGS]


def test_it_is_where_its_templates_say_and_in_every_list(checkout: Path) -> None:
    before = content(checkout)
    made = new_service(checkout, FREE, None)
    after = content(checkout)
    assert {path.replace("widget", ONE) for path, _ in making.read_templates() if "consumers" not in path} <= set(
        made.new
    )
    assert all(ONE in path for path in made.new)
    assert {*made.new, *made.changed} == {p for p, now in after.items() if now is not None and before.get(p) != now}
    assert {listing.path for listing in LISTINGS} <= set(made.changed)
    assert all(listed(checkout, FREE))
    assert not [path for path in made.new if b"idget" in (checkout / path).read_bytes()]
    assert f"## {ONE}-service-events\n" in (checkout / "docs/reference/iam.md").read_text("utf-8")
    event = f"{ONE.capitalize()}Created"
    assert f"| `{event}` | `souk.{event}.v1` |" in (checkout / "docs/reference/events.md").read_text("utf-8")


def test_it_hears_what_it_is_told_to_and_its_own_tests_pass(checkout: Path, quick: None) -> None:
    made = new_service(checkout, FREE, None, ["OrderConfirmed", "UserRegistered"], [POSTGRES])
    assert len(made.new) <= MOST_FILES - GENERATED
    texts = [(checkout / path).read_text("utf-8") for path in made.new if not path.endswith(".lock")]
    assert sum(len(text.splitlines()) for text in texts) <= MOST_LINES
    manifest = (checkout / f"services/{FREE}/src/souk_{FREE}/manifest.py").read_text("utf-8")
    assert 'stores=("postgres",),' in manifest
    for event in ("OrderConfirmed", "UserRegistered"):
        assert f"{event}: Consumer(keep_heard)" in manifest
        [row] = [row for row in (checkout / EVENTS).read_text("utf-8").splitlines() if row.startswith(f"| `{event}`")]
        assert f", {FREE} |" in row
    sources = [str(folder) for pattern in ("*/src", "services/*/src") for folder in checkout.glob(pattern)]
    ended = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", f"services/{FREE}/tests"],
        cwd=checkout,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sources), "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stdout


def test_an_event_that_nobody_publishes(checkout: Path) -> None:
    told = souk("new", "service", FREE, "--hears", "OrderEaten", cwd=checkout)
    assert (told.returncode, told.stdout, told.stderr.count("\n")) == (2, "", 1)
    assert told.stderr.startswith("souk: there is no event OrderEaten, only OrderCancelled, OrderConfirmed, ")
    assert "UserRegistered" in told.stderr


def test_another_can_follow(checkout: Path, quick: None) -> None:
    new_service(checkout, FREE, None)
    new_service(checkout, f"{ONE}ies", f"{ONE}y")
    assert all(listed(checkout, FREE) + listed(checkout, f"{ONE}ies"))
    with pytest.raises(ScaffoldError, match=f"there is a service {FREE} already"):
        new_service(checkout, FREE, None)


def test_a_shops_data_in_the_checkout_is_left_alone(checkout: Path, quick: None) -> None:
    (checkout / "shop/keys").mkdir(parents=True)
    (checkout / "shop/postgres").mkdir()
    os.mkfifo(checkout / "shop/postgres/pipe")  # what could not be copied
    try:
        assert new_service(checkout, FREE, None).new
    finally:
        shutil.rmtree(checkout / "shop")


@pytest.mark.parametrize("name", ["as" * 10, "abcdefghijklmnopqrss", "xs", "items"])
def test_a_name_of_any_length_is_taken(checkout: Path, quick: None, name: str) -> None:
    """What would not fit into the length of a line, the formatter breaks, and ruff takes it."""
    assert new_service(checkout, name, name[:-1]).new


@pytest.mark.parametrize(
    ("name", "singular", "said"),
    [
        ("orders", None, "there is a service orders already"),
        ("mails", None, "there is ListMails in the contracts already"),
        ("sessions", None, "already: sessions needs another name"),
        ("people", "user", "already: people needs another name"),
        ("reservations", None, "already: reservations needs another name"),
        ("records", None, "means something else in every service"),
        ("events", None, "means something else in every service"),
        ("class", None, "keyword"),
        ("Reviews", None, "lower-case"),
    ],
)
def test_a_name_that_is_taken_is_refused(checkout: Path, name: str, singular: str | None, said: str) -> None:
    before = marks(checkout)
    with pytest.raises(ScaffoldError, match=said):
        new_service(checkout, name, singular)
    assert marks(checkout) == before


@pytest.mark.parametrize(
    "path",
    [
        f"services/{FREE}/notes.txt",
        f"contracts/src/souk_contracts/{FREE}.py",
        f".github/workflows/{ONE}-service.yml",
    ],
)
def test_files_in_the_way_stay(checkout: Path, path: str) -> None:
    (checkout / path).parent.mkdir(exist_ok=True)
    (checkout / path).write_text("mine")
    before = marks(checkout)
    with pytest.raises(ScaffoldError, match="in the way"):
        new_service(checkout, FREE, None)
    assert marks(checkout) == before


def test_a_link_that_leads_nowhere_is_in_the_way(checkout: Path) -> None:
    (checkout / f"services/{FREE}").symlink_to("nowhere")
    with pytest.raises(ScaffoldError, match=f"services/{FREE} is in the way"):
        new_service(checkout, FREE, None)


@pytest.mark.parametrize("listing", LISTINGS, ids=lambda listing: f"{listing.path}-{listing.what}")
def test_a_list_that_can_not_be_found(checkout: Path, listing: Listing) -> None:
    path = checkout / listing.path
    text = path.read_text("utf-8")
    begin, end = listing.span(text)
    path.write_text(text[:begin] + text[end:], "utf-8")
    before = marks(checkout)
    with pytest.raises(ScaffoldError, match="can't be found"):
        new_service(checkout, FREE, None)
    assert marks(checkout) == before


@pytest.mark.parametrize("path", making.ADDITIONS)
def test_a_file_without_its_place(checkout: Path, path: str) -> None:
    (checkout / path).parent.mkdir(parents=True, exist_ok=True)
    (checkout / path).write_text("# A page\n")
    before = marks(checkout)
    with pytest.raises(ScaffoldError, match="can't be found"):
        new_service(checkout, FREE, None)
    assert marks(checkout) == before


def test_a_generator_that_fails(checkout: Path) -> None:
    (checkout / "tests/architecture/iam.py").write_text("raise SystemExit('there is no page')")
    before = marks(checkout)
    with pytest.raises(ScaffoldError, match="iam failed: there is no page"):
        new_service(checkout, FREE, None)
    assert marks(checkout) == before


FULL = OSError(errno.ENOSPC, "No space left on device", "there")


@pytest.mark.parametrize(("at", "error"), [(1, FULL), (2, KeyboardInterrupt()), (7, FULL), (18, KeyboardInterrupt())])
def test_what_was_written_is_taken_back(
    checkout: Path, quick: None, monkeypatch: pytest.MonkeyPatch, at: int, error: BaseException
) -> None:
    before, write, left = content(checkout), making._write, at

    def failing(path: Path, text: bytes) -> None:
        nonlocal left
        left -= 1
        if left == 0:
            path.parent.mkdir(parents=True, exist_ok=True)
            raise error
        write(path, text)

    monkeypatch.setattr(making, "_write", failing)
    with pytest.raises((ScaffoldError, KeyboardInterrupt)):
        new_service(checkout, FREE, None)
    assert left == 0
    assert content(checkout) == before


def test_what_somebody_changes_meanwhile_is_kept(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = checkout / "docs/reference/events.md"

    def meanwhile(_: Path) -> None:
        page.write_text("mine")

    monkeypatch.setattr(making, "regenerate", meanwhile)
    with pytest.raises(ScaffoldError, match=r"docs/reference/events\.md was changed meanwhile"):
        new_service(checkout, FREE, None)
    assert page.read_text() == "mine"
    assert not (checkout / f"services/{FREE}").exists()


def test_a_checkout_is_found_from_inside(checkout: Path, tmp_path: Path) -> None:
    assert find_checkout(checkout / "services/orders/src") == checkout
    with pytest.raises(ScaffoldError, match="this is none"):
        find_checkout(tmp_path)


def test_the_command_says_in_one_line_what_is_wrong(checkout: Path, tmp_path: Path) -> None:
    for cwd, name, said in ((checkout, "orders", "already"), (tmp_path, FREE, "checkout"), (checkout, "", "''")):
        told = souk("new", "service", name, cwd=cwd)
        assert (told.returncode, told.stdout, told.stderr.count("\n")) == (2, "", 1)
        assert told.stderr.startswith("souk: ")
        assert said in told.stderr


def test_a_command_that_is_ended_leaves_nothing(checkout: Path, tmp_path: Path) -> None:
    before = marks(checkout)
    command = [Path(sys.executable).with_name("souk"), "new", "service", FREE]
    with subprocess.Popen(command, cwd=checkout, env=os.environ | {"TMPDIR": str(tmp_path)}) as making_it:
        while not any(tmp_path.glob("*/checkout/services")):
            assert making_it.poll() is None
            time.sleep(0.01)
        making_it.terminate()
        assert making_it.wait(timeout=30) == 130
    assert not any(tmp_path.iterdir())
    assert marks(checkout) == before


def test_the_command_says_what_it_made_and_what_comes_next(checkout: Path) -> None:
    told = souk("new", "service", "people", "--singular", "person", cwd=checkout / "docs")
    assert (told.returncode, told.stderr) == (0, "")
    assert "new      services/people/README.md\n" in told.stdout
    assert "changed  pyproject.toml\n" in told.stdout
    assert "make check && make test" in told.stdout
    assert "class PersonCreated(Event" in (checkout / "contracts/src/souk_contracts/people.py").read_text("utf-8")
