"""What the manifests grant to each function, and which of that no exercise can show to be needed."""

from collections.abc import Mapping, Set
from functools import cache
from typing import Any

from souk_chassis.auth.keys import SigningKey, jwks
from souk_chassis.manifest import Part
from souk_chassis.storage.dynamodb.record_rows import table_of
from souk_topologies.aws_local.shop import MAIL_SETTINGS
from souk_topologies.infrastructure import terraform_inputs
from souk_topologies.infrastructure.permissions import READS, WRITES
from souk_topologies.shop import manifests
from tests.permissions.actions import Grant, on_table

POLLS = "Lambda itself takes messages and records, as the function; the emulator does so as nobody."
USED_THROUGH = "AWS asks for it where a service uses the key; the emulator encrypts nothing."
NOT_ASKED: Mapping[Grant, str] = {
    ("dynamodb:DescribeStream", "stream"): POLLS,
    ("dynamodb:GetRecords", "stream"): POLLS,
    ("dynamodb:GetShardIterator", "stream"): POLLS,
    ("dynamodb:ListStreams", "stream"): POLLS,
    ("kms:Decrypt", "key"): USED_THROUGH,
    ("kms:GenerateDataKey", "key"): USED_THROUGH,
    ("logs:CreateLogStream", "log"): "Lambda writes the function's output as it.",
    ("logs:PutLogEvents", "log"): "As above.",
    (
        "ses:SendRawEmail",
        "identity",
    ): "AWS asks for it where SendEmail is given a whole message; the emulator does not.",
    ("sqs:SendMessage", "unrelayed"): "Lambda itself puts there what could not be relayed.",
}
"""Actions by kind of resource that no call of ours asks for, and why they are granted all the same."""
NOT_ASKED_BY_EVENTS: Mapping[Grant, str] = {
    ("sqs:DeleteMessage", "queue"): POLLS,
    ("sqs:GetQueueAttributes", "queue"): POLLS,
    ("sqs:ReceiveMessage", "queue"): POLLS,
}
"""The same for functions that hear events."""


def functions(keys: Mapping[str, SigningKey]) -> dict[str, dict[str, Any]]:
    """What Terraform is told of each function, by its name."""
    inputs = terraform_inputs(list(manifests().values()), jwks(keys.values()), MAIL_SETTINGS)
    parts = [*inputs["services"].values(), inputs["gateway"]]
    return {function["name"]: function for part in parts for function in part["functions"].values()}


@cache
def _kept() -> Mapping[str, str]:
    """The services that keep records, by the records' tables."""
    return {table_of(record).name: name for name, service in manifests().items() for record in service.keeps}


def right_of(grant: Grant) -> Grant:
    """What a grant is part of: reading a table with its indexes, or changing it. The records of a service are granted
    together. Else the grant itself."""
    action, resource = grant
    service, _, name = action.partition(":")
    kinds = {**dict.fromkeys(READS, "reading"), **dict.fromkeys(WRITES, "changing")}
    if service != "dynamodb" or name not in kinds or resource.startswith("stream/"):
        return grant
    table = resource.split("/")[1]
    return kinds[name], f"records/{_kept()[table]}" if table in _kept() else f"table/{table}"


@cache
def granted() -> Mapping[str, frozenset[Grant]]:
    """What each function is granted by the manifests, by its name."""
    return {
        name: frozenset(
            (action, "key" if resource.startswith("key/") else resource)
            for permission in function["permissions"]
            for action in permission["actions"]
            for resource in permission["resources"]
        )
        for name, function in functions({}).items()
    }


def not_asked(function: str, grant: Grant) -> bool:
    """Whether a function's grant is one that no call of ours can ask for."""
    action, resource = grant
    by_kind = action, resource.partition("/")[0]
    return by_kind in NOT_ASKED or (function.endswith(f"-{Part.EVENTS}") and by_kind in NOT_ASKED_BY_EVENTS)


def differences(function: str, asked: Set[Grant]) -> list[str]:
    """What a function asks for and is not granted, and which rights it is granted and does not use."""
    provable = {grant for grant in granted()[function] if not not_asked(function, grant)}
    missing = [f"{action} on {resource} is asked for and not granted" for action, resource in asked - provable]
    used = {right_of(grant) for grant in asked}
    unused = {right_of(grant) for grant in provable} - used
    idle = [f"{action} on {resource} is granted and never asked for" for action, resource in unused]
    return sorted(missing + idle)


def unheard(function: str, heard: Set[str]) -> list[str]:
    """The queues of a function whose handlers no exercise has given an event: what they need is not known. A handler
    of several events needs one of them."""
    queues: dict[Any, list[str]] = {}
    for service in manifests().values():
        if function == service.function(Part.EVENTS):
            for event, consumer in service.consumes.items():
                queues.setdefault(consumer.apply, []).append(service.queue(event))
    return [f"no exercise hears an event of {' or '.join(names)}" for names in queues.values() if not heard & {*names}]


def undeclared(used: Mapping[tuple[str, str], Set[tuple[str, str]]]) -> list[str]:
    """What functions, by service and part, did with tables and are not granted: (table, action[:index]) pairs."""
    services, found = manifests(), []
    for (service, part), did in used.items():
        function = services[service].function(Part(part))
        for table, what in did:
            grant = on_table(table, what)
            if grant not in granted()[function]:
                found.append(f"{function}: {' on '.join(grant)}")
    return sorted(found)
