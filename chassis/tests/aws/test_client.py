"""The client: each protocol on the wire, where services are, and every failure in our kinds."""

import asyncio
from typing import Any

import pytest

from souk_chassis.aws import services
from souk_chassis.aws.client import AwsClient, open_aws
from souk_chassis.aws.credentials import Credentials, FixedCredentials
from souk_chassis.aws.errors import ANSWER_LOST, THROTTLED, UNAVAILABLE, RequestRefusedError
from souk_chassis.aws.functions import Functions
from souk_chassis.aws.secrets import Secrets
from souk_chassis.aws.services import DYNAMODB, LAMBDA, SECRETS_MANAGER, SES, SNS, SQS
from souk_chassis.aws.transport import HttpRequest, HttpResponse, HttpTransport
from souk_chassis.errors import ErrorKind, SoukError


class Kept:
    """A transport that keeps requests."""

    def __init__(self) -> None:
        self.requests: list[HttpRequest] = []
        self.closed = False

    async def send(self, request: HttpRequest) -> HttpResponse:
        self.requests.append(request)
        return HttpResponse(200, {}, b"{}")

    async def close(self) -> None:
        self.closed = True


@pytest.mark.parametrize(
    ("service", "host"),
    [
        (DYNAMODB, "dynamodb.eu-west-1.amazonaws.com"),
        (SQS, "sqs.eu-west-1.amazonaws.com"),
        (SNS, "sns.eu-west-1.amazonaws.com"),
        (LAMBDA, "lambda.eu-west-1.amazonaws.com"),
        (SECRETS_MANAGER, "secretsmanager.eu-west-1.amazonaws.com"),
        (SES, "email.eu-west-1.amazonaws.com"),
    ],
)
async def test_where_services_are(service: services.AwsService, host: str) -> None:
    transport = Kept()
    client = AwsClient("eu-west-1", FixedCredentials(Credentials("key", "secret")), transport)
    await client.send(service, "POST", "/x", headers={}, body=b"")
    await client.close()
    [request] = transport.requests
    assert (request.url, request.headers["Host"]) == (f"https://{host}/x", host)
    assert f"/eu-west-1/{service.signed_as}/aws4_request" in request.headers["Authorization"]
    assert transport.closed


def test_china_has_a_domain_of_its_own() -> None:
    assert SQS.url("cn-north-1") == "https://sqs.cn-north-1.amazonaws.com.cn"


async def test_the_environment_says_where_and_who() -> None:
    transport = Kept()
    environment = {"AWS_REGION": "eu-central-1", "AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "secret"}
    await open_aws(environment, transport).json(SQS, "ListQueues", {})
    environment |= {"AWS_ENDPOINT_URL": "http://127.0.0.1:4566/", "AWS_SESSION_TOKEN": "session"}
    await open_aws(environment, transport).json(SQS, "ListQueues", {}, repeatable=True, timeout_s=1.5)
    first, second = transport.requests
    assert first.url == "https://sqs.eu-central-1.amazonaws.com/"
    assert second.url == "http://127.0.0.1:4566/"
    assert (second.repeatable, second.timeout_s, second.headers["X-Amz-Security-Token"]) == (True, 1.5, "session")
    with pytest.raises(ValueError, match="AWS_REGION"):
        open_aws({})


async def test_json_on_the_wire(aws: AwsClient, stand_in: Any) -> None:
    stand_in.answer = lambda asked: (200, {"got": asked.body})
    assert await aws.json(SECRETS_MANAGER, "GetSecretValue", {"SecretId": "ä"}) == {"got": {"SecretId": "ä"}}
    [asked] = stand_in.asked
    assert asked.what == "secretsmanager.GetSecretValue"
    assert asked.headers["Content-Type"] == "application/x-amz-json-1.1"
    assert asked.headers["X-Amz-Security-Token"] == "session"


async def test_an_empty_answer_is_an_empty_object(aws: AwsClient, stand_in: Any) -> None:
    stand_in.answer = lambda _: (200, b"")
    assert await aws.json(SQS, "DeleteMessage", {}) == {}


async def test_the_query_protocol_on_the_wire(aws: AwsClient, stand_in: Any) -> None:
    stand_in.answer = lambda _: (200, b"<A/>")
    assert await aws.query(SNS, "Publish", {"Message": "a b&c=ä+"}) == b"<A/>"
    [asked] = stand_in.asked
    assert asked.body == {"Action": "Publish", "Version": "2010-03-31", "Message": "a b&c=ä+"}
    assert asked.headers["Content-Type"].startswith("application/x-www-form-urlencoded")


XML_ERROR = (
    b'<ErrorResponse xmlns="http://sns.amazonaws.com/doc/2010-03-31/"><Error><Type>Sender</Type><Code>%b</Code>'
    b"<Message>no</Message></Error><RequestId>r</RequestId></ErrorResponse>"
)


@pytest.mark.parametrize(
    ("code", "status", "kind", "ours"),
    [
        ("ThrottlingException", 400, ErrorKind.UNAVAILABLE, THROTTLED),
        ("Throttling", 400, ErrorKind.UNAVAILABLE, THROTTLED),
        ("RequestThrottled", 403, ErrorKind.UNAVAILABLE, THROTTLED),
        ("TooManyRequestsException", 429, ErrorKind.UNAVAILABLE, THROTTLED),
        ("SomethingElse", 429, ErrorKind.UNAVAILABLE, THROTTLED),
        ("ServiceUnavailable", 503, ErrorKind.UNAVAILABLE, UNAVAILABLE),
        ("ExpiredTokenException", 400, ErrorKind.UNAVAILABLE, UNAVAILABLE),
        ("InternalError", 500, ErrorKind.TIMEOUT_UNKNOWN, ANSWER_LOST),
        ("", 502, ErrorKind.TIMEOUT_UNKNOWN, ANSWER_LOST),
    ],
)
async def test_failures_that_pass_have_their_kind(
    aws: AwsClient, stand_in: Any, code: str, status: int, kind: ErrorKind, ours: str
) -> None:
    as_json = {"__type": f"com.amazonaws.x#{code}", "message": "no"}
    stand_in.answer = lambda asked: (status, XML_ERROR % code.encode() if asked.what == "Publish" else as_json)
    for call in (aws.json(SQS, "X", {}), aws.query(SNS, "Publish", {}), aws.rest(LAMBDA, "POST", "/a")):
        with pytest.raises(SoukError) as raised:
            await call
        assert (raised.value.kind, raised.value.code) == (kind, ours)


async def test_what_no_retry_mends_says_what_it_was(aws: AwsClient, stand_in: Any) -> None:
    stand_in.answer = lambda _: (400, {"__type": "com.amazonaws.sqs#QueueDoesNotExist", "message": "no such queue"})
    with pytest.raises(RequestRefusedError, match="sqs SendMessage: QueueDoesNotExist: no such queue") as refused:
        await aws.json(SQS, "SendMessage", {})
    assert refused.value.code == "QueueDoesNotExist"
    stand_in.answer = lambda _: (403, XML_ERROR % b"AuthorizationError")
    with pytest.raises(RequestRefusedError, match="sns Publish: AuthorizationError: no"):
        await aws.query(SNS, "Publish", {})
    stand_in.answer_headers = {"X-Amzn-ErrorType": "ResourceNotFoundException:http://internal.amazon.com/coral/"}
    stand_in.answer = lambda _: (404, {"Message": "no such function"})
    with pytest.raises(RequestRefusedError, match="ResourceNotFoundException: no such function"):
        await aws.rest(LAMBDA, "POST", "/a")
    stand_in.answer_headers = {}
    stand_in.answer = lambda _: (404, b"<html>not AWS</html")
    for call in (aws.json(SQS, "X", {}), aws.query(SNS, "X", {})):
        with pytest.raises(RequestRefusedError, match="404"):
            await call


async def test_an_answer_that_is_not_awss_is_lost(aws: AwsClient, stand_in: Any) -> None:
    stand_in.answer = lambda _: (200, b"<html>")
    with pytest.raises(SoukError) as raised:
        await aws.json(SQS, "X", {})
    assert raised.value.code == ANSWER_LOST


async def test_broken_ways_are_told_apart(stand_in: Any) -> None:
    key = FixedCredentials(Credentials("key", "secret"))
    away = AwsClient("eu-west-1", key, HttpTransport(), "http://127.0.0.1:1")
    with pytest.raises(SoukError) as refused:
        await away.json(SQS, "X", {})
    await away.close()
    assert (refused.value.kind, refused.value.code) == (ErrorKind.UNAVAILABLE, UNAVAILABLE)
    server = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0)
    silent = AwsClient("eu-west-1", key, HttpTransport(), f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}")
    with pytest.raises(SoukError) as lost:
        await silent.rest(LAMBDA, "POST", "/a", b"{}")
    await silent.close()
    server.close()
    await server.wait_closed()
    assert (lost.value.kind, lost.value.code) == (ErrorKind.TIMEOUT_UNKNOWN, ANSWER_LOST)


async def test_a_function_answers(aws: AwsClient, stand_in: Any) -> None:
    stand_in.answer = lambda asked: (200, asked.body)
    invoked = await Functions(aws).invoke("orders-calls", b'{"a": 1}')
    assert (invoked.payload, invoked.function_error) == (b'{"a": 1}', "")
    arn = "arn:aws:lambda:eu-west-1:123456789012:function:orders"
    await Functions(aws).invoke(arn, b"{}", timeout_s=9.0)
    first, second = stand_in.asked
    assert first.what == "/2015-03-31/functions/orders-calls/invocations"
    assert second.what == f"/2015-03-31/functions/{arn.replace(':', '%3A')}/invocations"
    assert first.headers["X-Amz-Invocation-Type"] == "RequestResponse"


async def test_a_functions_own_failure_is_no_failure_of_the_call(aws: AwsClient, stand_in: Any) -> None:
    stand_in.answer_headers = {"X-Amz-Function-Error": "Unhandled"}
    stand_in.answer = lambda _: (200, {"errorMessage": "out of memory", "errorType": "Runtime.ExitError"})
    invoked = await Functions(aws).invoke("orders-calls", b"{}")
    assert invoked.function_error == "Unhandled"
    assert b"out of memory" in invoked.payload


async def test_secrets_are_texts_or_bytes(aws: AwsClient, stand_in: Any) -> None:
    stand_in.answer = lambda _: (200, {"SecretString": "täglich"})
    assert await Secrets(aws).value("souk/orders/key") == "täglich".encode()
    stand_in.answer = lambda _: (200, {"SecretBinary": "AP8="})
    assert await Secrets(aws).value("souk/orders/key") == b"\x00\xff"
    assert stand_in.bodies("GetSecretValue") == [{"SecretId": "souk/orders/key"}] * 2
