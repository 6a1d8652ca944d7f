"""AWS in this process, as far as functions ask for it: the model of DynamoDB, and queues, topics, functions, secrets
and mails of the simplest kind. Nothing is refused; all is written down."""

import asyncio
import json
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from souk_chassis.auth.keys import SigningKey, jwks
from souk_chassis.aws.client import AwsClient
from souk_chassis.aws.transport import HttpRequest, HttpResponse
from souk_chassis.ids import uuid7
from souk_chassis.storage.dynamodb.client import DynamoClient
from souk_chassis.testing.dynamodb_model import DynamoModel
from souk_chassis.wire import encode
from souk_topologies.shop import manifests
from tests.permissions import declared
from tests.permissions.actions import grants_of, on_tables
from tests.permissions.stage import Stage, recording

PUBLISHED = b"<PublishBatchResponse><PublishBatchResult/></PublishBatchResponse>"
INVOKE_S = 20.0


class WatchedModel:
    """The model of DynamoDB, as a client that writes down what it is asked for."""

    def __init__(self, model: DynamoModel) -> None:
        self._model = model

    async def call(self, operation: str, request: Mapping[str, Any]) -> dict[str, Any]:
        """See `DynamoClient`."""
        record = recording.get()
        if record is not None:
            record.asked |= on_tables(operation, request)
        return await self._model.call(operation, request)

    async def close(self) -> None:
        """See `DynamoClient`."""


class ModelOfAws:
    """A `Place` and a `Transport` in one."""

    def __init__(self, keys: Mapping[str, SigningKey], folder: Path) -> None:
        self.keys = keys
        self.transport = self
        self._folder = folder
        self._functions = declared.functions(keys)
        tables = [table for service in manifests().values() for table in service.tables]
        self._dynamo = WatchedModel(DynamoModel(tables))
        self._queues: dict[str, dict[str, Mapping[str, Any]]] = defaultdict(dict)

    def environment(self, function: str) -> Mapping[str, str]:
        """See `Place`."""
        return {
            **self._functions[function]["environment"],
            "AWS_REGION": "eu-west-1",
            "LAMBDA_TASK_ROOT": str(self._folder),
            "SOUK_JWKS": encode(jwks(self.keys.values())).decode(),
            "SOUK_TOPICS": "arn:aws:sns:eu-west-1:000000000000:",
        }

    def credentials(self, function: str) -> Mapping[str, str]:
        """See `Place`."""
        return self.owner()

    def owner(self) -> Mapping[str, str]:
        """See `Place`."""
        return {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}

    def make_dynamo(self, _: AwsClient) -> DynamoClient:
        """See `Place`."""
        return self._dynamo

    async def send(self, request: HttpRequest) -> HttpResponse:
        """See `Transport`."""
        grants = grants_of(request)
        record = recording.get()
        if record is not None:
            record.asked |= grants
        await asyncio.sleep(0)
        [(action, resource)] = grants
        return HttpResponse(200, {}, await self._answer(action, resource, request))

    async def close(self) -> None:
        """See `Transport`."""

    async def _answer(self, action: str, resource: str, request: HttpRequest) -> bytes:
        name = resource.partition("/")[2]
        if action == "lambda:InvokeFunction":
            stage = Stage(self, name, iter(()))
            return encode(await asyncio.to_thread(stage.prepare, name, json.loads(request.body)))
        if action == "secretsmanager:GetSecretValue":
            return encode({"SecretString": self.keys[name].pem.decode()})
        if action == "sns:Publish":
            return PUBLISHED
        if action == "ses:SendEmail":
            return encode({"MessageId": "1"})
        return encode(self._on_queue(action, resource, json.loads(request.body)))

    def _on_queue(self, action: str, resource: str, request: Mapping[str, Any]) -> dict[str, Any]:
        kind, _, name = resource.partition("/")
        letters = self._queues[resource]
        if action == "sqs:GetQueueUrl":
            return {"QueueUrl": f"http://sqs/000000000000/{name}{'-dlq' if kind == 'dead-letters' else ''}"}
        if action == "sqs:GetQueueAttributes":
            return {"Attributes": {"ApproximateNumberOfMessages": str(len(letters))}}
        if action == "sqs:SendMessage":
            letters.update({uuid7(): entry for entry in request["Entries"]})
        elif action == "sqs:DeleteMessage":
            for entry in request["Entries"]:
                letters.pop(entry["ReceiptHandle"], None)
        elif action == "sqs:ReceiveMessage":
            found = list(letters.items())[: request["MaxNumberOfMessages"]]
            return {
                "Messages": [
                    {"MessageId": key, "ReceiptHandle": key, "Body": each["MessageBody"]} for key, each in found
                ]
            }
        return {}
