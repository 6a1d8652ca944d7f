"""Processes of a shop, and their keeper: settings that are refused, what is started again, and who is told what."""

import asyncio
import json
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path

import aiohttp
import pytest

from souk_chassis.auth.keys import load_or_create_keys
from souk_chassis.config import ConfigError
from souk_chassis.hosts.listening import listen
from souk_chassis.storage.postgres_queues import RELAY_CONNECTIONS
from souk_chassis.storage.provision import FURTHER_BUS_CONNECTIONS
from souk_topologies import processes
from souk_topologies.environments import Premises
from souk_topologies.places import DataDir
from souk_topologies.processes import Child, open_processes
from souk_topologies.server import DatabaseUrls
from souk_topologies.settings import Settings, Topology
from souk_topologies.shop import ISSUERS, SERVICES, SHOP

HOST = "127.0.0.1"
END_TIMEOUT_S = 60.0
NO_DATABASES = DatabaseUrls({}, dict.fromkeys(SERVICES, "postgresql://nobody@127.0.0.1:1/none"))

Start = Callable[..., Awaitable[Child]]


@pytest.fixture
async def start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, new_database: Callable[[], Awaitable[str]]
) -> AsyncIterator[Start]:
    """Starts a process of the orders service, or of the whole shop in memory, with these settings."""
    async with AsyncExitStack() as stack:

        async def begin(part: str, **given: str) -> Child:
            keys = load_or_create_keys(tmp_path / "keys", ISSUERS)
            databases = NO_DATABASES if part == SHOP else DatabaseUrls({part: await new_database()}, NO_DATABASES.bus)
            urls = dict.fromkeys(SERVICES, "http://127.0.0.1:1")
            told = Premises(Settings(tmp_path), keys, databases, urls, {}).environment(part, fronts=False) | given
            address = listen(HOST, 0)
            stack.callback(address.close)
            child = Child(part, processes._Group(part, part, 1, address, {}), told)
            stack.push_async_callback(processes._stop_all, [child])
            child.start()
            return child

        yield begin


async def end_of(child: Child) -> int:
    """The exit status of a process that ends by itself."""
    assert child.process is not None
    return await asyncio.to_thread(child.process.wait, END_TIMEOUT_S)


@pytest.mark.parametrize(
    ("part", "setting"),
    [
        ("orders", {"SOUK_MAX_OPEN_ORDERS": "-1"}),
        ("orders", {"SOUK_WORK": "maybe"}),
        (SHOP, {"SOUK_MAX_OPEN_ORDERS": "-1"}),
    ],
)
async def test_a_process_refuses_an_invalid_setting_in_one_sentence(
    start: Start, part: str, setting: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    child = await start(part, **setting)
    assert await end_of(child) == 2
    with pytest.raises(ConfigError, match=f"^{next(iter(setting))}: [^\n]*$") as refusal:
        child.has_ended()
    assert capsys.readouterr().err == f"{refusal.value}\n", "what it says is passed on"


@pytest.mark.parametrize("part", ["orders", SHOP])
async def test_a_process_that_only_works_answers_for_its_readiness_alone(start: Start, part: str) -> None:
    child = await start(part, SOUK_SERVE="off", SOUK_BUS_URLS="{}", SOUK_SUBSCRIPTIONS="{}")
    async with aiohttp.ClientSession(child._group.url) as session:
        async with session.get("/ready") as response:  # the keeper's socket lets it wait
            assert response.status == 200
        async with session.get("/health") as response:
            assert response.status == 200
        async with session.get("/orders/o1") as response:
            assert response.status == 404
            assert (await response.json())["code"] == "no_such_route"
        async with session.post("/operations/place_order", data=b"{}") as response:
            assert response.status in {401, 404}
    await processes._stop_all([child])
    assert child.process is not None
    assert child.process.returncode == 0


class Kept:
    """A child that runs something else."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *programs: str) -> None:
        self.started = 0

        def start(child: Child) -> None:
            child.close()
            program = programs[min(self.started, len(programs) - 1)]
            self.started += 1
            if not program:
                raise OSError("no memory")
            command = [sys.executable, "-c", program]
            child.process = subprocess.Popen(command, stderr=subprocess.PIPE, bufsize=0)

        monkeypatch.setattr(Child, "start", start)


REFUSES = "import sys; print('fine so far\\nSOUK_MAX_OPEN_ORDERS: no', file=sys.stderr); sys.exit(2)"


async def keep(folder: Path) -> None:
    """Start one child and keep it, until that ends."""
    with listen(HOST, 0) as address:
        child = Child("orders", processes._Group("orders", "orders", 1, address, {}), {})
        child.start()
        try:
            await asyncio.wait_for(processes._keep([child], DataDir(folder)), END_TIMEOUT_S)
        finally:
            await processes._stop_all([child])


async def test_the_keeper_starts_nothing_again_that_refuses_its_settings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = Kept(monkeypatch, REFUSES)
    with pytest.raises(ConfigError, match=r"^SOUK_MAX_OPEN_ORDERS: no$"):
        await keep(tmp_path)
    assert kept.started == 1


@pytest.mark.parametrize("first", ["", "pass", "import os; os.abort()"])
async def test_what_dies_or_can_not_be_started_is_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, first: str
) -> None:
    monkeypatch.setattr(processes, "RESTART_PAUSE_S", 0.0)
    kept = Kept(monkeypatch, "pass", first, REFUSES)
    with pytest.raises(ConfigError, match="SOUK_MAX_OPEN_ORDERS: no"):
        await keep(tmp_path)
    assert kept.started == 3


def test_processes_are_named_and_counted() -> None:
    with listen(HOST, 0) as address:
        names = [processes._Group("orders", "orders", size, address, {}).labels for size in (1, 3)]
    assert names == [["orders"], ["orders-1", "orders-2", "orders-3"]]


async def planned(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> dict[str, dict[str, str]]:
    """The environments of a shop's processes, by label: none of them is started."""
    planned: dict[str, dict[str, str]] = {}
    monkeypatch.setattr(Child, "start", lambda child: planned.update({child.label: dict(child.environment)}))
    databases = DatabaseUrls(*({name: f"{kind}-{name}" for name in SERVICES} for kind in ("db", "bus")))
    async with AsyncExitStack() as stack:
        await open_processes(settings, databases, stack, lambda _: None)
    return planned


SWITCHES = ("SOUK_SERVE", "SOUK_WORK")


async def test_whole_shops_share_an_address_and_those_that_serve_ask_after_those_that_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = Settings(tmp_path, port=0, replicas={"shop": 2}, workers={"shop": 1}, environment={})
    told = await planned(settings, monkeypatch)
    assert set(told) == {"shop-worker", "shop-1", "shop-2"}
    for given in told.values():
        assert set(json.loads(given["SOUK_DATABASE_URLS"])) == set(SERVICES)
        assert len(json.loads(given["SOUK_BUS_URLS"])) * RELAY_CONNECTIONS == FURTHER_BUS_CONNECTIONS
    worker = told.pop("shop-worker")
    assert ([worker[name] for name in SWITCHES], "SOUK_READY_URLS" in worker) == (["off", "on"], False)
    for given in told.values():
        assert [given[name] for name in SWITCHES] == ["on", "off"]
        assert set(json.loads(given["SOUK_READY_URLS"])) == {"shop-worker"}


async def test_a_service_is_told_of_its_own_database_and_the_gateway_of_its_workers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = Settings(tmp_path, Topology.PROCESSES, port=0, workers={"orders": 2}, environment={})
    told = await planned(settings, monkeypatch)
    assert set(told) == {*SERVICES, "gateway", "orders-worker-1", "orders-worker-2"}
    assert told["orders"]["DATABASE_URL"] == told["orders-worker-2"]["DATABASE_URL"] == "db-orders"
    assert set(json.loads(told["gateway"]["SOUK_READY_URLS"])) == {"orders-worker"}
    assert "SOUK_READY_URLS" not in told["orders"]
