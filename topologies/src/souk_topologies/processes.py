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
from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass

from souk_chassis.auth.keys import load_or_create_keys
from souk_chassis.config import ConfigError
from souk_chassis.hosts.listening import listen, reserve, share
from souk_chassis.hosts.server import MISUSED
from souk_chassis.observability.logs import Log
from souk_topologies.at_once import ended
from souk_topologies.edge import write_edge
from souk_topologies.environments import Premises
from souk_topologies.places import DataDir
from souk_topologies.server import DatabaseUrls
from souk_topologies.settings import Settings
from souk_topologies.shop import GATEWAY, ISSUERS, SERVICES, SHOP

Watch = Callable[["asyncio.Task[None]"], None]

LOCALHOST = "127.0.0.1"
LOOK_EVERY_S = 0.1
STOP_TIMEOUT_S = 15.0
RESTART_PAUSE_S = 0.5
"""How long a process that died at once is left alone."""
_SERVES_ONLY = {"SOUK_SERVE": "on", "SOUK_WORK": "off"}
_WORKS_ONLY = {"SOUK_SERVE": "off", "SOUK_WORK": "on"}
_TAIL_BYTES = 4_096
"""How much is kept of what a process wrote to stderr last."""


@dataclass(frozen=True)
class _Group:
    """Processes that do the same, on one address: listened on by the keeper for one, reserved for several."""

    label: str
    part: str
    """A service, the gateway, an application, or the whole shop."""
    size: int
    address: socket.socket
    switches: Mapping[str, str]

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


class Child:
    """One process, which may be started again and again."""

    def __init__(self, label: str, group: _Group, environment: Mapping[str, str]) -> None:
        self.label = label
        self.environment = environment
        self.process: subprocess.Popen[bytes] | None = None
        self._group = group
        self._started_at = 0.0
        self._errors = b""

    def start(self) -> None:
        """Start it, with its socket. Raises OSError."""
        listener = self._group.address if self._group.size == 1 else share(self._group.address)
        fd = listener.fileno()
        module = "souk_topologies.one_process" if self._group.part == SHOP else "souk_chassis.hosts.server"
        self.close()
        self._started_at, self._errors = time.monotonic(), b""
        try:
            self.process = subprocess.Popen(  # noqa: S603 - our own program
                [sys.executable, "-m", module],
                env={**self.environment, "SOUK_LISTENER": str(fd), "SOUK_PARENT": str(os.getpid())},
                pass_fds=[fd],
                stdin=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                bufsize=0,
                start_new_session=True,
            )
        finally:
            if listener is not self._group.address:
                listener.close()
        assert self.process.stderr is not None  # noqa: S101 - it is a pipe
        os.set_blocking(self.process.stderr.fileno(), False)

    def pass_errors_on(self) -> None:
        """Write what the process has written to stderr to the keeper's own, and keep the end of it."""
        stream = self.process.stderr if self.process is not None else None
        while stream is not None and not stream.closed and (said := stream.read()):
            self._errors = (self._errors + said)[-_TAIL_BYTES:]
            sys.stderr.write(said.decode(errors="replace"))
            sys.stderr.flush()

    def has_ended(self) -> bool:
        """Whether it has ended and has been left alone for a moment. Raises ConfigError where a start is of no use."""
        if self.process is None or self.process.poll() is None:
            return False
        self.pass_errors_on()
        if self.process.returncode == MISUSED:
            raise ConfigError(self._errors.decode(errors="replace").strip().rpartition("\n")[2])
        return time.monotonic() - self._started_at >= RESTART_PAUSE_S

    def close(self) -> None:
        """Release what is left of a process that has ended."""
        self.pass_errors_on()
        if self.process is not None and self.process.stderr is not None:
            self.process.stderr.close()


async def open_processes(settings: Settings, databases: DatabaseUrls, stack: AsyncExitStack, watch: Watch) -> str:
    """Start the shop's processes, which end with the stack. Returns the shop's address. `watch` gets the task that
    starts again what dies: it fails with ConfigError where a process refuses its settings. Raises ListenError."""
    data = DataDir(settings.data_dir)
    keys = load_or_create_keys(data.keys, ISSUERS)
    if GATEWAY in settings.parts:
        write_edge(settings.web, data.edge)
    groups = _groups(settings, stack)
    named = {group.label: group.url for group in groups if group.label in (*SERVICES, *settings.applications)}
    workers = {group.label: group.url for group in groups if group.only_works}
    premises = Premises(settings, keys, databases, named, workers)
    children: list[Child] = []
    for group in groups:
        told = {**premises.environment(group.part, fronts=group is groups[-1]), **group.switches}
        children += [Child(label, group, told) for label in group.labels]
    stack.push_async_callback(_stop_all, children)
    for child in children:
        child.start()
    keeper = asyncio.create_task(_keep(children, data), name="process-keeper")
    watch(keeper)
    stack.push_async_callback(ended, keeper)
    return f"http://{settings.host}:{groups[-1].address.getsockname()[1]}"


def _groups(settings: Settings, stack: AsyncExitStack) -> list[_Group]:
    """What is to run; last, what has the shop's address."""
    groups = []

    def add(label: str, part: str, size: int, switches: Mapping[str, str]) -> None:
        host, port = (settings.host, settings.port) if label == settings.parts[-1] else (LOCALHOST, 0)
        address = listen(host, port) if size == 1 else reserve(host, port)
        stack.callback(address.close)
        groups.append(_Group(label, part, size, address, switches))

    for part in settings.parts:
        workers = settings.workers.get(part, 0)
        if workers:
            add(f"{part}-worker", part, workers, _WORKS_ONLY)
        add(part, part, settings.replicas.get(part, 1), _SERVES_ONLY if workers else {})
    return groups


async def _keep(children: Sequence[Child], data: DataDir) -> None:
    """Start again what dies. Raises ConfigError where that is of no use."""
    log = Log(SHOP)
    while True:
        data.write_processes({child.label: child.process.pid for child in children if child.process})
        while not (dead := [child for child in children if child.has_ended()]):
            for child in children:
                child.pass_errors_on()
            await asyncio.sleep(LOOK_EVERY_S)
        for child in dead:
            status = child.process.returncode if child.process else None
            log.warning("process died: it is started again", process=child.label, status=status)
            try:
                child.start()
            except OSError as error:  # no memory, no room: that may pass, and the others go on meanwhile
                log.error("process can't be started", process=child.label, error=error)


async def _stop_all(children: Sequence[Child]) -> None:
    """What has the shop's address first, so that no request loses its service."""
    running = [child.process for child in reversed(children) if child.process and child.process.poll() is None]
    for process in running:
        process.terminate()
    deadline = time.monotonic() + STOP_TIMEOUT_S
    while any(process.poll() is None for process in running):
        if time.monotonic() > deadline:
            for process in running:
                if process.poll() is None:
                    os.killpg(process.pid, signal.SIGKILL)
        await asyncio.sleep(0.02)
    for child in children:
        child.close()
