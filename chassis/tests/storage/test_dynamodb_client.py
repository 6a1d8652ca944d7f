"""The clients: DynamoDB's errors in ours, what is repeated and what is not, and calls over HTTP."""

import json
import random
import zlib
from collections.abc import AsyncIterator, Mapping
from typing import Any

import pytest
from aiohttp import web

from souk_chassis.aws.client import AwsClient
from souk_chassis.aws.credentials import Credentials, FixedCredentials
from souk_chassis.aws.transport import HttpTransport
from souk_chassis.errors import ErrorKind, SoukError
from souk_chassis.storage.collisions import CollisionError
from souk_chassis.storage.dynamodb.client import PATIENCE_S, RetryingClient
from souk_chassis.storage.dynamodb.errors import (
    ANSWER_LOST,
    THROTTLED,
    ConditionFailedError,
    RequestRefusedError,
    TransactionCancelledError,
    answer_lost,
    throttled,
    translate,
)
from souk_chassis.storage.dynamodb.http_client import HttpDynamoClient
from souk_chassis.testing.virtual_time import run_virtually

PREFIX = "com.amazonaws.dynamodb.v20120810#"


def cancelled(*reasons: str) -> dict[str, Any]:
    return {"__type": f"{PREFIX}TransactionCanceledException", "CancellationReasons": [{"Code": r} for r in reasons]}


@pytest.mark.parametrize(
    ("name", "kind", "code"),
    [
        ("ProvisionedThroughputExceededException", ErrorKind.UNAVAILABLE, THROTTLED),
        ("ThrottlingException", ErrorKind.UNAVAILABLE, THROTTLED),
        ("RequestLimitExceeded", ErrorKind.UNAVAILABLE, THROTTLED),
        ("TransactionConflictException", ErrorKind.UNAVAILABLE, "database_collision"),
        ("TransactionInProgressException", ErrorKind.UNAVAILABLE, "database_collision"),
        ("ServiceUnavailable", ErrorKind.UNAVAILABLE, "database_unavailable"),
        ("InternalServerError", ErrorKind.TIMEOUT_UNKNOWN, ANSWER_LOST),
        ("ConditionalCheckFailedException", ErrorKind.CONFLICT, "condition_failed"),
    ],
)
def test_each_error_has_its_kind(name: str, kind: ErrorKind, code: str) -> None:
    error = translate({"__type": PREFIX + name})
    assert isinstance(error, SoukError)
    assert (error.kind, error.code) == (kind, code)


def test_a_cancelled_transaction_says_why() -> None:
    failed = translate(cancelled("None", "TransactionConflict", "ConditionalCheckFailed"))
    assert isinstance(failed, TransactionCancelledError)
    assert failed.reasons == ("None", "TransactionConflict", "ConditionalCheckFailed")
    collided = translate(cancelled("ThrottlingError", "TransactionConflict"))
    assert isinstance(collided, CollisionError)
    assert (collided.code, collided.reasons) == ("database_collision", ("ThrottlingError", "TransactionConflict"))
    for reason in ("ThrottlingError", "ProvisionedThroughputExceeded"):
        error = translate(cancelled("None", reason))
        assert isinstance(error, SoukError)
        assert error.code == THROTTLED
    assert isinstance(translate(cancelled("ValidationError")), RequestRefusedError)


@pytest.mark.parametrize("name", ["ValidationException", "ResourceNotFoundException", "AccessDeniedException"])
def test_what_no_retry_mends_is_no_error_of_the_shop(name: str) -> None:
    error = translate({"__type": PREFIX + name, "message": "no"})
    assert isinstance(error, RequestRefusedError)
    assert str(error) == f"{name}: no"


def test_an_unknown_failure_of_the_server_may_have_happened() -> None:
    error = translate({}, 503)
    assert isinstance(error, SoukError)
    assert error.kind is ErrorKind.TIMEOUT_UNKNOWN


class Failing:
    """A client whose first calls fail."""

    def __init__(self, *failures: Exception) -> None:
        self.failures = list(failures)
        self.calls = 0

    async def call(self, operation: str, request: Mapping[str, Any]) -> dict[str, Any]:
        self.calls += 1
        if self.failures:
            raise self.failures.pop(0)
        return {"calls": self.calls}

    async def close(self) -> None:
        """There is nothing to release."""


def outcome(inner: Failing, operation: str = "PutItem", request: Mapping[str, Any] | None = None) -> Any:
    """What a retrying client answers, or the code of what it raises; and the virtual seconds that it took."""

    async def call() -> Any:
        import asyncio

        client = RetryingClient(inner, dice=random.Random(1))
        try:
            answer: Any = await client.call(operation, request or {})
        except SoukError as error:
            answer = error.code
        await client.close()
        return answer, asyncio.get_running_loop().time()

    return run_virtually(call())


def test_what_was_throttled_is_repeated_with_growing_pauses() -> None:
    answer, took_s = outcome(Failing(*(throttled() for _ in range(4))))
    assert answer == {"calls": 5}
    assert 0.0 < took_s <= 0.025 + 0.05 + 0.1 + 0.2


def test_patience_ends() -> None:
    inner = Failing(*(throttled() for _ in range(1_000)))
    answer, took_s = outcome(inner)
    assert answer == THROTTLED
    assert PATIENCE_S - 1.0 <= took_s <= PATIENCE_S
    assert 8 < inner.calls < 60


@pytest.mark.parametrize("error", [CollisionError(), ConditionFailedError(), TransactionCancelledError(["None"])])
def test_what_must_be_read_again_is_not_repeated(error: SoukError) -> None:
    inner = Failing(error)
    assert outcome(inner)[0] == error.code
    assert inner.calls == 1


@pytest.mark.parametrize(
    ("operation", "request_body", "repeated"),
    [
        ("GetItem", {}, True),
        ("Query", {}, True),
        ("TransactWriteItems", {"ClientRequestToken": "t"}, True),
        ("TransactWriteItems", {}, False),
        ("UpdateItem", {}, False),
        ("PutItem", {}, False),
    ],
)
def test_a_lost_answer_is_asked_for_where_that_does_no_harm(
    operation: str, request_body: dict[str, Any], repeated: bool
) -> None:
    answer, _ = outcome(Failing(answer_lost()), operation, request_body)
    assert answer == ({"calls": 2} if repeated else ANSWER_LOST)


class Server:
    """Stands for DynamoDB: gives the answers that it was told to, and remembers requests."""

    def __init__(self) -> None:
        self.requests: list[tuple[dict[str, str], Any]] = []
        self.answer: tuple[int, Any] = (200, {})
        self.checksum: int | None = None
        self.hangs_up = False

    async def handle(self, request: web.Request) -> web.StreamResponse:
        self.requests.append((dict(request.headers), await request.json()))
        if self.hangs_up:
            assert request.transport is not None
            request.transport.close()
        status, body = self.answer
        content = json.dumps(body).encode()
        checksum = zlib.crc32(content) if self.checksum is None else self.checksum
        return web.Response(body=content, status=status, headers={"x-amz-crc32": str(checksum)})


KEY = FixedCredentials(Credentials("key", "secret", "session"))


@pytest.fixture
async def server() -> AsyncIterator[tuple[Server, HttpDynamoClient]]:
    """A server on loopback and a client of it."""
    stand_in = Server()
    app = web.Application()
    app.router.add_post("/", stand_in.handle)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    client = HttpDynamoClient(AwsClient("eu-west-1", KEY, HttpTransport(), f"http://127.0.0.1:{port}/"))
    yield stand_in, client
    await client.close()
    await runner.cleanup()


async def test_a_call_is_one_signed_post(server: tuple[Server, HttpDynamoClient]) -> None:
    stand_in, client = server
    stand_in.answer = (200, {"Item": {"id": {"S": "ä"}}})
    assert await client.call("GetItem", {"TableName": "T"}) == {"Item": {"id": {"S": "ä"}}}
    [(headers, body)] = stand_in.requests
    assert headers["X-Amz-Target"] == "DynamoDB_20120810.GetItem"
    assert headers["Content-Type"] == "application/x-amz-json-1.0"
    assert "/eu-west-1/dynamodb/aws4_request" in headers["Authorization"]
    assert "x-amz-target" in headers["Authorization"]
    assert headers["X-Amz-Security-Token"] == "session"
    assert body == {"TableName": "T"}


async def test_an_error_answer_is_translated(server: tuple[Server, HttpDynamoClient]) -> None:
    stand_in, client = server
    stand_in.answer = (400, cancelled("ConditionalCheckFailed"))
    with pytest.raises(TransactionCancelledError):
        await client.call("TransactWriteItems", {})
    stand_in.answer = (500, "no object")
    with pytest.raises(SoukError) as lost:
        await client.call("PutItem", {})
    assert lost.value.code == ANSWER_LOST


async def test_what_was_damaged_or_broken_off_is_unknown(server: tuple[Server, HttpDynamoClient]) -> None:
    stand_in, client = server
    stand_in.checksum = 1
    with pytest.raises(SoukError) as damaged:
        await client.call("PutItem", {})
    stand_in.checksum = None
    stand_in.answer = (200, "no object")
    with pytest.raises(SoukError) as unreadable:
        await client.call("PutItem", {})
    stand_in.hangs_up = True
    with pytest.raises(SoukError) as broken:
        await client.call("PutItem", {})
    assert {damaged.value.code, unreadable.value.code, broken.value.code} == {ANSWER_LOST}


async def test_a_refused_connection_is_unavailable() -> None:
    client = HttpDynamoClient(AwsClient("eu-west-1", KEY, HttpTransport(), "http://127.0.0.1:1/"))
    with pytest.raises(SoukError) as away:
        await client.call("GetItem", {})
    await client.close()
    assert (away.value.kind, away.value.code) == (ErrorKind.UNAVAILABLE, "database_unavailable")
