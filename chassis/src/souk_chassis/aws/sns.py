"""SNS: batches to a topic (its API reference, "PublishBatch")."""

from collections.abc import Sequence

from souk_chassis.aws.batches import Attributed, Failed, data_type
from souk_chassis.aws.client import AwsClient
from souk_chassis.aws.services import SNS


class Topics:
    """The topics of a region."""

    def __init__(self, aws: AwsClient) -> None:
        self._aws = aws

    async def publish(self, topic_arn: str, messages: Sequence[Attributed]) -> list[Failed]:
        """Publish at most 10 messages, 262,144 bytes together. Returns those that were not taken.

        Raises as `AwsClient.json`. Of what no answer came for, any part may have been taken.
        """
        parameters = {"TopicArn": topic_arn}
        for place, message in enumerate(messages):
            parameters |= _entry(f"PublishBatchRequestEntries.member.{place + 1}", place, message)
        answer = await self._aws.query(SNS, "PublishBatch", parameters)
        if b"<Failed>" not in answer:  # as nearly always: then no parser is needed
            return []
        from souk_chassis.aws.xml import members

        return [
            Failed(int(one["Id"]), one.get("Code", ""), one.get("Message", ""), one.get("SenderFault") == "true")
            for one in members(answer, "Failed")
        ]


def _entry(prefix: str, place: int, message: Attributed) -> dict[str, str]:
    entry = {f"{prefix}.Id": str(place), f"{prefix}.Message": message.body}
    for number, (name, value) in enumerate(message.attributes.items(), 1):
        attribute = f"{prefix}.MessageAttributes.entry.{number}"
        entry[f"{attribute}.Name"] = name
        entry[f"{attribute}.Value.DataType"] = data_type(value)
        entry[f"{attribute}.Value.StringValue"] = str(value)
    return entry
