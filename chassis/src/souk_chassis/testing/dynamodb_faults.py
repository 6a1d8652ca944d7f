"""A client of DynamoDB between a store and its tables, through which a test lets a process die or others come first."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from souk_chassis.storage.dynamodb.client import DynamoClient


class Crash(asyncio.CancelledError):
    """The process ends here. No handler of errors catches it."""


class FaultyClient:
    """Dies at its call number `dies_at`: before that call, or after it where it was `done`. All later calls die, too.

    `meanwhile` has by operation what is to happen before its next call, once: what another process does.
    """

    def __init__(self, inner: DynamoClient, dies_at: int | None = None, *, done: bool = False) -> None:
        self.meanwhile: dict[str, Callable[[], Awaitable[Any]]] = {}
        self._inner = inner
        self._calls = 0
        self._dies_at = dies_at
        self._done = done

    async def call(self, operation: str, request: Mapping[str, Any]) -> dict[str, Any]:
        """See `DynamoClient`. Raises Crash."""
        self._calls += 1
        if operation in self.meanwhile:
            await self.meanwhile.pop(operation)()
        if self._dies_at is not None and self._calls >= self._dies_at:
            if self._calls == self._dies_at and self._done:
                await self._inner.call(operation, request)
            raise Crash
        return await self._inner.call(operation, request)

    async def close(self) -> None:
        """See `DynamoClient`."""
        await self._inner.close()
