"""A reverse proxy as an ASGI app: requests go on to another HTTP server, through a pipeline of its own.

What that server answers is its own matter and is passed on as it is, 5xx too. Where it gives no answer, this one does,
in the shop's form.
"""

import asyncio
import re

import aiohttp
from multidict import CIMultiDict
from starlette.types import Receive, Scope, Send
from yarl import URL

from souk_chassis.clock import Clock
from souk_chassis.edge.forwarding import (
    SAFE_METHODS,
    FailedAnswerError,
    Faults,
    check_breaker,
    check_host,
    end_to_end,
    forwarded,
    target_of,
)
from souk_chassis.edge.upload import MAX_PASSED_BODY, UPLOAD_TIMEOUT_S, Upload, ignore
from souk_chassis.errors import SoukError, timeout_unknown, unavailable
from souk_chassis.http.endpoint import NO_BODY, headers_of, respond
from souk_chassis.http.exchange import MAX_HEADERS, Headers, check_headers, failed
from souk_chassis.observability.logs import Log
from souk_chassis.observability.spans import CLIENT, recorder
from souk_chassis.observability.trace import incoming_traceparent
from souk_chassis.resilience import Bulkhead, Deadline, Pipeline, Policy
from souk_chassis.resilience.deadline import SYSTEM_CLOCK

MAX_EXCHANGES = 1_024
"""Requests on their way to one server at once, from one process, those whose answers are still coming included."""
HEAD_TIMEOUT_S = 30.0
"""How long a server may take to begin its answer once it has the request, in seconds."""
SILENCE_TIMEOUT_S = 310.0
"""How long an answer may pause, and how long a client may take none of it, in seconds. Following an order takes 300."""
CONNECT_TIMEOUT_S = 2.0
"""How long connecting may take, in seconds."""

POLICY = Policy(
    timeout_s=UPLOAD_TIMEOUT_S + HEAD_TIMEOUT_S + CONNECT_TIMEOUT_S + 1,
    attempts=1,
    max_concurrent=256,
    max_waiting=256,
    slow_call_s=HEAD_TIMEOUT_S,
    slow_rate=1.0,
)
"""How such a server is treated. Nothing is repeated here, and a slow page is no failure: it may be a report."""

_ADDED_BY_THE_CLIENT = ("User-Agent", "Accept", "Accept-Encoding", "Content-Type")
_CONTROLS = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]")
"""What no header's value can have (RFC 9110, section 5.5): the server below would send nothing of such an answer."""


class Proxy:
    """Passes requests on to the server at `target`, an address without a path. `name` is what logs and spans call it.

    A safe request goes by a kept connection, and anything else by one of its own: a server may close a kept one in the
    moment that a request is sent, and an order must not be lost to that. What breaks before any answer came is sent
    once more by aiohttp, if the method is idempotent and nothing of a body was sent; otherwise nothing is repeated.
    """

    def __init__(
        self,
        name: str,
        target: str,
        faults: Faults,
        log: Log,
        policy: Policy = POLICY,
        clock: Clock = SYSTEM_CLOCK,
        *,
        max_body: int = MAX_PASSED_BODY,
        hops: int = 0,
    ) -> None:
        """`max_body` in bytes. `hops` as in `forwarded`."""
        self.name = name
        self._hops = hops
        self._target = target
        self._faults = faults
        self._log = log
        self._max_body = max_body
        self._exchanges = Bulkhead(MAX_EXCHANGES, 0)
        self._pipeline = Pipeline(name, policy, clock)
        self._sessions: dict[bool, aiohttp.ClientSession] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        headers = headers_of(scope)
        parent = incoming_traceparent(headers.get("traceparent"))
        span = recorder.span(f"{scope['method']} {self.name}", self._log.service, CLIENT, parent)
        exchange = _Exchange(scope, send, span.traceparent, self._hops)
        try:
            with span:
                check_headers(headers)
                check_host(scope["headers"])
                await self._guarded(exchange, Upload(receive, headers, self._max_body))
        except Exception as error:  # noqa: BLE001 - the border of the program: the caller gets an answer all the same
            if not exchange.has_begun:
                await respond(send, *failed(error, span.traceparent, self._log, scope["path"]))
                return
            # The server below sees an answer that is not whole, and closes the client's connection.
            kind = type(error).__name__
            self._log.warning("answer broke off", span.traceparent, upstream=self.name, path=scope["path"], reason=kind)

    async def check(self) -> None:
        """Whether the server is there: its breaker, and that it accepts a connection. Raises where it is not."""
        check_breaker(self._pipeline)
        url = URL(self._target)
        try:
            _, writer = await asyncio.open_connection(url.host, url.port)
        except OSError:
            raise unavailable("connection_refused", "it can't be reached") from None
        writer.close()

    async def ask(self, path: str, timeout_s: float) -> bytes:
        """What the server answers to a question of this process' own, whatever the status. Raises SoukError
        `unavailable` where it gives no answer in so many seconds."""
        timeout = aiohttp.ClientTimeout(total=timeout_s, connect=CONNECT_TIMEOUT_S)
        try:
            async with self._session(keeps=True).get(self._target + path, timeout=timeout) as answer:
                return await answer.read()
        except (aiohttp.ClientError, OSError):
            raise unavailable("service_unavailable", f"{self.name} can't be reached") from None

    async def close(self) -> None:
        """Close the connections."""
        for session in self._sessions.values():
            await session.close()

    async def _guarded(self, exchange: "_Exchange", upload: Upload) -> None:
        """One exchange, which ends when its client goes away."""
        if not self._exchanges.try_enter():
            raise self._faults.of(unavailable("bulkhead_full", "Too many requests to it are under way."))
        carrying = asyncio.create_task(self._carry(exchange, upload))
        watching = asyncio.create_task(upload.ended())
        try:
            await asyncio.wait({carrying, watching}, return_when=asyncio.FIRST_COMPLETED)
            if carrying.done():
                carrying.result()
            elif fault := watching.result():
                raise fault
        finally:
            for task in (carrying, watching):
                task.cancel()
            await asyncio.gather(carrying, watching, return_exceptions=True)
            exchange.close()
            self._exchanges.leave()

    async def _carry(self, exchange: "_Exchange", upload: Upload) -> None:
        async def attempt(_: Deadline) -> None:
            await self._send(exchange, upload)

        try:
            await self._pipeline.call(attempt, idempotent=False)
        except FailedAnswerError:
            pass  # it speaks against the server, and is an answer
        except SoukError as error:
            raise self._faults.of(error) from error
        try:
            await exchange.answer()
        except (aiohttp.ClientError, TimeoutError, OSError):
            self._pipeline.blame()
            raise

    async def _send(self, exchange: "_Exchange", upload: Upload) -> None:
        """Send the request, and wait for the head of its answer."""
        keeps = exchange.method in SAFE_METHODS and not upload.has_body
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(None if upload.has_body else HEAD_TIMEOUT_S + CONNECT_TIMEOUT_S) as limit:
                upload.on_sent = lambda: limit.reschedule(loop.time() + HEAD_TIMEOUT_S)
                exchange.response = response = await self._session(keeps=keeps).request(
                    exchange.method,
                    URL(self._target + exchange.target, encoded=True),
                    headers=exchange.request_headers(),
                    data=upload.chunks() if upload.has_body else None,
                    allow_redirects=False,
                    skip_auto_headers=_ADDED_BY_THE_CLIENT,
                )
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
            raise unavailable("connection_refused", f"{self.name} can't be reached.") from error
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise timeout_unknown("connection_lost", f"{self.name} gave no answer.") from error
        finally:
            upload.on_sent = ignore  # the limit is over, and the rest of a body may come all the same
        if not 200 <= response.status <= 599 or any(_CONTROLS.search(value) for _, value in response.raw_headers):
            raise timeout_unknown("bad_answer", f"{self.name} answered what can't be passed on.")
        if response.status >= 500:
            raise FailedAnswerError

    def _session(self, *, keeps: bool) -> aiohttp.ClientSession:
        session = self._sessions.get(keeps)
        if session is None:
            # The bulkheads bound connections, and make no request wait that the pipeline takes for sent.
            connector = aiohttp.TCPConnector(limit=0, force_close=not keeps)
            session = self._sessions[keeps] = aiohttp.ClientSession(
                connector=connector,
                cookie_jar=aiohttp.DummyCookieJar(),  # cookies are between the client and the server behind
                auto_decompress=False,
                timeout=aiohttp.ClientTimeout(total=None, connect=CONNECT_TIMEOUT_S),
                max_line_size=MAX_HEADERS,
                max_field_size=MAX_HEADERS,
            )
        return session


class _Exchange:
    """One request, and the answer to it."""

    def __init__(self, scope: Scope, send: Send, traceparent: str, hops: int) -> None:
        self.method: str = scope["method"]
        self.target = target_of(scope.get("raw_path") or scope["path"].encode(), scope["query_string"])
        self.response: aiohttp.ClientResponse | None = None
        self.has_begun = False
        self._scope = scope
        self._send = send
        self._traceparent = traceparent
        self._hops = hops

    def request_headers(self) -> CIMultiDict[str]:
        """What the server behind gets."""
        client = (self._scope.get("client") or ("",))[0]
        scheme = self._scope.get("scheme", "http")
        given = forwarded(self._scope["headers"], client, scheme, self._traceparent, self._hops)
        return CIMultiDict((name.decode("latin-1"), _text(value)) for name, value in given)

    async def answer(self) -> None:
        """Pass the answer on, as it comes. Raises what aiohttp raises where it breaks off, and TimeoutError."""
        response = self.response
        assert response is not None  # noqa: S101 - it was sent
        headers = _answered(response.raw_headers, response.status)
        self.has_begun = True
        await self._send({"type": "http.response.start", "status": response.status, "headers": headers})
        more = self.method != "HEAD"
        while more:
            async with asyncio.timeout(SILENCE_TIMEOUT_S):
                chunk = await response.content.readany()
            more = bool(chunk)
            if more:
                async with asyncio.timeout(SILENCE_TIMEOUT_S):
                    await self._send({"type": "http.response.body", "body": chunk, "more_body": True})
        await self._send({"type": "http.response.body", "body": b""})

    def close(self) -> None:
        """Break off what has not come to its end."""
        if self.response is not None:
            self.response.close()


def _answered(headers: tuple[tuple[bytes, bytes], ...], status: int) -> Headers:
    """An answer's headers as the client gets them. The server below sets the date."""
    dropped = {b"date", b"content-length"} if status in NO_BODY else {b"date"}
    return [(name, value) for name, value in end_to_end(headers) if name not in dropped]


def _text(value: bytes) -> str:
    """A header as aiohttp wants it, which writes UTF-8."""
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value.decode("latin-1")
