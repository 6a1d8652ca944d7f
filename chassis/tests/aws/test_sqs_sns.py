"""SQS and SNS on the wire: what is asked, and what is made of the answers."""

from typing import Any

import pytest

from souk_chassis.aws.batches import Attributed, Failed
from souk_chassis.aws.client import AwsClient
from souk_chassis.aws.errors import RequestRefusedError
from souk_chassis.aws.sns import Topics
from souk_chassis.aws.sqs import Queues, QueueSize, Received

URL = "https://sqs.eu-west-1.amazonaws.com/123456789012/"


@pytest.fixture
def sqs(aws: AwsClient, stand_in: Any) -> Queues:
    """Queues of a server that knows every one of them, and says to other calls what `stand_in.rest` says."""
    stand_in.rest = lambda _: (200, {})

    def answer(asked: Any) -> tuple[int, Any]:
        known = asked.what.endswith("GetQueueUrl")
        return (200, {"QueueUrl": URL + asked.body["QueueName"]}) if known else stand_in.rest(asked)

    stand_in.answer = answer
    return Queues(aws)


async def test_addresses_are_asked_for_once(sqs: Queues, stand_in: Any) -> None:
    await sqs.delete("one", ["r"])
    await sqs.delete("one", ["r"])
    await sqs.delete("two", ["r"])
    assert stand_in.bodies("GetQueueUrl") == [{"QueueName": "one"}, {"QueueName": "two"}]
    assert [body["QueueUrl"] for body in stand_in.bodies("DeleteMessageBatch")] == [f"{URL}one"] * 2 + [f"{URL}two"]


async def test_a_queue_that_is_not_there_is_a_fault_of_ours(aws: AwsClient, stand_in: Any) -> None:
    stand_in.answer = lambda _: (400, {"__type": "com.amazonaws.sqs#QueueDoesNotExist", "message": "none"})
    with pytest.raises(RequestRefusedError, match="QueueDoesNotExist"):
        await Queues(aws).receive("none")


async def test_sending(sqs: Queues, stand_in: Any) -> None:
    failed = {"Id": "1", "Code": "InternalError", "Message": "busy", "SenderFault": False}
    stand_in.rest = lambda _: (200, {"Successful": [{"Id": "0"}], "Failed": [failed]})
    messages = [Attributed("a", {"type": "t", "count": 3}), Attributed("ä")]
    assert await sqs.send("one", messages) == [Failed(1, "InternalError", "busy", sender_fault=False)]
    attributes = {
        "type": {"DataType": "String", "StringValue": "t"},
        "count": {"DataType": "Number", "StringValue": "3"},
    }
    assert stand_in.bodies("SendMessageBatch")[0]["Entries"] == [
        {"Id": "0", "MessageBody": "a", "MessageAttributes": attributes},
        {"Id": "1", "MessageBody": "ä", "MessageAttributes": {}},
    ]


async def test_receiving(sqs: Queues, stand_in: Any) -> None:
    message = {
        "MessageId": "m",
        "ReceiptHandle": "r",
        "Body": "b",
        "Attributes": {"ApproximateReceiveCount": "2", "SentTimestamp": "1800000000500"},
        "MessageAttributes": {
            "type": {"DataType": "String", "StringValue": "t"},
            "raw": {"DataType": "Binary", "BinaryValue": ""},
        },
    }
    stand_in.rest = lambda _: (200, {"Messages": [message]})
    assert await sqs.receive("one", 5, hidden_s=7, wait_s=1) == [Received("m", "r", "b", {"type": "t"}, 2, 1.8e9 + 0.5)]
    asked = stand_in.bodies("ReceiveMessage")[0]
    assert (asked["MaxNumberOfMessages"], asked["VisibilityTimeout"], asked["WaitTimeSeconds"]) == (5, 7, 1)
    stand_in.rest = lambda _: (200, {})
    assert await sqs.receive("one") == []
    assert "VisibilityTimeout" not in stand_in.bodies("ReceiveMessage")[1]


async def test_removing_and_hiding(sqs: Queues, stand_in: Any) -> None:
    stand_in.rest = lambda _: (200, {"Failed": [{"Id": "0", "Code": "ReceiptHandleIsInvalid", "SenderFault": True}]})
    assert await sqs.delete("one", ["r"]) == [Failed(0, "ReceiptHandleIsInvalid", "", sender_fault=True)]
    assert await sqs.hide("one", {"r": 5, "q": 0}) == [Failed(0, "ReceiptHandleIsInvalid", "", sender_fault=True)]
    assert stand_in.bodies("ChangeMessageVisibilityBatch")[0]["Entries"] == [
        {"Id": "0", "ReceiptHandle": "r", "VisibilityTimeout": 5},
        {"Id": "1", "ReceiptHandle": "q", "VisibilityTimeout": 0},
    ]


async def test_sizes(sqs: Queues, stand_in: Any) -> None:
    told = {"ApproximateNumberOfMessages": "4", "ApproximateNumberOfMessagesNotVisible": "2"}
    stand_in.rest = lambda _: (200, {"Attributes": told | {"ApproximateNumberOfMessagesDelayed": "1"}})
    size = await sqs.size("one")
    assert (size, size.all) == (QueueSize(4, 2, 1), 7)


PUBLISHED = (
    b'<PublishBatchResponse xmlns="http://sns.amazonaws.com/doc/2010-03-31/"><PublishBatchResult><Failed>%b</Failed>'
    b"<Successful><member><Id>0</Id><MessageId>m</MessageId></member></Successful></PublishBatchResult>"
    b"<ResponseMetadata><RequestId>r</RequestId></ResponseMetadata></PublishBatchResponse>"
)


async def test_publishing(aws: AwsClient, stand_in: Any) -> None:
    stand_in.answer = lambda _: (200, PUBLISHED % b"")
    topic = "arn:aws:sns:eu-west-1:123456789012:order-created"
    messages = [Attributed("a&b ä", {"type": "t", "count": 3}), Attributed("c")]
    assert await Topics(aws).publish(topic, messages) == []
    entry = "PublishBatchRequestEntries.member.1"
    assert stand_in.bodies("PublishBatch") == [
        {
            "Action": "PublishBatch",
            "Version": "2010-03-31",
            "TopicArn": topic,
            f"{entry}.Id": "0",
            f"{entry}.Message": "a&b ä",
            f"{entry}.MessageAttributes.entry.1.Name": "type",
            f"{entry}.MessageAttributes.entry.1.Value.DataType": "String",
            f"{entry}.MessageAttributes.entry.1.Value.StringValue": "t",
            f"{entry}.MessageAttributes.entry.2.Name": "count",
            f"{entry}.MessageAttributes.entry.2.Value.DataType": "Number",
            f"{entry}.MessageAttributes.entry.2.Value.StringValue": "3",
            "PublishBatchRequestEntries.member.2.Id": "1",
            "PublishBatchRequestEntries.member.2.Message": "c",
        }
    ]


async def test_what_sns_did_not_take(aws: AwsClient, stand_in: Any) -> None:
    one = "<member><Id>{}</Id><Code>{}</Code><Message>no</Message><SenderFault>{}</SenderFault></member>"
    members = one.format(1, "InternalError", "false") + one.format(2, "InvalidParameter", "true")
    stand_in.answer = lambda _: (200, PUBLISHED % members.encode())
    assert await Topics(aws).publish("arn", [Attributed("x")] * 3) == [
        Failed(1, "InternalError", "no", sender_fault=False),
        Failed(2, "InvalidParameter", "no", sender_fault=True),
    ]
