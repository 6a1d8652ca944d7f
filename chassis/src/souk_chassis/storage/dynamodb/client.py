"""What a store needs of DynamoDB: calls in its own JSON. The real client, the model and what tests put between them
are all of this one shape."""

import asyncio
import random
from collections.abc import Mapping
from itertools import count
from typing import Any, Protocol

from souk_chassis.errors import ErrorKind, SoukError
from souk_chassis.resilience.policy import Policy
from souk_chassis.resilience.retry import pause_s
from souk_chassis.storage.dynamodb.errors import THROTTLED

RETRY_BASE_S = 0.025
RETRY_CAP_S = 1.0
"""A call that was throttled waits a random time below 25 ms, 50 ms, 100 ms ... and at most 1 s before it is repeated:
full jitter, as AWS's "Exponential Backoff And Jitter" has it."""
PATIENCE_S = 5.0
"""How long a call is repeated. The caller then gets the error."""

_POLICY = Policy(backoff_base_s=RETRY_BASE_S, backoff_cap_s=RETRY_CAP_S)
_READS = frozenset({"GetItem", "BatchGetItem", "Query", "TransactGetItems", "DescribeTable"})
_PASSING = frozenset({THROTTLED, "database_unavailable"})


class DynamoClient(Protocol):
    """The calls of DynamoDB's API that the adapters make: GetItem, BatchGetItem, Query, TransactGetItems, PutItem,
    UpdateItem, DeleteItem, BatchWriteItem, TransactWriteItems, and DescribeTable and CreateTable for tests."""

    async def call(self, operation: str, request: Mapping[str, Any]) -> dict[str, Any]:
        """Make one call, in the JSON of DynamoDB's API reference.

        Raises SoukError and `RequestRefusedError` as `souk_chassis.storage.dynamodb.errors` says.
        """

    async def close(self) -> None:
        """Release connections."""


class RetryingClient:
    """Repeats what was throttled, and what is safe to repeat where the answer was lost, for `patience_s` at most.

    Safe are reads, and transactions with a `ClientRequestToken`: DynamoDB answers the repeat of one that succeeded as
    it answered the first. Conditions that failed and collisions go to the caller, who must read again.
    """

    def __init__(
        self, inner: DynamoClient, *, patience_s: float = PATIENCE_S, dice: random.Random | None = None
    ) -> None:
        self._inner = inner
        self._patience_s = patience_s
        self._dice = dice or random.Random()  # noqa: S311 - jitter, and no secret

    async def call(self, operation: str, request: Mapping[str, Any]) -> dict[str, Any]:
        """See `DynamoClient`."""
        loop = asyncio.get_running_loop()
        ends_s = loop.time() + self._patience_s
        for retry in count(1):
            try:
                return await self._inner.call(operation, request)
            except SoukError as error:
                delay_s = pause_s(_POLICY, retry, self._dice) or 0.0
                if not _may_repeat(error, operation, request) or loop.time() + delay_s > ends_s:
                    raise
            await asyncio.sleep(delay_s)
        raise AssertionError("counting has no end")

    async def close(self) -> None:
        """See `DynamoClient`."""
        await self._inner.close()


def _may_repeat(error: SoukError, operation: str, request: Mapping[str, Any]) -> bool:
    if error.code in _PASSING:
        return True
    if error.kind is not ErrorKind.TIMEOUT_UNKNOWN:
        return False
    return is_repeatable(operation, request)


def is_repeatable(operation: str, request: Mapping[str, Any]) -> bool:
    """Whether a call that may have happened can be made again: a read, or a transaction with a token."""
    return operation in _READS or (operation == "TransactWriteItems" and "ClientRequestToken" in request)
