"""What the keeper and its processes say to each other about settings that can't be."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import aiohttp
import msgspec
import pytest

from souk_chassis.auth.keys import load_or_create_keys
from souk_chassis.config import ConfigError
from souk_chassis.testing.logs import RecordedLines
from souk_topologies import processes
from souk_topologies.listening import listen
from souk_topologies.processes import WIRING_VARIABLE, ProcessConfig
from souk_topologies.settings import Settings
from souk_topologies.shop import ISSUERS, wiring

HOST = "127.0.0.1"
END_TIMEOUT_S = 30.0


class Started:
    """A process of the orders service, in memory, with these settings."""

    def __init__(self, folder: Path, settings: dict[str, str]) -> None:
        load_or_create_keys(folder / "keys", ISSUERS)
        config = ProcessConfig("orders", os.getpid(), str(folder / "keys"), "", wiring(), {})
        clean = {name: value for name, value in os.environ.items() if not name.startswith("SOUK_")}
        self.listener = listen(HOST, 0)
        self.url = f"http://{HOST}:{self.listener.getsockname()[1]}"
        self.report, report = os.pipe()
        descriptors = (self.listener.fileno(), report)
        self.process = subprocess.Popen(
            [sys.executable, "-m", "souk_topologies.serve", *map(str, descriptors)],
            env=clean | settings | {WIRING_VARIABLE: msgspec.json.encode(config).decode()},
            pass_fds=descriptors,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        os.close(report)

    def end(self) -> str:
        """Ask it to end, and return what it said on stderr."""
        self.process.terminate()
        return self.process.communicate(timeout=END_TIMEOUT_S)[1]

    def close(self) -> None:
        """Leave nothing behind."""
        self.process.kill()
        self.process.wait()
        if self.process.stderr is not None:
            self.process.stderr.close()
        self.listener.close()
        os.close(self.report)


@pytest.fixture
def started(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Started]:
    """A process with the settings that the test is parametrised with."""
    process = Started(tmp_path, request.param)
    try:
        yield process
    finally:
        process.close()


@pytest.mark.parametrize("started", [{"SOUK_MAX_OPEN_ORDERS": "0"}, {"SOUK_WORK": "maybe"}], indirect=True)
def test_a_process_reports_a_setting_that_can_not_be(started: Started) -> None:
    said = os.read(started.report, 4096).decode()  # until it speaks, or ends
    assert said.startswith("SOUK_")
    _, error = started.process.communicate(timeout=END_TIMEOUT_S)
    assert (started.process.returncode, error) == (1, f"orders: {said}\n")


@pytest.mark.parametrize("started", [{"SOUK_SERVE": "off"}], indirect=True)
async def test_a_process_that_only_works_answers_for_its_readiness_alone(started: Started) -> None:
    async with aiohttp.ClientSession() as session:
        async with session.get(f"{started.url}/ready") as response:  # the keeper's socket lets it wait
            assert response.status == 200
        async with session.get(f"{started.url}/health") as response:
            assert response.status == 200
        async with session.get(f"{started.url}/orders/o1") as response:
            assert response.status == 404
            assert (await response.json())["code"] == "no_such_route"
        async with session.post(f"{started.url}/operations/place_order", data=b"{}") as response:
            assert response.status in {401, 404}
    assert started.end() == ""
    assert started.process.returncode == 0


def ended() -> "subprocess.Popen[bytes]":
    """A process that has come to its end."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process


async def test_the_keeper_starts_nothing_again_that_refuses_its_settings(tmp_path: Path) -> None:
    report, told = os.pipe()
    os.write(told, b"SOUK_MAX_OPEN_ORDERS: no")
    os.close(told)
    config = ProcessConfig("orders", os.getpid(), "", "", wiring(), {})
    with listen(HOST, 0) as address:
        group = processes._Group("orders", "orders", 1, address, {})
        gone = ended()
        child = processes._Child("orders", config, group, gone, report=report)
        with pytest.raises(ConfigError, match="SOUK_MAX_OPEN_ORDERS: no"):
            await processes._keep([child], Settings(tmp_path), RecordedLines().log())
        assert child.process is gone
        processes._close_report(child)


def test_processes_are_named_and_counted() -> None:
    with listen(HOST, 0) as address:
        names = [processes._Group("orders", "orders", size, address, {}).labels for size in (1, 3)]
    assert names == [["orders"], ["orders-1", "orders-2", "orders-3"]]
