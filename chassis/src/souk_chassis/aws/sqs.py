"""SQS: its calls in plain values (its API reference; JSON protocol)."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from souk_chassis.aws.batches import Attributed, Failed, data_type
from souk_chassis.aws.client import AwsClient
from souk_chassis.aws.services import SQS
from souk_chassis.aws.transport import CALL_TIMEOUT_S

MAX_HIDDEN_S = 43_200
"""The longest that a message can be hidden: SQS's own limit."""


class Received(msgspec.Struct, frozen=True):
    """A message out of a queue. `receipt` names this delivery of it, `receives` counts them from 1; `sent_s` is as of
    `time.time`."""

    message_id: str
    receipt: str
    body: str
    attributes: Mapping[str, str]
    receives: int
    sent_s: float


class QueueSize(msgspec.Struct, frozen=True):
    """Messages of a queue, as SQS estimates them: those that wait, those that somebody has in hand, those put off."""

    waiting: int
    in_flight: int
    delayed: int

    @property
    def all(self) -> int:
        """All that are in it."""
        return self.waiting + self.in_flight + self.delayed


class Queues:
    """The queues of a region, by name. Each method is one call, and raises as `AwsClient.json` does."""

    def __init__(self, aws: AwsClient) -> None:
        self._aws = aws
        self._urls: dict[str, str] = {}

    async def url(self, queue: str) -> str:
        """The address of a queue, asked for once. Raises `RequestRefusedError` where there is none."""
        if queue not in self._urls:
            answer = await self._aws.json(SQS, "GetQueueUrl", {"QueueName": queue}, repeatable=True)
            self._urls[queue] = str(answer["QueueUrl"])
        return self._urls[queue]

    async def send(self, queue: str, messages: Sequence[Attributed]) -> list[Failed]:
        """Send at most 10 messages, 262,144 bytes together. Returns those that were not taken."""
        entries = [
            {"Id": str(place), "MessageBody": message.body, "MessageAttributes": _attributes(message)}
            for place, message in enumerate(messages)
        ]
        return _failed(await self._call("SendMessageBatch", queue, {"Entries": entries}))

    async def receive(
        self, queue: str, limit: int = 10, *, hidden_s: int | None = None, wait_s: int = 0
    ) -> list[Received]:
        """Take at most `limit` messages (1 to 10) in hand: they are hidden from others for `hidden_s`, the queue's own
        time if None. Waits up to `wait_s` (0 to 20) for the first; without, SQS looks at a part of the queue."""
        request: dict[str, Any] = {
            "MaxNumberOfMessages": limit,
            "WaitTimeSeconds": wait_s,
            "MessageAttributeNames": ["All"],
            "MessageSystemAttributeNames": ["ApproximateReceiveCount", "SentTimestamp"],
        }
        if hidden_s is not None:
            request["VisibilityTimeout"] = hidden_s
        answer = await self._call("ReceiveMessage", queue, request, timeout_s=CALL_TIMEOUT_S + wait_s)
        return [_received(message) for message in answer.get("Messages") or ()]

    async def delete(self, queue: str, receipts: Sequence[str]) -> list[Failed]:
        """Remove at most 10 messages in hand. Returns those that were not removed."""
        entries = [{"Id": str(place), "ReceiptHandle": receipt} for place, receipt in enumerate(receipts)]
        return _failed(await self._call("DeleteMessageBatch", queue, {"Entries": entries}, repeatable=True))

    async def hide(self, queue: str, hidden_s: Mapping[str, int]) -> list[Failed]:
        """Hide at most 10 messages in hand, by receipt, for so many seconds from now (0 to 43,200); 0 gives them back.
        Returns those that were not."""
        entries = [
            {"Id": str(place), "ReceiptHandle": receipt, "VisibilityTimeout": seconds}
            for place, (receipt, seconds) in enumerate(hidden_s.items())
        ]
        request = {"Entries": entries}
        return _failed(await self._call("ChangeMessageVisibilityBatch", queue, request, repeatable=True))

    async def size(self, queue: str) -> QueueSize:
        """How many messages there are, approximately: SQS's own word."""
        names = [f"ApproximateNumberOfMessages{part}" for part in ("", "NotVisible", "Delayed")]
        answer = await self._call("GetQueueAttributes", queue, {"AttributeNames": names}, repeatable=True)
        found = answer.get("Attributes") or {}
        return QueueSize(*(int(found.get(name, 0)) for name in names))

    async def _call(
        self,
        operation: str,
        queue: str,
        request: Mapping[str, Any],
        *,
        repeatable: bool = False,
        timeout_s: float | None = None,
    ) -> dict[str, Any]:
        full = {"QueueUrl": await self.url(queue), **request}
        return await self._aws.json(SQS, operation, full, repeatable=repeatable, timeout_s=timeout_s)


def _attributes(message: Attributed) -> dict[str, dict[str, str]]:
    return {
        name: {"DataType": data_type(value), "StringValue": str(value)} for name, value in message.attributes.items()
    }


def _received(message: Mapping[str, Any]) -> Received:
    system = message.get("Attributes") or {}
    told = message.get("MessageAttributes") or {}
    return Received(
        message["MessageId"],
        message["ReceiptHandle"],
        message["Body"],
        {name: value["StringValue"] for name, value in told.items() if "StringValue" in value},
        int(system.get("ApproximateReceiveCount", 1)),
        int(system.get("SentTimestamp", 0)) / 1000,
    )


def _failed(answer: Mapping[str, Any]) -> list[Failed]:
    return [
        Failed(int(one["Id"]), str(one.get("Code", "")), str(one.get("Message", "")), bool(one.get("SenderFault")))
        for one in answer.get("Failed") or ()
    ]
