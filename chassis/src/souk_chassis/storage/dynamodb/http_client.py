"""DynamoDB over HTTP: one signed POST a call (its developer guide, "DynamoDB low-level API")."""

import zlib
from collections.abc import Mapping
from typing import Any, Protocol

import aiohttp
import msgspec

from souk_chassis import wire
from souk_chassis.errors import unavailable
from souk_chassis.storage.dynamodb.errors import answer_lost, translate

CALL_TIMEOUT_S = 5.0
CONNECT_TIMEOUT_S = 1.0
MAX_CONNECTIONS = 64
"""Calls at once to DynamoDB from one process; more wait for a connection."""

_TARGET = "DynamoDB_20120810."
_PLAIN = {"Content-Type": "application/x-amz-json-1.0", "Accept-Encoding": "identity"}


class RequestSigner(Protocol):
    """What signs a request: `souk_chassis.storage.dynamodb.signing.Signer`."""

    async def headers(self, url: str, body: bytes, headers: dict[str, str]) -> dict[str, str]:
        """The headers of a POST with those that sign it."""


class HttpDynamoClient:
    """A `DynamoClient` for one region, or for a server at `endpoint`, such as Amazon's DynamoDB Local.

    It tries each call once: `RetryingClient` repeats.
    """

    def __init__(self, region: str, signer: RequestSigner, endpoint: str | None = None) -> None:
        self._url = endpoint or f"https://dynamodb.{region}.amazonaws.com/"
        self._signer = signer
        self._session: aiohttp.ClientSession | None = None

    async def call(self, operation: str, request: Mapping[str, Any]) -> dict[str, Any]:
        """See `DynamoClient`. A connection that was refused is `unavailable`; one that broke after the request was
        sent is `timeout_unknown`, since it may have happened. An answer whose checksum is wrong counts as lost."""
        body = msgspec.json.encode(request)
        headers = await self._signer.headers(self._url, body, {**_PLAIN, "X-Amz-Target": _TARGET + operation})
        try:
            async with self._connected().post(self._url, data=body, headers=headers) as response:
                status, answer, checksum = response.status, await response.read(), response.headers.get("x-amz-crc32")
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
            raise unavailable("database_unavailable", "The database can't be reached just now.") from error
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise answer_lost() from error
        if checksum is not None and int(checksum) != zlib.crc32(answer):
            raise answer_lost()
        if status == 200:
            return wire.decode(answer, dict[str, Any])
        raise translate(_problem(answer), status)

    async def close(self) -> None:
        """See `DynamoClient`."""
        if self._session is not None:
            await self._session.close()

    def _connected(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=MAX_CONNECTIONS, keepalive_timeout=60),
                timeout=aiohttp.ClientTimeout(total=CALL_TIMEOUT_S, connect=CONNECT_TIMEOUT_S),
                auto_decompress=False,
            )
        return self._session


def _problem(answer: bytes) -> dict[str, Any]:
    try:
        return wire.decode(answer, dict[str, Any])
    except wire.UNREADABLE:
        return {}
