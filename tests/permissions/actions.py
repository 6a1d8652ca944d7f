"""Which permissions of IAM a request to AWS asks for: its actions, each with its resource, which is named as in the
inputs of Terraform (`table/Orders`, `queue/orders-stock-reserved`)."""

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from souk_chassis.aws.queues import DEAD_LETTERS
from souk_chassis.aws.transport import HttpRequest
from tests.functions.tables import actions_of

Grant = tuple[str, str]
"""An action and a resource, such as ("dynamodb:GetItem", "table/Orders")."""


def grants_of(request: HttpRequest) -> set[Grant]:
    """What a request of ours needs to be granted. Raises ValueError for one of a service that is not known here."""
    path = unquote(urlsplit(request.url).path)
    service, _, operation = request.headers.get("X-Amz-Target", "").partition(".")
    if service.startswith("DynamoDB"):
        return on_tables(operation, json.loads(request.body))
    if service == "AmazonSQS":
        return {_on_queue(operation, json.loads(request.body))}
    if service == "secretsmanager":
        return {(f"secretsmanager:{operation}", f"secret/{json.loads(request.body)['SecretId'].split('/')[1]}")}
    if path.endswith("/invocations"):
        return {("lambda:InvokeFunction", f"function/{path.split('/')[-2]}")}
    if path.endswith("/outbound-emails"):
        sender = json.loads(request.body)["FromEmailAddress"].rpartition("<")[2].rstrip(">")
        return {("ses:SendEmail", f"identity/{sender}")}
    form = parse_qs(request.body.decode())
    if form.get("Action") == ["PublishBatch"]:
        return {("sns:Publish", f"topic/{form['TopicArn'][0].rpartition(':')[2]}")}
    raise ValueError(f"{request.method} {path} of {service or 'an unknown service'}")


def on_tables(operation: str, request: Mapping[str, Any]) -> set[Grant]:
    """What a call of DynamoDB needs: of a transaction, what each of its items does."""
    return {on_table(table, action) for table, action, _ in actions_of(operation, request)}


def on_table(table: str, what: str) -> Grant:
    """An action on a table (`PutItem`) or on an index of it (`Query:byTime`), as a grant."""
    action, _, index = what.partition(":")
    return f"dynamodb:{action}", f"index/{table}/{index}" if index else f"table/{table}"


def _on_queue(operation: str, request: Mapping[str, Any]) -> Grant:
    name = str(request.get("QueueName") or request["QueueUrl"].rpartition("/")[2])
    action = f"sqs:{operation.removesuffix('Batch')}"
    if name.endswith(DEAD_LETTERS):
        return action, f"dead-letters/{name.removesuffix(DEAD_LETTERS)}"
    return action, f"queue/{name}"


def named(arn: str) -> str:
    """The resource of a policy, named as above; those of KMS and of logs by their kind alone."""
    _, _, service, _, _, resource = arn.split(":", 5)
    if service == "dynamodb":
        _, table, *rest = resource.split("/")
        return (
            f"table/{table}"
            if not rest
            else f"{rest[0]}/{table}/{rest[1]}"
            if rest[0] == "index"
            else f"stream/{table}"
        )
    if service == "sqs":
        if resource.endswith("-unrelayed"):
            return f"unrelayed/{resource.removesuffix('-unrelayed')}"
        dead = resource.endswith(DEAD_LETTERS)
        return f"dead-letters/{resource.removesuffix(DEAD_LETTERS)}" if dead else f"queue/{resource}"
    if service == "secretsmanager":
        return f"secret/{resource.split('/')[1]}"
    kinds = {"sns": f"topic/{resource}", "lambda": resource.replace(":", "/"), "kms": "key", "logs": "log"}
    return kinds.get(service, resource)
