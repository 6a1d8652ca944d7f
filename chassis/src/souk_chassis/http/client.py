"""Calls to operations of services in other processes, over HTTP."""

from collections.abc import AsyncIterator, Mapping
from typing import Any

import aiohttp

from souk_chassis import wire
from souk_chassis.auth.tokens import CallTokens
from souk_chassis.context import Call
from souk_chassis.errors import timeout_unknown, unavailable
from souk_chassis.http.calls import call_headers, call_url, read_answer, read_response
from souk_chassis.operation import AnyOperation

MAX_CONNECTIONS = 128
"""Connections that one process holds to all the others for calls."""
CONNECT_TIMEOUT_S = 2.0
"""How long connecting, and waiting for a connection, may take."""
KEPT_IDLE_S = 30.0
"""How long a connection is kept that nobody uses: not as long as the other end keeps it, a service's server (75 s) or
a load balancer of AWS (60 s). One that closes while a call is being sent leaves it unknown."""
MAX_STREAMS = 512
"""Streams that one process passes on at once. They have connections of their own: followers keep no call waiting."""


class _Connections:
    """A session that begins with its first call, with so many connections at most."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._session: aiohttp.ClientSession | None = None

    def __call__(self) -> aiohttp.ClientSession:
        if self._session is None:
            connector = aiohttp.TCPConnector(limit=self._limit, keepalive_timeout=KEPT_IDLE_S)
            self._session = aiohttp.ClientSession(connector=connector, auto_decompress=False)
        return self._session

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()


class HttpDispatcher:
    """Dispatches to the service that implements the operation, at the address it has in this topology."""

    def __init__(self, urls: Mapping[str, str], tokens: CallTokens) -> None:
        self._urls = urls
        self._tokens = tokens
        self._calls = _Connections(MAX_CONNECTIONS)
        self._streams = _Connections(MAX_STREAMS)

    async def dispatch(self, operation: AnyOperation, request: Any, call: Call) -> Any:
        """See `souk_chassis.context.Dispatcher`. A connection that was refused is `unavailable`; one that broke after
        the request was sent is `timeout_unknown`, since it may have happened."""
        try:
            async with self._post(operation, request, call) as response:
                body = await response.read()
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
            raise unavailable("service_unavailable", f"{operation.service} can't be reached.") from error
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise timeout_unknown("no_answer", f"{operation.service} gave no whole answer.") from error
        return read_answer(operation, response.status, body, response.headers.get("retry-after", ""))

    async def stream(self, operation: AnyOperation, request: Any, call: Call) -> AsyncIterator[Any]:
        """See `souk_chassis.context.Dispatcher`: reads the service's server-sent events."""
        try:
            async with self._post(operation, request, call) as response:
                if response.status >= 400:
                    retry_after = response.headers.get("retry-after", "")
                    read_answer(operation, response.status, await response.read(), retry_after)  # raises
                async for line in response.content:
                    if line.startswith(b"data: "):
                        yield read_response(operation, line[6:])
                    elif line.startswith(b"event: error"):
                        raise unavailable("stream_broken", f"{operation.service} broke off.")
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise unavailable("service_unavailable", f"{operation.service} can't be reached.") from error

    async def close(self) -> None:
        """Close the connections."""
        await self._calls.close()
        await self._streams.close()

    def _post(self, operation: AnyOperation, request: Any, call: Call) -> "aiohttp.client._RequestContextManager":
        session = self._streams if operation.streams else self._calls
        return session().post(
            call_url(self._urls[operation.service], operation),
            data=wire.encode(request),
            headers=call_headers(operation, call, self._tokens),
            timeout=aiohttp.ClientTimeout(total=max(0.001, call.deadline.remaining_s), connect=CONNECT_TIMEOUT_S),
        )
