"""The chassis' clients of AWS against an emulator: SQS, SNS, Lambda, Secrets Manager and DynamoDB as they talk.

`make test-infra-tools` installs it. SOUK_MINISTACK names another program.
"""

import asyncio
import base64
import io
import os
import secrets
import subprocess
import zipfile
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest

from souk_chassis.aws.batches import Attributed
from souk_chassis.aws.bus import SnsBus
from souk_chassis.aws.client import AwsClient, open_aws
from souk_chassis.aws.errors import RequestRefusedError
from souk_chassis.aws.functions import Functions
from souk_chassis.aws.queues import SqsQueues
from souk_chassis.aws.secrets import Secrets
from souk_chassis.aws.services import LAMBDA, SECRETS_MANAGER, SNS, SQS
from souk_chassis.aws.sns import Topics
from souk_chassis.aws.sqs import Queues
from souk_chassis.aws.xml import members
from souk_chassis.events.event import Event, Stored, bundle, events_of, pack
from souk_chassis.hosts.listening import free_port
from souk_chassis.storage.dynamodb.http_client import HttpDynamoClient
from souk_chassis.storage.ports import PublishDeferredError
from souk_chassis.testing.waiting import until
from tests.infra.conftest import answers

ROOT = Path(__file__).resolve().parents[2]
ACCOUNT = "000000000000"
REGION = "eu-west-1"


class BookRead(Event):
    """An event for these tests."""

    book: str
    text: str = ""

    @property
    def subject(self) -> str:
        return self.book


def event(book: str, text: str = "") -> Stored:
    return pack(BookRead(book=book, text=text), source="readers", time=datetime.now(UTC), traceparent=f"00-{book}-01")


@pytest.fixture(scope="module")
def emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The emulator's address. It keeps nothing."""
    program = Path(os.environ.get("SOUK_MINISTACK", ROOT / "build/ministack/bin/ministack"))
    if not program.exists():
        pytest.fail(f"{program} is not there: run `make test-infra-tools`, or name another by SOUK_MINISTACK.")
    port = free_port()
    folder = tmp_path_factory.mktemp("ministack")
    environment = {"PATH": os.environ["PATH"], "GATEWAY_PORT": str(port), "HOME": str(folder), "TMPDIR": str(folder)}
    with (folder / "log").open("wb") as log:
        server = subprocess.Popen([program], cwd=folder, env=environment, stdout=log, stderr=log)
    try:
        asyncio.run(until(lambda: answers(port), 60.0))
        yield f"http://127.0.0.1:{port}"
    finally:
        server.terminate()
        server.wait(20)


@pytest.fixture
async def aws(emulator: str) -> AsyncIterator[AwsClient]:
    """The client that an environment describes."""
    client = open_aws(
        {
            "AWS_REGION": REGION,
            "AWS_ENDPOINT_URL": emulator,
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "secret",
        }
    )
    yield client
    await client.close()


@pytest.fixture
async def queue(aws: AwsClient) -> str:
    """A queue with its dead letters, which hears the topic `book-read`."""
    name = f"readers-{secrets.token_hex(4)}"
    for each in (name, f"{name}-dlq"):
        await aws.json(SQS, "CreateQueue", {"QueueName": each})
    await aws.query(SNS, "CreateTopic", {"Name": "book-read"})
    subscription = {
        "TopicArn": topic_prefix() + "book-read",
        "Protocol": "sqs",
        "Endpoint": f"arn:aws:sqs:{REGION}:{ACCOUNT}:{name}",
        "Attributes.entry.1.key": "RawMessageDelivery",
        "Attributes.entry.1.value": "true",
    }
    await aws.query(SNS, "Subscribe", subscription)
    return name


def topic_prefix() -> str:
    return f"arn:aws:sns:{REGION}:{ACCOUNT}:"


async def drain(queues: Queues, queue: str) -> list[Any]:
    """All messages of a queue, which are then gone."""
    found: list[Any] = []
    while batch := await queues.receive(queue, wait_s=1):
        assert await queues.delete(queue, [message.receipt for message in batch]) == []
        found += batch
    return found


async def test_a_queue_end_to_end(aws: AwsClient, queue: str) -> None:
    queues = Queues(aws)
    assert await queues.send(queue, [Attributed("ä<&>\n", {"type": "t", "count": 2}), Attributed("b")]) == []
    assert (await queues.size(queue)).waiting == 2
    messages = await queues.receive(queue, hidden_s=60, wait_s=1)
    assert {message.body: message.attributes for message in messages} == {
        "ä<&>\n": {"type": "t", "count": "2"},
        "b": {},
    }
    assert {message.receives for message in messages} == {1}
    assert abs(messages[0].sent_s - datetime.now(UTC).timestamp()) < 120
    assert (await queues.size(queue)).in_flight == 2
    assert await queues.hide(queue, {message.receipt: 0 for message in messages}) == []
    again = await drain(queues, queue)
    assert {message.receives for message in again} == {2}
    assert (await queues.size(queue)).all == 0
    with pytest.raises(RequestRefusedError):
        await queues.size("no-such-queue")


async def test_the_bus_reaches_the_queue(aws: AwsClient, queue: str) -> None:
    events = [event(str(number), "ä\ufffe" * (15_000 if number % 9 == 0 else 1)) for number in range(40)]
    await SnsBus(Topics(aws), topic_prefix()).publish([*bundle(events), *events[:15]])
    got = await drain(Queues(aws), queue)
    had = [event_id for message in got for event_id, _ in events_of(message.body)]
    assert sorted(had) == sorted(each.event_id for each in [*events, *events[:15]])
    for message in got:
        inside = events_of(message.body)
        assert message.attributes["type"] == "souk.BookRead.v1"
        assert int(message.attributes["count"]) == len(inside)
        assert message.attributes["traceparent"].startswith("00-")


async def test_a_topic_that_is_not_there(aws: AwsClient, queue: str) -> None:
    with pytest.raises(PublishDeferredError) as caught:
        await SnsBus(Topics(aws), topic_prefix() + "no-").publish([event("a")])
    assert isinstance(caught.value.fault, RequestRefusedError)


async def test_dead_letters_are_buried_shown_and_put_back(aws: AwsClient, queue: str) -> None:
    books = SqsQueues(Queues(aws), [queue])
    events = [event(str(number)) for number in range(13)]
    for each in events:
        await books.bury(queue, each.json, "no such book", 5)
    [state] = await books.queue_states([queue])
    assert (state.waiting, state.dead) == (0, 13)
    for _ in range(2):
        letters = await books.dead_letters(100)
        assert {letter.event_id for letter in letters} == {each.event_id for each in events}
        assert {(letter.reason, letter.attempts, letter.type) for letter in letters} == {
            ("no such book", 5, "souk.BookRead.v1")
        }
    assert await books.redrive(queue) == 13
    assert len(await drain(Queues(aws), queue)) == 13
    assert (await books.queue_states([queue]))[0].dead == 0


async def test_secrets(aws: AwsClient) -> None:
    name = f"souk/{secrets.token_hex(4)}/key"
    await aws.json(SECRETS_MANAGER, "CreateSecret", {"Name": name, "SecretString": "ä"})
    assert await Secrets(aws).value(name) == "ä".encode()
    with pytest.raises(RequestRefusedError, match="ResourceNotFoundException"):
        await Secrets(aws).value("souk/none")


CODE = """
def handler(event, context):
    if event.get("fail"):
        raise ValueError("asked to")
    return {"got": event}
"""


async def test_functions(aws: AwsClient) -> None:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as package:
        package.writestr("echo.py", CODE)
    name = f"echo-{secrets.token_hex(4)}"
    create = {
        "FunctionName": name,
        "Runtime": "python3.13",
        "Handler": "echo.handler",
        "Role": f"arn:aws:iam::{ACCOUNT}:role/echo",
        "Code": {"ZipFile": base64.b64encode(archive.getvalue()).decode()},
    }
    await aws.rest(LAMBDA, "POST", "/2015-03-31/functions", msgspec.json.encode(create), timeout_s=30.0)
    functions = Functions(aws)

    async def active() -> bool:
        answer = await aws.rest(LAMBDA, "GET", f"/2015-03-31/functions/{name}")
        return b'"Active"' in answer.body

    await until(active, 60.0)
    arn = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{name}"
    for called in (name, arn):
        invoked = await functions.invoke(called, b'{"a": 1}', timeout_s=60.0)
        assert (msgspec.json.decode(invoked.payload), invoked.function_error) == ({"got": {"a": 1}}, "")
    failed = await functions.invoke(name, b'{"fail": true}', timeout_s=60.0)
    assert failed.function_error == "Unhandled"
    assert b"asked to" in failed.payload
    with pytest.raises(RequestRefusedError, match="ResourceNotFoundException"):
        await functions.invoke("no-such-function", b"{}")
    await aws.rest(LAMBDA, "DELETE", f"/2015-03-31/functions/{name}")


async def test_dynamodb(aws: AwsClient) -> None:
    client = HttpDynamoClient(aws)
    assert "TableNames" in await client.call("ListTables", {})
    with pytest.raises(RequestRefusedError, match="ResourceNotFoundException"):
        await client.call("GetItem", {"TableName": "None", "Key": {"id": {"S": "a"}}})


async def test_answers_of_the_query_protocol(aws: AwsClient, queue: str) -> None:
    answer = await aws.query(SNS, "ListTopics", {})
    assert {"TopicArn": topic_prefix() + "book-read"} in members(answer, "Topics")
