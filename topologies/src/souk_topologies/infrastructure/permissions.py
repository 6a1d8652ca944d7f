"""What a function or a container may do on AWS and nothing else, from the manifests.

Resources are named by kind and name (`table/Orders`, `queue/orders-stock-reserved`); Terraform makes ARNs of them.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from souk_chassis.manifest import Part, Service
from souk_chassis.storage.dynamodb.schema import Table

Permission = dict[str, Any]

READS = ("GetItem", "BatchGetItem", "Query", "ConditionCheckItem")
WRITES = ("PutItem", "UpdateItem", "DeleteItem", "BatchWriteItem")
"""The actions of DynamoDB that read a table, and those that change it. An index is read by `Query` alone."""


def of_function(service: Service, part: Part, callees: Iterable[str], settings: Mapping[str, str]) -> list[Permission]:
    """What the function may do that is this part of a service. `callees` are the functions that it invokes."""
    uses = service.uses(part)
    return [
        *_tables(*service.tables_of(part)),
        *_of_part(service, part),
        *_calls(callees),
        *(_own_key(service) if uses.signs or uses.calls else ()),
        *_mails(settings if uses.sends_mail else {}),
    ]


def of_container(service: Service, callees: Iterable[str], settings: Mapping[str, str]) -> list[Permission]:
    """What a service's container may do, all parts in one. Its rows are in PostgreSQL, and its key is given to it as
    a secret. `callees` are the functions that it invokes."""
    queues = [service.queue(event) for event in service.consumes]
    return [
        *(_books_of(queues) if queues else ()),
        *_published(service),
        *_heard(queues, "Messages are put into the inbox, and then deleted."),
        *_buried(queues),
        *(_bus_key() if service.publishes or queues else ()),
        *_calls(callees),
        *_mails(settings if any(uses.sends_mail for uses in service.parts.values()) else {}),
    ]


def permission(sid: str, why: str, actions: Sequence[str], *resources: str) -> Permission:
    """One statement of a role's policy, as the inputs have it."""
    return {"sid": sid, "why": why, "actions": list(actions), "resources": list(resources)}


def _tables(reads: Sequence[Table], writes: Sequence[Table]) -> Iterator[Permission]:
    for table in reads:
        yield from _on_table(table, "It reads it.", READS)
    for table in writes:
        yield from _on_table(table, "It reads and changes it.", (*READS, *WRITES))
    if reads or writes:
        yield permission("TablesKey", "Its tables are encrypted with the shop's key.", ["kms:Decrypt"], "key/tables")


def _on_table(table: Table, why: str, actions: Sequence[str]) -> Iterator[Permission]:
    yield permission(_sid(table.name), why, [f"dynamodb:{action}" for action in actions], f"table/{table.name}")
    if table.indexes:
        resources = [f"index/{table.name}/{index.name}" for index in table.indexes]
        yield permission(f"{_sid(table.name)}Indexes", "What its lists are read from.", ["dynamodb:Query"], *resources)


def _of_part(service: Service, part: Part) -> Iterator[Permission]:
    queues = [service.queue(event) for event in service.consumes]
    if part is Part.HTTP and queues:
        yield from _books_of(queues)
        yield from _bus_key()
    if part is Part.EVENTS:
        yield from _streams(service)
        yield from _published(service)
        yield from _heard(queues, "Lambda takes messages as it; what failed it puts off.")
        yield from _found(queues)
        yield from _buried(queues)
        if service.publishes or queues:
            yield from _bus_key()


def _books_of(queues: Sequence[str]) -> Iterator[Permission]:
    """For administrators, who look at queues and try dead letters again."""
    waiting, dead = [f"queue/{name}" for name in queues], [f"dead-letters/{name}" for name in queues]
    found = ["sqs:GetQueueUrl", "sqs:GetQueueAttributes"]
    yield permission("LooksAtQueues", "GET /queues, and the audit.", found, *waiting, *dead)
    yield permission("Redrives", "POST /queues/.../redrive puts dead letters back.", ["sqs:SendMessage"], *waiting)
    moved = ["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:ChangeMessageVisibility"]
    yield permission("TakesDeadLetters", "It shows them, and removes what it put back.", moved, *dead)


def _streams(service: Service) -> Iterator[Permission]:
    for table in service.tables:
        if table.streams:
            # The four that AWS's guide has for it ("IAM policy to allow a Lambda function to access stream records").
            names = ("GetRecords", "GetShardIterator", "DescribeStream", "ListStreams")
            read = [f"dynamodb:{name}" for name in names]
            yield permission("Stream", "Lambda reads the outbox's stream as it.", read, f"stream/{table.name}")


def _published(service: Service) -> Iterator[Permission]:
    topics = [f"topic/{event.topic()}" for event in service.publishes]
    if topics:
        yield permission("Publishes", "The manifest declares the events.", ["sns:Publish"], *topics)


def _heard(queues: Sequence[str], why: str) -> Iterator[Permission]:
    taken = ["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ChangeMessageVisibility"]
    if queues:
        yield permission("Hears", why, taken, *(f"queue/{name}" for name in queues))


def _found(queues: Sequence[str]) -> Iterator[Permission]:
    both = [f"{kind}/{name}" for kind in ("queue", "dead-letters") for name in queues]
    if queues:
        yield permission("FindsQueues", "Messages are put off by the queue's URL.", ["sqs:GetQueueUrl"], *both)


def _buried(queues: Sequence[str]) -> Iterator[Permission]:
    dead = [f"dead-letters/{name}" for name in queues]
    if queues:
        yield permission("Buries", "What can't be done goes there with its reason.", ["sqs:SendMessage"], *dead)


def _bus_key() -> Iterator[Permission]:
    bus = ["kms:Decrypt", "kms:GenerateDataKey"]
    yield permission("BusKey", "Messages are encrypted with the shop's key.", bus, "key/bus")


def _calls(callees: Iterable[str]) -> Iterator[Permission]:
    for callee in callees:
        why = "The manifest declares the call."
        yield permission(f"Calls{_sid(callee)}", why, ["lambda:InvokeFunction"], f"function/{callee}")


def _own_key(service: Service) -> Iterator[Permission]:
    why = "It signs tokens with the service's key."
    yield permission("OwnKey", why, ["secretsmanager:GetSecretValue"], f"secret/{service.name}")
    yield permission("SecretsKey", "The secret is encrypted with the shop's key.", ["kms:Decrypt"], "key/secrets")


def _mails(settings: Mapping[str, str]) -> Iterator[Permission]:
    """Sending by SES, as the address that mails are from: an identity that the account has verified."""
    if settings.get("SOUK_MAIL_TRANSPORT") == "ses":
        sender = settings.get("SOUK_MAIL_FROM", "").rpartition("<")[2].rstrip(">")
        actions = ["ses:SendEmail", "ses:SendRawEmail"]
        yield permission("SendsMail", "It mails customers.", actions, f"identity/{sender}")


def _sid(name: str) -> str:
    return "".join(word[:1].upper() + word[1:] for word in name.split("-"))
