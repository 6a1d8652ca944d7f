"""DynamoDB over HTTP: one signed POST a call (its developer guide, "DynamoDB low-level API")."""

import zlib
from collections.abc import Mapping
from typing import Any

from souk_chassis import wire
from souk_chassis.aws.client import AwsClient
from souk_chassis.aws.errors import AnswerLostError, CouldNotConnectError
from souk_chassis.aws.services import DYNAMODB
from souk_chassis.errors import unavailable
from souk_chassis.storage.dynamodb.client import is_repeatable
from souk_chassis.storage.dynamodb.errors import answer_lost, translate


class HttpDynamoClient:
    """A `DynamoClient` on the client of a region, or of a server such as Amazon's DynamoDB Local.

    It tries each call once: `RetryingClient` repeats.
    """

    def __init__(self, aws: AwsClient) -> None:
        self._aws = aws

    async def call(self, operation: str, request: Mapping[str, Any]) -> dict[str, Any]:
        """See `DynamoClient`. A connection that was refused is `unavailable`; one that broke after the request was
        sent is `timeout_unknown`, since it may have happened. An answer whose checksum is wrong counts as lost."""
        try:
            response = await self._aws.send_json(
                DYNAMODB, operation, request, repeatable=is_repeatable(operation, request)
            )
        except CouldNotConnectError as error:
            raise unavailable("database_unavailable", "The database can't be reached just now.") from error
        except AnswerLostError as error:
            raise answer_lost() from error
        checksum = response.headers.get("x-amz-crc32")
        if checksum is not None and int(checksum) != zlib.crc32(response.body):
            raise answer_lost()
        if response.status == 200:
            try:
                return wire.decode(response.body, dict[str, Any])
            except wire.UNREADABLE as error:
                raise answer_lost() from error
        raise translate(_problem(response.body), response.status)

    async def close(self) -> None:
        """See `DynamoClient`. The client of the region goes with it."""
        await self._aws.close()


def _problem(answer: bytes) -> dict[str, Any]:
    try:
        return wire.decode(answer, dict[str, Any])
    except wire.UNREADABLE:
        return {}
