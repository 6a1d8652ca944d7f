"""HTTP/1.1 to AWS on the standard library, in threads: an asynchronous client's import takes longer than a function's
whole start may. A call costs a thread for its time; `MAX_CALLS` bounds them."""

import asyncio
import threading
import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Protocol

import msgspec

from souk_chassis.aws.errors import AnswerLostError, CouldNotConnectError

if TYPE_CHECKING:  # they are imported by the first call: see _connections
    from concurrent.futures import ThreadPoolExecutor

    from souk_chassis.aws._connections import Connection, Connections

CALL_TIMEOUT_S = 5.0
"""One call of AWS, its wait for a thread included, unless the caller says otherwise."""
CONNECT_TIMEOUT_S = 2.0
"""Connecting to AWS. The handshake of TLS has as long again. A SYN that was lost is sent again after 1 s (RFC 6298,
section 2.1): less than that would make of each loss a failure."""
MAX_CALLS = 64
"""Calls at once to AWS from one process; more wait for a thread."""


class HttpRequest(msgspec.Struct, frozen=True):
    """A request, its URL and headers as they are sent.

    `repeatable` says that a repeat does no harm: it is then sent again where a connection that had been kept turns out
    to be closed. `timeout_s` is for the whole of it; the transport's own where there is none.
    """

    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes = b""
    repeatable: bool = False
    timeout_s: float | None = None


class HttpResponse(msgspec.Struct, frozen=True):
    """An answer, whole. The names of its headers are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    all_headers: Sequence[tuple[str, str]] = ()
    """The headers as they came, one that is repeated as often."""


class Transport(Protocol):
    """What carries requests."""

    async def send(self, request: HttpRequest) -> HttpResponse:
        """Send it and return the answer, whatever its status.

        Raises `CouldNotConnectError` where nothing happened, and `AnswerLostError` where it may have.
        """

    async def close(self) -> None:
        """Release connections. What is on its way is given up."""


class Exchange:
    """A request on its way in a thread, which the loop may give up."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._given_up = False
        self._sent = False
        self._connection: Connection | None = None

    def travels_on(self, connection: "Connection") -> None:
        """Say which connection is to be broken when this is given up."""
        with self._lock:
            self._connection = connection

    def may_send(self) -> bool:
        """Whether to go on: False when it was given up. What is sent from here on may be acted on."""
        with self._lock:
            self._sent = not self._given_up
            return self._sent

    def ends(self) -> None:
        """The connection is no longer this request's."""
        with self._lock:
            self._connection = None

    def give_up(self) -> bool:
        """End it: a thread that waits for the server is woken. Returns whether it may have been acted on."""
        with self._lock:
            self._given_up = True
            if self._connection is not None:
                self._connection.break_off()
            return self._sent


class HttpTransport:
    """A `Transport` with kept connections, for as many loops as one likes. Proxies and redirects are not followed."""

    def __init__(
        self,
        *,
        timeout_s: float = CALL_TIMEOUT_S,
        connect_timeout_s: float = CONNECT_TIMEOUT_S,
        max_calls: int = MAX_CALLS,
    ) -> None:
        self._timeout_s = timeout_s
        self._connect_timeout_s = connect_timeout_s
        self._max_calls = max_calls
        self._made = threading.Lock()
        self._threads: ThreadPoolExecutor | None = None
        self._connections: Connections | None = None
        self._closed = False
        self._under_way: set[Exchange] = set()

    async def send(self, request: HttpRequest) -> HttpResponse:
        """See `Transport`."""
        timeout_s = self._timeout_s if request.timeout_s is None else request.timeout_s
        exchange = Exchange()
        ends_s = time.monotonic() + timeout_s
        work = asyncio.get_running_loop().run_in_executor(self._pool(), self._carry, request, exchange, ends_s)
        work.add_done_callback(_look_at)
        self._under_way.add(exchange)
        try:
            done, _ = await asyncio.wait({work}, timeout=timeout_s)
            if done:
                return work.result()
            if exchange.give_up():
                raise AnswerLostError(f"No answer within {timeout_s} s")
            raise CouldNotConnectError(f"No connection within {timeout_s} s")
        finally:
            self._under_way.discard(exchange)
            if not work.done():
                # The caller has gone: the thread must not wait for the server on his behalf.
                work.cancel()
                exchange.give_up()

    async def close(self) -> None:
        """See `Transport`."""
        with self._made:
            self._closed = True
            threads, connections = self._threads, self._connections
        for exchange in tuple(self._under_way):
            exchange.give_up()
        if connections is not None:
            connections.close()
        if threads is not None:
            await asyncio.to_thread(threads.shutdown, wait=True, cancel_futures=True)

    def _pool(self) -> "ThreadPoolExecutor":
        with self._made:
            if self._closed:
                raise CouldNotConnectError("The transport is closed")
            if self._threads is None:
                from concurrent.futures import ThreadPoolExecutor

                self._threads = ThreadPoolExecutor(self._max_calls, thread_name_prefix="aws")
            return self._threads

    def _carry(self, request: HttpRequest, exchange: Exchange, ends_s: float) -> HttpResponse:
        """In a thread: the request, and the answer to it."""
        with self._made:
            if self._connections is None:
                from souk_chassis.aws._connections import Connections

                self._connections = Connections(self._connect_timeout_s)
                if self._closed:
                    self._connections.close()
        return self._connections.exchange(request, exchange, ends_s)


def _look_at(work: "asyncio.Future[HttpResponse]") -> None:
    """An answer for one who has gone may be an error: asyncio need not warn of it."""
    if not work.cancelled():
        work.exception()
