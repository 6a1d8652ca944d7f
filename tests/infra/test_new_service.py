"""`souk new service reviews` in a copy of the sources: it passes `make check` as it comes, and the shop has it. Where
there is such a service already, it is one of another name.

The copy is installed as anybody's, from what `make install` has left in uv's cache: no package index is asked.
"""

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest

from souk_topologies.shop import SERVICES
from tests.topology.running import clean_environment, data_dir

ROOT = Path(__file__).resolve().parents[2]
HERE = Path(sys.executable).parent
TIMEOUT_S = 300.0
NAME = next(name for name in ("reviews", "gizmos", "gadgets") if name not in SERVICES)
ONE = NAME.removesuffix("s")
SERVICE = f"services/{NAME}"
OWN_TESTS = (
    SERVICE,
    "tests/services",
    "tests/permissions",
    "topologies/tests/test_api.py",
    "topologies/tests/cost/test_shape.py",
)
CONCERNED = f"{ONE} or test_api or test_shape or test_records"


def run(folder: Path, *command: str) -> subprocess.CompletedProcess[str]:
    """A command in the copy, which no setting of this process reaches."""
    environment = {name: value for name, value in clean_environment().items() if not name.startswith("PYTEST_")}
    return subprocess.run(
        command,
        cwd=folder,
        env={**environment, "UV_OFFLINE": "1"},
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )


def done(folder: Path, *command: str) -> str:
    """What a command that does its work prints."""
    ended = run(folder, *command)
    assert ended.returncode == 0, f"{' '.join(command)}: {ended.stdout[-3000:]}{ended.stderr[-3000:]}"
    return ended.stdout


@pytest.fixture(scope="module")
def copy() -> Iterator[Path]:
    """A copy of what git has, or would have, with the new service in it, installed."""
    with data_dir() as folder:
        copied = folder / "souk"
        for name in done(ROOT, "git", "ls-files", "-z", "--cached", "--others", "--exclude-standard").split("\0"):
            if name and (ROOT / name).is_file():
                (copied / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(ROOT / name, copied / name)
        if (ROOT / ".mypy_cache").is_dir():  # types are checked anew where files differ
            shutil.copytree(ROOT / ".mypy_cache", copied / ".mypy_cache")
        done(copied, "git", "init", "--quiet")
        done(copied, sys.executable, "-m", "venv", "--without-pip", ".venv")
        shutil.copy2(HERE / "uv", copied / ".venv/bin/uv")
        done(copied, "make", "install")
        done(copied, ".venv/bin/souk", "new", "service", NAME, "--hears", "OrderConfirmed")
        done(copied, "make", "install")
        yield copied


def test_it_passes_make_check(copy: Path) -> None:
    assert "Contracts: 8 kept, 0 broken." in done(copy, "make", "check")


def test_it_passes_its_own_tests_and_those_of_every_service(copy: Path) -> None:
    told = done(copy, ".venv/bin/python", "-m", "pytest", "-q", "-n", "2", "-k", CONCERNED, *OWN_TESTS)
    assert int(told.split(" passed")[0].split()[-1]) > 30, told


@pytest.fixture(scope="module")
def shop(copy: Path) -> Iterator[tuple[str, str]]:
    """The shop of the copy: its address, and an administrator's token."""
    data = str(copy.parent / "data")
    url = done(copy, ".venv/bin/souk", "up", "--detach", "--port", "0", "--empty", "--data-dir", data).strip()
    yield url, done(copy, ".venv/bin/souk", "token", "--admin", "--data-dir", data).strip()
    audit = run(copy, ".venv/bin/souk", "audit", "--json", "--data-dir", data)
    done(copy, ".venv/bin/souk", "down", "--data-dir", data)
    assert json.loads(audit.stdout)["ok"], audit.stdout


def ask(shop: tuple[str, str], method: str, path: str, body: object = None) -> tuple[int, dict[str, object]]:
    """The status and the JSON of an answer."""
    url, token = shop
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    data = None if body is None else json.dumps(body).encode()
    try:
        with urlopen(Request(url + path, data, headers, method=method), timeout=30) as answer:
            return answer.status, json.load(answer)
    except HTTPError as error:
        return error.code, json.load(error)


def test_the_shop_has_it(shop: tuple[str, str]) -> None:
    new, path, key = {"id": "r1", "title": "Bright", "text": "It shines."}, f"/{NAME}", f"{ONE}Id"
    status, created = ask(shop, "POST", path, new)
    assert (status, created[key], created["status"]) == (201, "r1", "ACTIVE")
    assert ask(shop, "POST", path, new) == (201, created)
    assert ask(shop, "GET", f"{path}/r1") == (200, created)
    assert ask(shop, "GET", path) == (200, {"items": [created], "next": None})
    assert ask(shop, "POST", path, {**new, "text": "It does not."})[0] == 409
    assert ask(shop, "POST", f"{path}/r1/archive") == (200, created | {"status": "ARCHIVED"})
    assert ask(shop, "GET", f"{path}/r2")[0] == 404
    assert ask((shop[0], ""), "GET", path)[0] == 401
    status, queues = ask(shop, "GET", f"/queues/{NAME}")
    assert (status, queues["service"]) == (200, NAME)
    assert [queue["name"] for queue in queues["queues"]] == [f"{NAME}-order-confirmed"]  # type: ignore[attr-defined]


@pytest.fixture
def without(copy: Path, request: pytest.FixtureRequest) -> Iterator[Path]:
    """The copy without a file of the service."""
    path = copy / SERVICE / request.param
    kept = path.read_bytes()
    path.unlink()
    yield copy
    path.write_bytes(kept)


@pytest.mark.parametrize("without", [f"src/souk_{NAME}/records.py"], indirect=True)
def test_a_missing_module_fails_make_check(without: Path) -> None:
    ended = run(without, "make", "check")
    assert ended.returncode != 0
    assert f"{SERVICE}/" in ended.stdout


@pytest.mark.parametrize("without", ["tests/test_consumers.py"], indirect=True)
def test_a_missing_file_fails_the_rules_of_make_check(without: Path, request: pytest.FixtureRequest) -> None:
    rules = (".venv/bin/python", "-m", "pytest", "-q", "tests/architecture/test_rules.py", "-k", "repository_keeps")
    ended = run(without, *rules)
    assert ended.returncode == 1
    name = request.node.callspec.params["without"]
    assert f"{SERVICE}/{name}: every service has this file" in ended.stdout
