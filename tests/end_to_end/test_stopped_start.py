"""A first start that is stopped wherever it waits leaves nothing running, and the next one goes on from there; a shop
that says that it is ready is so."""

import asyncio
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import aiohttp
import pytest

from souk_chassis.hosts.listening import free_port
from souk_topologies.data import catalogue
from souk_topologies.places import DataDir
from tests.topology.client import ANONYMOUS, Client, guest_order
from tests.topology.running import COMMAND_TIMEOUT_S, clean_environment, data_dir, processes_of

STOPPED_START = """
import signal, sys
from souk_chassis.hosts import process
from souk_topologies import places, sample
from souk_topologies.cli import main
from souk_topologies.cli import serving

number, point = signal.Signals[sys.argv.pop(1)], sys.argv.pop(1)

class Counted:
    def __init__(self, awaited):
        self.awaited = awaited

    def __await__(self):
        inner = self.awaited.__await__()
        go_on, given, waits = inner.send, None, 0
        while True:
            try:
                waited_for = go_on(given)
            except StopIteration:
                return
            waits += 1
            if str(waits) == point:
                signal.raise_signal(number)
            try:
                go_on, given = inner.send, (yield waited_for)
            except BaseException as error:
                go_on, given = inner.throw, error

def counted(run):
    return lambda main, label: run(lambda stopping: Counted(main(stopping)), label)

def at(name, function):
    calls = 0
    def signalling(*arguments):
        nonlocal calls
        calls += 1
        if calls == 100 or name == "state":
            signal.raise_signal(number)
        return function(*arguments)
    return signalling if point == name else function

serving.run = counted(serving.run)
sample._content = at("catalogue", sample._content)
places.DataDir.write_state = at("state", places.DataDir.write_state)
main()
"""
"""The command, which gets a signal when its main task waits for the so-manieth time, when 100 products of the catalogue
are on their way, or when it is about to write its address."""
POINTS = ("1", "4", "9", "20", "catalogue", "state")
"""From the folder of the database to the last step. The first few are in `initdb` and in PostgreSQL's own start."""


@pytest.fixture(scope="module", params=["process", "processes"])
def stopped(request: pytest.FixtureRequest) -> Iterator[tuple[Path, str]]:
    """A data directory, and the topology, of a shop whose start was stopped again and again."""
    with data_dir() as folder:
        for turn, point in enumerate(POINTS):
            name = ("SIGINT", "SIGTERM")[turn % 2]
            options = ("up", "--port", "0", "--topology", request.param, "--data-dir", str(folder))
            ended = subprocess.run(
                [sys.executable, "-c", STOPPED_START, name, point, *options],
                capture_output=True,
                text=True,
                timeout=COMMAND_TIMEOUT_S,
                env=clean_environment(),
                check=False,
            )
            assert (point, ended.returncode, "Traceback" in ended.stderr) == (point, 0, False), ended.stderr
            assert (point, processes_of(folder)) == (point, [])
            assert not DataDir(folder).is_locked()
            assert DataDir(folder).read_state() is None
        yield folder, request.param


async def test_an_order_placed_as_soon_as_the_shop_is_ready(stopped: tuple[Path, str]) -> None:
    folder, topology = stopped
    port = free_port()
    command = ("up", "--port", str(port), "--topology", topology, "--data-dir", str(folder))
    quiet = {"stdout": asyncio.subprocess.DEVNULL, "stderr": asyncio.subprocess.DEVNULL, "env": clean_environment()}
    running = await asyncio.create_subprocess_exec(sys.executable, "-m", "souk_topologies", *command, **quiet)
    try:
        async with aiohttp.ClientSession() as session, asyncio.timeout(COMMAND_TIMEOUT_S):
            client, missing = Client(f"http://127.0.0.1:{port}", "", session), set[str]()
            while True:
                try:
                    answer = await client.ask("GET", "/ready", token=ANONYMOUS)
                except aiohttp.ClientConnectionError:
                    continue
                if answer.status == 200:
                    break
                missing |= answer.expect(503)["missing"].keys()
            assert DataDir(folder).read_state() is not None
            assert "opening" in missing, "it answers before it is ready"
            product = next(iter(catalogue())).product_id
            placed = await client.ask("POST", "/orders", guest_order((product, 1)), token=ANONYMOUS)
            assert placed.expect(201)["status"] == "PENDING"
            assert DataDir(folder).path.joinpath("catalogue.loaded").exists()
        running.terminate()
        assert await asyncio.wait_for(running.wait(), COMMAND_TIMEOUT_S) == 0
        assert processes_of(folder) == []
    finally:
        if running.returncode is None:
            running.kill()
            await running.wait()
