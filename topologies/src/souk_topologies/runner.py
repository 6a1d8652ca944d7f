"""What every process of the shop does alike: build services, serve an app, stop gracefully."""

import asyncio
import gc
import signal
import socket
from collections.abc import Coroutine, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, contextmanager
from typing import Any

import uvicorn
import uvloop
from starlette.types import ASGIApp

from souk_chassis.clock import SystemClock
from souk_chassis.context import Dispatcher
from souk_chassis.observability.logs import bridge_standard_logging, writer
from souk_chassis.resilience import Pipeline
from souk_chassis.runtimes.asgi import Check
from souk_chassis.runtimes.dispatch import ResilientDispatcher
from souk_chassis.runtimes.instance import Instance
from souk_chassis.runtimes.worker import Worker
from souk_chassis.storage.ports import Subscriptions
from souk_chassis.storage.postgres import PostgresSession
from souk_chassis.storage.postgres_queues import PostgresTarget, open_target
from souk_topologies.shop import SERVICES

MAX_CONNECTIONS = 2_000
"""Connections that one process serves at once; one more gets 503."""
KEEP_ALIVE_S = 75
"""How long an idle connection is kept, in seconds."""
RELAY_LOOK_S = 0.05
"""How often a process that only works looks at its outbox."""
STOP_GRACE_S = 10
"""How long requests that are under way may take when the process stops, in seconds."""

CLOCK = SystemClock()


def run(main: Coroutine[Any, Any, None], label: str) -> None:
    """Run a process of the shop until it ends."""
    bridge_standard_logging(label)
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(main)
    finally:
        writer.close()


def stop_event() -> asyncio.Event:
    """An event that SIGINT and SIGTERM set."""
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stopping.set)
    return stopping


class _Server(uvicorn.Server):
    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave the process's signals alone: `stop_event` has them."""
        yield


class HttpServer:
    """uvicorn, started and stopped from our own loop."""

    def __init__(self, app: ASGIApp, listener: socket.socket) -> None:
        config = uvicorn.Config(
            app,
            loop="none",
            http="httptools",
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            limit_concurrency=MAX_CONNECTIONS,
            timeout_keep_alive=KEEP_ALIVE_S,
            timeout_graceful_shutdown=STOP_GRACE_S,
        )
        self._server = _Server(config)
        self._listener = listener
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Return when it accepts connections."""
        self._task = asyncio.create_task(self._server.serve([self._listener]), name="http")
        while not self._server.started:
            if self._task.done():
                self._task.result()
                raise RuntimeError("the HTTP server ended before it began")
            await asyncio.sleep(0.005)

    async def stop(self) -> None:
        """Accept no more, finish what is under way."""
        if self._task is not None:
            self._server.should_exit = True
            await self._task


async def open_targets(urls: Mapping[str, str], owner: str, stack: AsyncExitStack) -> dict[str, PostgresTarget]:
    """The ways to the queues of each subscriber, closed with the stack."""
    targets: dict[str, PostgresTarget] = {}
    for service, url in urls.items():
        target = await open_target(url, CLOCK, name=f"souk-relay-{owner}")
        stack.push_async_callback(target.close)
        targets[service] = target
    return targets


def way_out(inner: Dispatcher) -> Dispatcher:
    """One service's calls to the others, with a resilience pipeline for each."""
    return ResilientDispatcher(inner, {name: Pipeline(name) for name in SERVICES})


def checks(instances: Sequence[Instance], targets: Mapping[str, PostgresTarget]) -> Mapping[str, Check]:
    """Readiness: each service's own database, and the way to the queues of each subscriber."""
    databases = {f"{instance.manifest.name}-database": instance.database.ping for instance in instances}
    return databases | {f"bus-to-{service}": target.ping for service, target in targets.items()}


def work(
    instance: Instance,
    subscriptions: Subscriptions,
    out: Dispatcher,
    stack: AsyncExitStack,
    *,
    serves: bool,
    deliveries: int = 1,
) -> None:
    """Start a service's worker, which is stopped with the stack. `serves` says whether this process also serves it."""
    worker = Worker(instance, subscriptions, out, deliveries=deliveries)
    worker.start()
    stack.push_async_callback(worker.stop)
    if not serves:
        _look_often(instance, stack)


def _look_often(instance: Instance, stack: AsyncExitStack) -> None:
    """Let the relay look at the outbox by itself: what processes that only serve put there wakes nobody here."""
    database = instance.database

    async def look() -> None:
        while isinstance(database, PostgresSession):
            await asyncio.sleep(RELAY_LOOK_S)
            database.published.set()

    looking = asyncio.create_task(look(), name=f"{instance.manifest.name}-look")
    stack.callback(looking.cancel)


def settle_memory() -> None:
    """After start-up, what is there stays: the collector need not look at it again and again."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)


async def serve_app(app: ASGIApp, listener: socket.socket, stack: AsyncExitStack) -> None:
    """Return when the app is served; it is served until the stack unwinds. The last step of a process' start."""
    settle_memory()
    server = HttpServer(app, listener)
    await server.start()
    stack.push_async_callback(server.stop)
