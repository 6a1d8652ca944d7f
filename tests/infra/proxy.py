"""A proxy before the emulator of AWS, which can keep an action of SQS from getting there."""

import asyncio
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import aiohttp
from aiohttp import web


class Proxy:
    """Passes requests on, but for one action: the first of that goes nowhere, and its caller waits."""

    def __init__(self, to: str) -> None:
        self.url = ""
        self.stops = ""
        self.stopped: list[dict[str, Any]] = []
        """The bodies of what was stopped."""
        self._to = to
        self._ended = asyncio.Event()

    async def handle(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        if self.stops and request.headers.get("X-Amz-Target", "").endswith(self.stops):
            self.stopped.append(json.loads(body))
            await self._ended.wait()
            return web.Response(status=503)
        headers = {name: value for name, value in request.headers.items() if name.lower() != "transfer-encoding"}
        url = self._to + request.path_qs
        try:
            async with self._session.request(request.method, url, headers=headers, data=body) as got:
                content = await got.read()
        except aiohttp.ClientError:  # the emulator has ended before who asks it
            return web.Response(status=503)
        kept = {n: v for n, v in got.headers.items() if n.lower() not in {"transfer-encoding", "content-length"}}
        return web.Response(status=got.status, body=content, headers=kept)

    async def serve(self, ready: threading.Event, stop: asyncio.Event) -> None:
        self._session = aiohttp.ClientSession(auto_decompress=False, connector=aiohttp.TCPConnector(limit=0))
        app = web.Application(client_max_size=2**24)
        app.router.add_route("*", "/{rest:.*}", self.handle)
        runner = web.AppRunner(app, shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        ready.set()
        await stop.wait()
        self._ended.set()
        await runner.cleanup()
        await self._session.close()


@contextmanager
def proxy(to: str) -> Iterator[Proxy]:
    """A proxy to that address, in a thread of its own."""
    made, ready, loop = Proxy(to), threading.Event(), asyncio.new_event_loop()
    stop = asyncio.Event()
    thread = threading.Thread(target=lambda: loop.run_until_complete(made.serve(ready, stop)))
    thread.start()
    assert ready.wait(10)
    try:
        yield made
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(20)
        loop.close()
