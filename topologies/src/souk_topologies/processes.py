"""A shop of several processes, kept by this one: the gateway and each service apart, or whole shops side by side.

A process that dies is started again. Where a part has one process, its listening socket belongs to the keeper, so
that calls wait for the new one instead of being refused. Where it has several, the kernel spreads connections over
those that listen: a dead one gets none from the moment of its death, a new one its share when it is ready.
"""

import asyncio
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field

import msgspec

from souk_chassis.auth.keys import load_or_create_keys
from souk_chassis.config import ConfigError
from souk_chassis.observability.logs import Log
from souk_chassis.runtimes.listening import listen, reserve, share
from souk_chassis.runtimes.process import stop_event
from souk_topologies.client import ShopAwayError, ShopClient
from souk_topologies.places import DataDir
from souk_topologies.server import DatabaseUrls
from souk_topologies.settings import Settings
from souk_topologies.shop import GATEWAY, ISSUERS, SERVICES, SHOP, Wiring, wiring

WIRING_VARIABLE = "SOUK_PROCESS"
LOCALHOST = "127.0.0.1"
LOOK_EVERY_S = 0.1
STOP_TIMEOUT_S = 15.0
RESTART_PAUSE_S = 0.5
"""How long a process that died at once is left alone."""
_SERVES_ONLY = {"SOUK_SERVE": "on", "SOUK_WORK": "off"}
_WORKS_ONLY = {"SOUK_SERVE": "off", "SOUK_WORK": "on"}


class ProcessConfig(msgspec.Struct, frozen=True):
    """What a process is told, in the variable `SOUK_PROCESS`. Each is told no more than it uses."""

    name: str
    """A service, the gateway, the whole shop, or an application as `module:attribute`."""
    keeper: int
    keys: str
    web: str
    wiring: Wiring
    urls: dict[str, str]
    database_urls: dict[str, str] = {}
    bus_urls: dict[str, str] = {}
    shares_address: bool = False
    workers: dict[str, str] = {}
    """Where the gateway, or a shop that serves, asks after the processes that only work, by name."""


@dataclass(frozen=True)
class _Group:
    """Processes that do the same, on one address: listened on by the keeper for one, reserved for several."""

    label: str
    part: str
    """A service, the gateway, or the whole shop."""
    size: int
    address: socket.socket
    environment: Mapping[str, str]

    @property
    def labels(self) -> list[str]:
        """A name for each: `orders`, or `orders-1` and `orders-2`."""
        return [self.label] if self.size == 1 else [f"{self.label}-{number + 1}" for number in range(self.size)]

    @property
    def only_works(self) -> bool:
        """Whether they leave serving to others of the same part."""
        return self.label != self.part

    @property
    def url(self) -> str:
        """Where they are."""
        return f"http://{LOCALHOST}:{self.address.getsockname()[1]}"


@dataclass
class _Child:
    label: str
    config: ProcessConfig
    group: _Group
    process: subprocess.Popen[bytes] | None = None
    started_at: float = field(default=0.0)
    report: int | None = None
    """A pipe by which it says which setting can't be."""


async def serve(settings: Settings, urls: DatabaseUrls, ready: "asyncio.Future[str]") -> None:
    """Run the shop until SIGINT or SIGTERM. `ready` gets the address once it takes orders. Raises ConfigError."""
    stopping = stop_event()
    log = Log("shop")
    async with AsyncExitStack() as stack:
        data = DataDir(settings.data_dir)
        load_or_create_keys(data.keys, ISSUERS)
        groups = _groups(settings, stack)
        children = _children(settings, urls, groups, data)
        stack.push_async_callback(_stop_all, children)
        for child in children:
            _start(child, settings)
        url = f"http://{settings.host}:{groups[-1].address.getsockname()[1]}"
        keeper = asyncio.create_task(_keep(children, settings, log), name="process-keeper")
        stack.callback(keeper.cancel)
        if await _until_ready(url, stopping, keeper):
            _write_processes(children, data)
            ready.set_result(url)
        await _until_stopped(stopping, keeper)


def _groups(settings: Settings, stack: AsyncExitStack) -> list[_Group]:
    """What is to run; last, what has the shop's address."""
    groups = []

    def add(label: str, part: str, size: int, environment: Mapping[str, str]) -> None:
        host, port = (settings.host, settings.port) if label == settings.parts[-1] else (LOCALHOST, 0)
        address = listen(host, port) if size == 1 else reserve(host, port)
        stack.callback(address.close)
        groups.append(_Group(label, part, size, address, environment))

    for part in settings.parts:
        workers = settings.workers.get(part, 0)
        if workers:
            add(f"{part}-worker", part, workers, _WORKS_ONLY)
        add(part, part, settings.replicas.get(part, 1), _SERVES_ONLY if workers else {})
    return groups


def _children(settings: Settings, urls: DatabaseUrls, groups: list[_Group], data: DataDir) -> list[_Child]:
    wired = wiring()
    addresses = {group.label: group.url for group in groups if group.label in (*SERVICES, *settings.applications)}
    workers = {group.label: group.url for group in groups if group.only_works}
    subscribers = {service for pairs in wired.subscriptions.values() for service, _ in pairs}
    children = []
    for group in groups:
        holds = SERVICES if group.part == SHOP else tuple(name for name in SERVICES if name == group.part)
        config = ProcessConfig(
            group.part,
            os.getpid(),
            str(data.keys),
            str(settings.web),
            wired,
            addresses,
            {service: urls.service[service] for service in holds},
            {service: urls.bus[service] for service in subscribers} if holds else {},
            group.size > 1,
            workers if group.part in (GATEWAY, SHOP) and not group.only_works else {},
        )
        children += [_Child(label, config, group) for label in group.labels]
    return children


def _start(child: _Child, settings: Settings) -> None:
    group = child.group
    listener = group.address if group.size == 1 else share(group.address)
    fd = listener.fileno()
    told = {WIRING_VARIABLE: msgspec.json.encode(child.config).decode()}
    child.started_at = time.monotonic()
    _close_report(child)
    child.report, report = os.pipe()
    try:
        child.process = subprocess.Popen(  # noqa: S603 - our own program
            [sys.executable, "-m", "souk_topologies.serve", str(fd), str(report)],
            env={**settings.environment, **group.environment, **told},
            pass_fds=[fd, report],
            stdin=subprocess.DEVNULL,
            start_new_session=True,
        )
    finally:
        os.close(report)
        if listener is not group.address:
            listener.close()


def _close_report(child: _Child) -> None:
    if child.report is not None:
        os.close(child.report)
        child.report = None


def _refusal(child: _Child) -> str:
    """What a process that has ended said of its settings."""
    return "" if child.report is None else os.read(child.report, 4_096).decode()


async def _keep(children: list[_Child], settings: Settings, log: Log) -> None:
    """Start again what dies. Raises ConfigError where that is of no use."""
    while True:
        await asyncio.sleep(LOOK_EVERY_S)
        for child in children:
            if child.process is None or child.process.poll() is None:
                continue
            if time.monotonic() - child.started_at < RESTART_PAUSE_S:
                continue
            if refusal := _refusal(child):
                raise ConfigError(refusal)
            log.warning("process died: it is started again", process=child.label, status=child.process.returncode)
            try:
                _start(child, settings)
                _write_processes(children, DataDir(settings.data_dir))
            except OSError as error:  # no memory, no room: that may pass, and the others go on meanwhile
                log.error("process can't be started", process=child.label, error=error)


def _write_processes(children: list[_Child], data: DataDir) -> None:
    data.write_processes({child.label: child.process.pid for child in children if child.process})


async def _until_ready(url: str, stopping: asyncio.Event, keeper: "asyncio.Task[None]") -> bool:
    async with ShopClient(url, None) as client:
        while not stopping.is_set():
            if keeper.done():
                keeper.result()
            try:
                if (await client.readiness()).status == "ready":
                    return True
            except ShopAwayError:
                pass  # it is still starting; a process that can't start says why in the log
            await asyncio.sleep(0.05)
    return False


async def _until_stopped(stopping: asyncio.Event, keeper: "asyncio.Task[None]") -> None:
    """Return when the shop is to stop. Raises what ends the keeper: without it nothing would be started again."""
    stopped = asyncio.create_task(stopping.wait())
    try:
        await asyncio.wait({stopped, keeper}, return_when=asyncio.FIRST_COMPLETED)
        if keeper.done():
            keeper.result()
    finally:
        stopped.cancel()


async def _stop_all(children: list[_Child]) -> None:
    """What has the shop's address first, so that no request loses its service."""
    for child in reversed(children):
        if child.process is not None and child.process.poll() is None:
            child.process.terminate()
    deadline = time.monotonic() + STOP_TIMEOUT_S
    for child in children:
        while child.process is not None and child.process.poll() is None:
            if time.monotonic() > deadline:
                os.killpg(child.process.pid, signal.SIGKILL)
            await asyncio.sleep(0.02)
        _close_report(child)
