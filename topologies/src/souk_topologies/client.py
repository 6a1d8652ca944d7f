"""The shop as its own command sees it: a client of the gateway's HTTP API."""

import asyncio
import random
from collections.abc import AsyncIterator, Mapping
from types import TracebackType
from typing import TypeVar

import aiohttp
import msgspec

from souk_chassis import wire
from souk_chassis.http.health import Readiness
from souk_chassis.http.problem import Problem, read_problem

T = TypeVar("T")

MAX_CONNECTIONS = 64
TRIES = 60
"""How often a request is made while the shop is away or busy: with the pauses, for about two minutes."""
REQUEST_TIMEOUT_S = 60
"""How long one try may take."""
PAUSE_S = 2.0
"""The longest pause between two tries."""
_PASSING = frozenset({429, 502, 503, 504})


class ShopError(Exception):
    """The shop refused: `problem` says why."""

    def __init__(self, method: str, path: str, problem: Problem) -> None:
        super().__init__(f"{method} {path}: {problem.status} {problem.code}: {problem.detail}")
        self.problem = problem


class ShopAwayError(Exception):
    """The shop can't be reached."""


class ShopClient:
    """Calls the gateway. Requests are repeated while the shop is away: only use routes where a repeat is safe."""

    def __init__(self, url: str, token: str | None, *, tries: int = TRIES) -> None:
        self._url = url
        self._token = token
        self._tries = tries
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> "ShopClient":
        headers = {"authorization": f"Bearer {self._token}"} if self._token else {}
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=MAX_CONNECTIONS, keepalive_timeout=30),
            headers=headers,
            timeout=aiohttp.ClientTimeout(total=REQUEST_TIMEOUT_S),
            auto_decompress=False,
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._session is not None:
            await self._session.close()

    async def call(
        self, method: str, path: str, kind: type[T], *, body: object = None, query: Mapping[str, str] | None = None
    ) -> T:
        """Make a request and read its answer. Raises ShopError or ShopAwayError."""
        data = None if body is None else wire.encode(body)
        for attempt in range(self._tries):
            status, answer, why = await self._once(method, path, data, query)
            if answer is not None and status < 400:
                return wire.decode(answer, kind)
            if answer is not None and status not in _PASSING:
                raise ShopError(method, path, _problem(status, answer))
            if attempt + 1 < self._tries:
                await asyncio.sleep(min(PAUSE_S, 0.05 * 2**attempt) * random.uniform(0.5, 1.0))  # noqa: S311 - jitter
        raise ShopAwayError(f"{self._url} gave no answer to {method} {path}: {why}")

    async def pages(self, path: str, kind: type[T], query: Mapping[str, str] | None = None) -> AsyncIterator[T]:
        """All pages of a list, one by one."""
        cursor: str | None = ""
        while cursor is not None:
            page = await self.call("GET", path, kind, query={**(query or {}), **({"cursor": cursor} if cursor else {})})
            yield page
            cursor = page.next  # type: ignore[attr-defined] # every page has it

    async def readiness(self) -> Readiness:
        """What `/ready` says. Raises ShopAwayError."""
        status, answer, why = await self._once("GET", "/ready", None, None)
        if answer is None:
            raise ShopAwayError(f"{self._url} gives no answer: {why}")
        try:
            return wire.decode(answer, Readiness)
        except msgspec.MsgspecError:
            raise ShopAwayError(f"{self._url} is no shop: it answered with status {status}") from None

    async def _once(
        self, method: str, path: str, data: bytes | None, query: Mapping[str, str] | None
    ) -> tuple[int, bytes | None, str]:
        if self._session is None:
            raise RuntimeError("the client is used outside its block")
        headers = {"content-type": "application/json"} if data is not None else None
        try:
            async with self._session.request(
                method, self._url + path, data=data, params=query, headers=headers
            ) as response:
                return response.status, await response.read(), f"status {response.status}"
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            return 0, None, str(error) or type(error).__name__


def _problem(status: int, body: bytes) -> Problem:
    try:
        return read_problem(body)
    except msgspec.MsgspecError:
        detail = body[:200].decode(errors="replace")
        return Problem(type="about:blank", title="", status=status, code="unreadable", detail=detail, trace_id="")
