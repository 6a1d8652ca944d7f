"""What the order function adds to a cold start: which packages it imports, how many modules, how long that takes.

Each figure is of fresh interpreters that find the standard library, the sources and the installed packages, with byte
code at hand. The function is started as on Lambda: by its handler, with its first event, which nothing answers to.
msgspec uses typing_extensions where that is installed: it is here, and not in the function's package, so it is hidden.

A bare handler stands on what AWS's own runtime has imported before it (`bootstrap.py` of
https://github.com/aws/aws-lambda-python-runtime-interface-client and what that imports: json, logging, traceback,
decimal, datetime, concurrent.futures; http.client it leaves out on purpose), and on asyncio, with a loop. So HTTP, TLS,
urllib and whatever else we need of the standard library is ours to pay for.
"""

import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from tests.architecture.tree import ROOT

BUDGET = 1.2
"""What the order function may cost over a bare handler, as a part of what that costs: machines differ in milliseconds.
It is 0.83, and 0.93 on a machine that is busy."""
MODULES = 150
"""How many modules it may import besides: there are 130, and more of them is more to read from the disk."""
ROUNDS = 60
"""Rounds until the budget must have been kept: on a busy machine the first ones say little of the function."""

BARE = """
import concurrent.futures.thread, datetime, decimal, enum, importlib, json, logging, math, os, time, traceback
import asyncio
loop = asyncio.new_event_loop()
"""
ORDERS = """
import sys
sys.modules["typing_extensions"] = None
os.environ.update(SOUK_PART="http", SOUK_BOOTSTRAP="souk_orders.bootstrap", AWS_REGION="eu-west-2")
from souk_chassis.runtimes.lambda_ import handler
class Context:
    def get_remaining_time_in_millis(self):
        return 10_000
event = {"routeKey": "$default", "rawPath": "/", "requestContext": {"http": {"method": "GET"}}, "headers": {}}
assert handler(event, Context())["statusCode"] == 404
"""
NOT_THERE = {
    "starlette", "uvicorn", "uvloop", "httptools", "asyncpg", "aiohttp", "botocore", "boto3", "jwt", "cryptography",
}  # fmt: skip


class Start(msgspec.Struct):
    """A start: its time in milliseconds (of this process's CPU), and the modules that are there then."""

    took_ms: float
    modules: list[str]


def start(program: str, cache: Path) -> Start:
    """Start a fresh interpreter and run the program in it."""
    folders = [*(str(ROOT / member / "src") for member in ("chassis", "contracts", "services/orders"))]
    folders.append(str(Path(msgspec.__file__).parents[1]))
    timed = (
        f"import sys, time; sys.path[:0] = {folders!r}; began = time.process_time()\n{program}\n"
        "took_ms = (time.process_time() - began) * 1e3\n"
        "import json; print(json.dumps({'took_ms': took_ms, 'modules': sorted(sys.modules)}))"
    )
    command = [sys.executable, "-I", "-S", "-X", f"pycache_prefix={cache}", "-c", timed]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return msgspec.json.decode(done.stdout, type=Start)


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for byte code, with that of the function in it."""
    folder = tmp_path_factory.mktemp("byte-code")
    start(BARE + ORDERS, folder)
    return folder


def added(cache: Path) -> set[str]:
    return set(start(BARE + ORDERS, cache).modules) - set(start(BARE, cache).modules)


def test_neither_server_nor_driver_nor_sdk_nor_cryptography(cache: Path) -> None:
    tops = {name.partition(".")[0] for name in added(cache)} - {"typing_extensions"}
    assert tops & NOT_THERE == set()
    assert tops - sys.stdlib_module_names == {"msgspec", "souk_chassis", "souk_contracts", "souk_orders"}


def test_what_is_watched_for_would_be_seen(cache: Path) -> None:
    tops = {name.partition(".")[0] for name in start(f"{BARE}import jwt, starlette", cache).modules}
    assert tops & NOT_THERE == {"jwt", "cryptography", "starlette"}


def test_the_store_is_there(cache: Path) -> None:
    """Otherwise the budget would be kept by what is not started."""
    wanted = {"souk_orders.storage.dynamodb", "souk_chassis.storage.dynamodb.http_client", "souk_chassis.aws.client"}
    assert wanted - added(cache) == set()


def test_modules(cache: Path) -> None:
    assert len(added(cache)) <= MODULES


def test_the_budget_of_time(cache: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The best of the rounds counts, for each of the two: what else the machine does adds to a time, and takes nothing
    away. It is time of the CPU, so that waiting for one does not count."""
    bare, orders = list[float](), list[float]()
    for _ in range(ROUNDS):
        bare.append(start(BARE, cache).took_ms)
        orders.append(start(BARE + ORDERS, cache).took_ms)
        if len(bare) >= 5 and added_part(bare, orders) <= BUDGET:
            break
    told = f"{min(orders) - min(bare):.1f} ms over a bare handler of {min(bare):.1f} ms"
    with capsys.disabled():  # the figure is worth reading where it is kept, too
        print(f"\norder function: {told}")  # noqa: T201
    assert added_part(bare, orders) <= BUDGET, told


def test_a_dearer_start_would_be_seen(cache: Path) -> None:
    """One that imports what the function does without."""
    dearer = f"{BARE + ORDERS}del sys.modules['typing_extensions']\nimport jwt, aiohttp"
    bare, dear = ([start(program, cache).took_ms for _ in range(3)] for program in (BARE, dearer))
    assert added_part(bare, dear) > BUDGET


def added_part(bare: list[float], whole: list[float]) -> float:
    """What the best of `whole` takes more than the best of `bare`, as a part of the latter."""
    return (min(whole) - min(bare)) / min(bare)
