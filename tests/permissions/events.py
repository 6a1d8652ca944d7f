"""The events that a function is woken with: what API Gateway, other services, queues and streams send."""

import json
from collections.abc import Mapping
from typing import Any

import msgspec

from souk_chassis import wire
from souk_chassis.auth.identity import Identity, Role
from souk_chassis.auth.keys import SigningKey
from souk_chassis.auth.tokens import CallTokens
from souk_chassis.clock import SystemClock
from souk_chassis.events.event import Envelope, Event, pack
from souk_chassis.ids import uuid7
from souk_chassis.observability.trace import new_traceparent
from souk_chassis.operation import AnyOperation
from souk_chassis.runtimes.lambda_calls import CallMessage
from souk_chassis.storage.dynamodb.values import to_item

ADMIN = {"role": Role.ADMIN.value, "userId": "operator"}
DEADLINE_MS = 10_000
NO_EVENT = "no event"
"""The body of a message that nobody can read."""


def http(
    route: str, body: object = None, *, query: str = "", caller: Mapping[str, str] | None = None, **parameters: str
) -> dict[str, Any]:
    """A request of an administrator, or of `caller`, as API Gateway hands it on (payload 2.0)."""
    method, _, path = route.partition(" ")
    return {
        "version": "2.0",
        "routeKey": route,
        "rawPath": path.format(**parameters),
        "rawQueryString": query,
        "headers": {"content-type": "application/json"} if body is not None else {},
        "pathParameters": parameters,
        "requestContext": {"http": {"method": method}, "authorizer": {"lambda": dict(caller or ADMIN)}},
        "body": None if body is None else json.dumps(body),
        "isBase64Encoded": False,
    }


def with_key(event: dict[str, Any], key: str) -> dict[str, Any]:
    """The request with an idempotency key."""
    return {**event, "headers": {**event["headers"], "idempotency-key": key}}


def answer(event: Mapping[str, Any], status: int) -> Any:
    """The JSON of a function's answer that has this status."""
    assert event["statusCode"] == status, event
    return json.loads(event["body"])


def call(operation: AnyOperation, request: object, caller: SigningKey) -> dict[str, Any]:
    """A call of another service, for nobody in particular."""
    token = CallTokens(caller).token(Identity(Role.ANONYMOUS), operation.service)
    message = CallMessage(operation.name, wire.encode(request).decode(), token, DEADLINE_MS, new_traceparent())
    built: dict[str, Any] = msgspec.to_builtins(message)
    return built


def batch(queue: str, *events: Event, attempt: int = 1) -> dict[str, Any]:
    """Messages of a queue, one an event."""
    packed = [pack(event, source="elsewhere", time=SystemClock().now(), traceparent="") for event in events]
    return messages(queue, *(each.json for each in packed), attempt=attempt)


def messages(queue: str, *bodies: str, attempt: int = 1) -> dict[str, Any]:
    """Messages of a queue by their bodies."""
    return {
        "Records": [
            {
                "eventSource": "aws:sqs",
                "eventSourceARN": f"arn:aws:sqs:eu-west-1:000000000000:{queue}",
                "messageId": uuid7(),
                "receiptHandle": uuid7(),
                "body": body,
                "attributes": {"ApproximateReceiveCount": str(attempt)},
            }
            for body in bodies
        ]
    }


def queues_of(event: Mapping[str, Any]) -> set[str]:
    """The queues that events are from, where it is a batch that has some."""
    return {
        record["eventSourceARN"].rpartition(":")[2]
        for record in event.get("Records", ())
        if record["eventSource"] == "aws:sqs" and record["body"] != NO_EVENT
    }


def outbox(*types: type[Event]) -> dict[str, Any]:
    """What the stream of an events table shows: an item of the outbox with an event of each type."""
    now = SystemClock().now()
    envelopes: list[Envelope[dict[str, Any]]] = [
        Envelope(id=uuid7(), source="/souk/here", type=each.type_name(), subject="1", time=now, data={})
        for each in types
    ]
    row = {"slot": "out#00", "id": envelopes[0].id, "events": [wire.encode(each).decode() for each in envelopes]}
    return {
        "Records": [
            {"eventSource": "aws:dynamodb", "eventName": "INSERT", "dynamodb": {"NewImage": to_item(row)}},
        ]
    }


DONE: Mapping[str, Any] = {"batchItemFailures": []}
"""The answer to a batch of which nothing has to come again."""
