"""What the keeper and its processes say to each other about settings that can't be."""

import asyncio
import os
import select
import subprocess
import sys
from collections.abc import Iterator
from contextlib import AsyncExitStack
from pathlib import Path

import aiohttp
import msgspec
import pytest

from souk_chassis.auth.keys import load_or_create_keys
from souk_chassis.config import ConfigError
from souk_chassis.runtimes.listening import listen
from souk_chassis.storage.postgres_queues import RELAY_CONNECTIONS
from souk_chassis.storage.provision import FURTHER_BUS_CONNECTIONS
from souk_chassis.testing.logs import RecordedLines
from souk_topologies import processes
from souk_topologies.places import DataDir
from souk_topologies.processes import WIRING_VARIABLE, ProcessConfig
from souk_topologies.server import DatabaseUrls
from souk_topologies.settings import Settings, Topology
from souk_topologies.shop import ISSUERS, SERVICES, wiring

HOST = "127.0.0.1"
END_TIMEOUT_S = 30.0


class Started:
    """A process of the orders service, or of the whole shop, in memory, with these settings."""

    def __init__(self, folder: Path, settings: dict[str, str], name: str) -> None:
        load_or_create_keys(folder / "keys", ISSUERS)
        config = ProcessConfig(name, os.getpid(), str(folder / "keys"), "", wiring(), {})
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
def part() -> str:
    """What the process is, unless the test says otherwise."""
    return "orders"


@pytest.fixture
def started(tmp_path: Path, request: pytest.FixtureRequest, part: str) -> Iterator[Started]:
    """A process with the settings that the test is parametrised with."""
    process = Started(tmp_path, request.param, part)
    try:
        yield process
    finally:
        process.close()


@pytest.mark.parametrize(
    ("part", "started"),
    [
        ("orders", {"SOUK_MAX_OPEN_ORDERS": "-1"}),
        ("orders", {"SOUK_WORK": "maybe"}),
        ("shop", {"SOUK_MAX_OPEN_ORDERS": "-1"}),
    ],
    indirect=["started"],
)
def test_a_process_reports_a_setting_that_can_not_be(started: Started, part: str) -> None:
    readable, _, _ = select.select([started.report], [], [], END_TIMEOUT_S)  # until it speaks, or ends
    assert readable, "it takes the setting"
    said = os.read(started.report, 4096).decode()
    assert said.startswith("SOUK_")
    _, error = started.process.communicate(timeout=END_TIMEOUT_S)
    assert (started.process.returncode, error) == (1, f"{part}: {said}\n")


@pytest.mark.parametrize("part", ["orders", "shop"])
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


async def test_what_can_not_be_started_is_tried_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lines, tries = RecordedLines(), 0

    def start(child: processes._Child, settings: Settings) -> None:
        nonlocal tries
        tries += 1
        if tries == 1:
            raise OSError("no memory")
        raise ConfigError("the second time")

    monkeypatch.setattr(processes, "_start", start)
    config = ProcessConfig("orders", os.getpid(), "", "", wiring(), {})
    with listen(HOST, 0) as address:
        child = processes._Child("orders", config, processes._Group("orders", "orders", 1, address, {}), ended())
        with pytest.raises(ConfigError, match="the second time"):
            await processes._keep([child], Settings(tmp_path), lines.log())
    assert "process can't be started" in lines.messages("error")


async def test_a_shop_whose_keeper_ends_does_not_go_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def is_ready(*_: object) -> bool:
        return True

    async def keep(*_: object) -> None:
        await asyncio.sleep(0)
        raise ConfigError("SOUK_MAX_OPEN_ORDERS: no")

    monkeypatch.setattr(processes, "_start", lambda *_: None)
    monkeypatch.setattr(processes, "_until_ready", is_ready)
    monkeypatch.setattr(processes, "_keep", keep)
    urls = DatabaseUrls(dict.fromkeys(SERVICES, ""), dict.fromkeys(SERVICES, ""))
    ready: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    with pytest.raises(ConfigError, match="SOUK_MAX_OPEN_ORDERS: no"):
        await asyncio.wait_for(processes.serve(Settings(tmp_path, Topology.PROCESSES, port=0), urls, ready), 10)


def test_processes_are_named_and_counted() -> None:
    with listen(HOST, 0) as address:
        names = [processes._Group("orders", "orders", size, address, {}).labels for size in (1, 3)]
    assert names == [["orders"], ["orders-1", "orders-2", "orders-3"]]


async def planned(settings: Settings) -> list[processes._Child]:
    """The processes of a shop, not started."""
    urls = DatabaseUrls({name: f"db-{name}" for name in SERVICES}, {name: f"bus-{name}" for name in SERVICES})
    async with AsyncExitStack() as stack:
        groups = processes._groups(settings, stack)
        return processes._children(settings, urls, groups, DataDir(settings.data_dir))


async def test_whole_shops_are_told_of_every_database_and_of_those_that_work(tmp_path: Path) -> None:
    settings = Settings(tmp_path, port=0, replicas={"shop": 2}, workers={"shop": 1})
    worker, *shops = await planned(settings)
    assert [child.label for child in (worker, *shops)] == ["shop-worker", "shop-1", "shop-2"]
    for child in (worker, *shops):
        assert child.config.name == "shop"
        assert set(child.config.database_urls) == set(SERVICES)
        assert len(child.config.bus_urls) * RELAY_CONNECTIONS == FURTHER_BUS_CONNECTIONS
    assert (worker.group.environment, worker.config.workers) == ({"SOUK_SERVE": "off", "SOUK_WORK": "on"}, {})
    for child in shops:
        assert child.group.environment == {"SOUK_SERVE": "on", "SOUK_WORK": "off"}
        assert set(child.config.workers) == {"shop-worker"}
        assert child.config.shares_address


async def test_a_service_is_told_of_its_own_database_and_the_gateway_of_none(tmp_path: Path) -> None:
    settings = Settings(tmp_path, Topology.PROCESSES, port=0, workers={"orders": 2})
    told = {child.label: child.config for child in await planned(settings)}
    assert set(told) == {*SERVICES, "gateway", "orders-worker-1", "orders-worker-2"}
    assert told["orders"].database_urls == told["orders-worker-2"].database_urls == {"orders": "db-orders"}
    assert (told["gateway"].database_urls, told["gateway"].bus_urls) == ({}, {})
    assert set(told["gateway"].workers) == {"orders-worker"}
    assert not told["orders"].workers
