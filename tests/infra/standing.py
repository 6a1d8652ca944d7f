"""What stands in the emulator's account, by asking each service."""

import json
import re
import urllib.request
from collections.abc import Callable
from typing import Any

from souk_topologies.aws_local.emulator import REGION

Asked = tuple[str, str, dict[str, str], bytes]


def standing(url: str) -> list[str]:
    """What stands in the emulator's account, by kind and name. Keys that wait to be deleted don't count."""
    return [f"{kind} {name}" for kind, (asked, names) in LISTINGS.items() for name in names(_ask(url, asked))]


def _ask(url: str, asked: Asked) -> str:
    service, path, headers, body = asked
    scope = f"Credential=test/20260101/{REGION}/{service}/aws4_request, SignedHeaders=host, Signature=0"
    request = urllib.request.Request(url + path, data=body or None, headers=headers)
    request.add_header("Authorization", f"AWS4-HMAC-SHA256 {scope}")
    with urllib.request.urlopen(request, timeout=20) as answer:
        return str(answer.read().decode())


def _json(service: str, target: str, version: str = "1.1") -> Asked:
    headers = {"X-Amz-Target": target, "Content-Type": f"application/x-amz-json-{version}"}
    return service, "/", headers, b"{}"


def _query(service: str, action: str) -> Asked:
    return service, "/", {"Content-Type": "application/x-www-form-urlencoded"}, f"Action={action}".encode()


def _in_json(member: str, key: str | None = None) -> Callable[[str], list[str]]:
    def names(text: str) -> list[str]:
        found: list[Any] = json.loads(text).get(member) or []
        return [str(entry if key is None else entry[key]) for entry in found]

    return names


def _in_xml(element: str) -> Callable[[str], list[str]]:
    return lambda text: re.findall(f"<{element}>([^<]+)</{element}>", text)


LISTINGS: dict[str, tuple[Asked, Callable[[str], list[str]]]] = {
    "table": (_json("dynamodb", "DynamoDB_20120810.ListTables", "1.0"), _in_json("TableNames")),
    "queue": (_json("sqs", "AmazonSQS.ListQueues", "1.0"), _in_json("QueueUrls")),
    "topic": (_query("sns", "ListTopics"), _in_xml("TopicArn")),
    "subscription": (_query("sns", "ListSubscriptions"), _in_xml("SubscriptionArn")),
    "function": (("lambda", "/2015-03-31/functions/", {}, b""), _in_json("Functions", "FunctionName")),
    "mapping": (("lambda", "/2015-03-31/event-source-mappings/", {}, b""), _in_json("EventSourceMappings", "UUID")),
    "role": (_query("iam", "ListRoles"), _in_xml("RoleName")),
    "log group": (_json("logs", "Logs_20140328.DescribeLogGroups"), _in_json("logGroups", "logGroupName")),
    "secret": (_json("secretsmanager", "secretsmanager.ListSecrets"), _in_json("SecretList", "Name")),
    "alias": (_json("kms", "TrentService.ListAliases"), _in_json("Aliases", "AliasName")),
    "rule": (_json("events", "AWSEvents.ListRules"), _in_json("Rules", "Name")),
    "alarm": (_query("monitoring", "DescribeAlarms"), _in_xml("AlarmName")),
    "api": (("apigateway", "/v2/apis", {}, b""), _in_json("items", "apiId")),
    "bucket": (("s3", "/", {}, b""), _in_xml("Name")),
}
"""How to ask for all of a kind, and how to read the names from the answer."""
