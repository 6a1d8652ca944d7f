"""The shop's own address before the emulator's: API Gateway answers there under a path, and the pages expect none."""

import socket

import aiohttp
from aiohttp import web

MAX_BODY = 16 * 1024 * 1024
"""The largest body that is passed on, in bytes: the functions refuse what is too large for them."""
MAX_LINE = 65_536
"""The longest line of a request's head that is passed on, in bytes."""
TIMEOUT_S = 60.0
_HOP_BY_HOP = frozenset({"connection", "keep-alive", "transfer-encoding", "content-length", "host", "content-encoding"})


class Front:
    """Passes requests on to `target`, an address with the path that stands for `/`."""

    def __init__(self, target: str) -> None:
        self._target = target
        self._session = aiohttp.ClientSession(
            timeout=aiohttp.ClientTimeout(total=TIMEOUT_S), auto_decompress=False, raise_for_status=False
        )
        self._runner = web.ServerRunner(web.Server(self._pass_on, max_line_size=MAX_LINE, max_field_size=MAX_LINE))

    async def start(self, listener: socket.socket) -> None:
        """Return when it answers."""
        await self._runner.setup()
        await web.SockSite(self._runner, listener).start()

    async def stop(self) -> None:
        """Answer no more."""
        await self._runner.cleanup()
        await self._session.close()

    async def _pass_on(self, request: web.BaseRequest) -> web.StreamResponse:
        headers = [(name, value) for name, value in request.headers.items() if name.lower() not in _HOP_BY_HOP]
        body = await request.content.read(MAX_BODY)
        try:
            async with self._session.request(
                request.method, self._target + request.raw_path, headers=headers, data=body, allow_redirects=False
            ) as answer:
                content = await answer.read()
                given = {name: value for name, value in answer.headers.items() if name.lower() not in _HOP_BY_HOP}
                return web.Response(status=answer.status, headers=given, body=content)
        except (aiohttp.ClientError, TimeoutError) as error:
            return web.Response(status=502, text=f"the emulator gave no answer: {type(error).__name__}")
