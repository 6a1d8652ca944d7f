"""The gateway and each service in a process of its own, kept by this one.

A process that dies is started again. Its listening socket belongs to the keeper, so that calls wait for the new one
instead of being refused.
"""

import asyncio
import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import AsyncExitStack
from dataclasses import dataclass, field

import msgspec

from souk_chassis.auth.keys import load_or_create_keys
from souk_chassis.observability.logs import Log
from souk_topologies.client import ShopAwayError, ShopClient
from souk_topologies.places import DataDir
from souk_topologies.runner import listen, stop_event
from souk_topologies.server import DatabaseUrls
from souk_topologies.settings import Settings
from souk_topologies.shop import GATEWAY, ISSUERS, SERVICES, Wiring, wiring

WIRING_VARIABLE = "SOUK_PROCESS"
LOOK_EVERY_S = 0.1
STOP_TIMEOUT_S = 15.0
RESTART_PAUSE_S = 0.5
"""How long a process that died at once is left alone."""


class ProcessConfig(msgspec.Struct, frozen=True):
    """What a process is told, in the variable `SOUK_PROCESS`. Each is told no more than it uses."""

    name: str
    keeper: int
    keys: str
    web: str
    wiring: Wiring
    urls: dict[str, str]
    database_url: str | None = None
    bus_urls: dict[str, str] = {}


@dataclass
class _Child:
    config: ProcessConfig
    listener: socket.socket
    process: subprocess.Popen[bytes] | None = None
    started_at: float = field(default=0.0)


async def serve(settings: Settings, urls: DatabaseUrls, ready: "asyncio.Future[str]") -> None:
    """Run the shop until SIGINT or SIGTERM. `ready` gets the address once it takes orders."""
    stopping = stop_event()
    log = Log("shop")
    async with AsyncExitStack() as stack:
        data = DataDir(settings.data_dir)
        load_or_create_keys(data.keys, ISSUERS)
        listeners = {name: listen("127.0.0.1", 0) for name in SERVICES}
        listeners[GATEWAY] = listen(settings.host, settings.port)
        for listener in listeners.values():
            stack.callback(listener.close)
        children = _children(settings, urls, listeners, data)
        stack.push_async_callback(_stop_all, children)
        for child in children:
            _start(child, settings)
        url = f"http://{settings.host}:{listeners[GATEWAY].getsockname()[1]}"
        keeper = asyncio.create_task(_keep(children, settings, log), name="process-keeper")
        stack.callback(keeper.cancel)
        if await _until_ready(url, stopping):
            data.write_processes({child.config.name: child.process.pid for child in children if child.process})
            ready.set_result(url)
        await stopping.wait()


def _children(
    settings: Settings, urls: DatabaseUrls, listeners: dict[str, socket.socket], data: DataDir
) -> list[_Child]:
    wired = wiring()
    addresses = {name: f"http://127.0.0.1:{listeners[name].getsockname()[1]}" for name in SERVICES}
    children = []
    for name in (*SERVICES, GATEWAY):
        subscribers = {service for pairs in wired.subscriptions.values() for service, _ in pairs}
        is_service = name != GATEWAY
        config = ProcessConfig(
            name,
            os.getpid(),
            str(data.keys),
            str(settings.web),
            wired,
            addresses,
            urls.service[name] if is_service else None,
            {service: urls.bus[service] for service in subscribers} if is_service else {},
        )
        children.append(_Child(config, listeners[name]))
    return children


def _start(child: _Child, settings: Settings) -> None:
    fd = child.listener.fileno()
    environment = dict(settings.environment) | {WIRING_VARIABLE: msgspec.json.encode(child.config).decode()}
    child.started_at = time.monotonic()
    child.process = subprocess.Popen(  # noqa: S603 - our own program
        [sys.executable, "-m", "souk_topologies.serve", str(fd)],
        env=environment,
        pass_fds=[fd],
        stdin=subprocess.DEVNULL,
        start_new_session=True,
    )


async def _keep(children: list[_Child], settings: Settings, log: Log) -> None:
    while True:
        await asyncio.sleep(LOOK_EVERY_S)
        for child in children:
            if child.process is None or child.process.poll() is None:
                continue
            if time.monotonic() - child.started_at < RESTART_PAUSE_S:
                continue
            log.warning("process died: it is started again", process=child.config.name, status=child.process.returncode)
            _start(child, settings)
            data = DataDir(settings.data_dir)
            data.write_processes({c.config.name: c.process.pid for c in children if c.process})


async def _until_ready(url: str, stopping: asyncio.Event) -> bool:
    async with ShopClient(url, None) as client:
        while not stopping.is_set():
            try:
                if (await client.readiness()).status == "ready":
                    return True
            except ShopAwayError:
                pass  # it is still starting; a process that can't start says why in the log
            await asyncio.sleep(0.05)
    return False


async def _stop_all(children: list[_Child]) -> None:
    """The gateway first, so that no request loses its service."""
    for child in reversed(children):
        if child.process is not None and child.process.poll() is None:
            child.process.terminate()
    deadline = time.monotonic() + STOP_TIMEOUT_S
    for child in children:
        while child.process is not None and child.process.poll() is None:
            if time.monotonic() > deadline:
                os.killpg(child.process.pid, signal.SIGKILL)
            await asyncio.sleep(0.02)
