"""The HTTP server of a process: uvicorn, started and stopped from our own loop."""

import asyncio
import gc
import socket
from collections.abc import Iterator
from contextlib import AsyncExitStack, contextmanager

import uvicorn
from starlette.types import ASGIApp

MAX_CONNECTIONS = 2_000
"""Connections that one process serves at once; one more gets 503."""
KEEP_ALIVE_S = 75
"""How long an idle connection is kept, in seconds."""
STOP_GRACE_S = 10
"""How long requests that are under way may take when the process stops, in seconds."""


class _Server(uvicorn.Server):
    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave the process's signals alone: `hosts.process` handles them."""
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


async def serve_app(app: ASGIApp, listener: socket.socket, stack: AsyncExitStack) -> None:
    """Return when the app is served; it is served until the stack unwinds. The last step of a process' start."""
    settle_memory()
    server = HttpServer(app, listener)
    stack.push_async_callback(server.stop)
    await server.start()


def settle_memory() -> None:
    """After start-up, what is there stays: the collector need not look at it again and again."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)
