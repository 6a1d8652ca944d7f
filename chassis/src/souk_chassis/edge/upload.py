"""The body of a request while it is passed on, and the news that its client has gone away."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import suppress

from starlette.types import Message, Receive

from souk_chassis.http.problem import EdgeError

MAX_PASSED_BODY = 10_485_760
"""The largest body that is passed on, in bytes: what Amazon API Gateway takes, too."""
UPLOAD_TIMEOUT_S = 60.0
"""How long a client may take to send a body that is passed on, in seconds."""


class Upload:
    """A request's body, read as fast as the program behind takes it.

    Only one reads at a time: `chunks` until the body has come, `ended` from then on. `on_sent` is called when all of it
    has come.
    """

    def __init__(self, receive: Receive, headers: Mapping[str, str], most: int = MAX_PASSED_BODY) -> None:
        """Raises EdgeError 413 where the headers say that the body is over `most` bytes."""
        length = 0
        with suppress(ValueError):
            length = int(headers.get("content-length", "0"))
        if length > most:
            raise _too_large(most)
        self.has_body = length > 0 or "transfer-encoding" in headers
        self.on_sent: Callable[[], None] = ignore
        self._receive = receive
        self._most = most
        self._left_s = UPLOAD_TIMEOUT_S
        self._over = asyncio.Event()
        self._fault: EdgeError | None = None
        self._gone = False
        if not self.has_body:
            self._over.set()

    async def chunks(self) -> AsyncIterator[bytes]:
        """The body. Where it will never be whole this waits to be cancelled: `ended` says why."""
        size, more = 0, True
        while more:
            message = await self._next()
            if message is None:
                self._over.set()
                await asyncio.Event().wait()
                return
            chunk: bytes = message.get("body", b"")
            size += len(chunk)
            if size > self._most:
                self._fault = _too_large(self._most)
                self._over.set()
                await asyncio.Event().wait()
            more = message.get("more_body", False)
            if chunk:
                yield chunk
        self._over.set()
        self.on_sent()

    async def _next(self) -> Message | None:
        began_s = time.monotonic()
        try:
            async with asyncio.timeout(self._left_s):
                message = await self._receive()
        except TimeoutError:
            self._fault = EdgeError(408, "body_too_slow", f"The body did not come within {UPLOAD_TIMEOUT_S:.0f} s.")
            return None
        self._left_s -= time.monotonic() - began_s
        self._gone = message["type"] == "http.disconnect"
        return None if self._gone else message

    async def ended(self) -> EdgeError | None:
        """Returns when there is nobody to answer any more, or with what is wrong with the body."""
        await self._over.wait()
        while not self._gone and self._fault is None:
            self._gone = (await self._receive())["type"] == "http.disconnect"
        return self._fault


def ignore() -> None:
    """No-op: nothing waits for the body."""


def _too_large(most: int) -> EdgeError:
    return EdgeError(413, "too_large", f"The body is larger than {most} bytes.")
