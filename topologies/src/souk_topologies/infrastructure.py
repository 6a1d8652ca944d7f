"""Terraform's inputs, from the manifests: what each service owns, hears and says on AWS, its functions, and what each
function may do there and nothing else.

Resources are named by kind and name (`table/Orders`, `queue/orders-stock-reserved`); Terraform makes ARNs of them.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from souk_chassis.http.throttle import DEFAULT
from souk_chassis.manifest import Consumer, Part, Service, Uses, allowed_callers
from souk_chassis.operation import AnyOperation
from souk_chassis.storage.dynamodb.schema import Table
from souk_topologies.shop import GATEWAY

PROJECT = "souk"
AUTHORIZER = "authorizer"
MEMORY_MB = 512
"""Memory of each function. Lambda gives processor time by it: a third of a core here."""
HTTP_TIMEOUT_S = 29
CALLS_TIMEOUT_S = 15
EVENTS_TIMEOUT_S = 60
AUTHORIZER_TIMEOUT_S = 5
"""How long each kind of function may run, in seconds. API Gateway waits for 30."""
BATCH_MESSAGES = 10
"""Messages that a function is given at once: each may bring up to 128 events."""
CONCURRENCY = 10
"""Invocations of one queue at once."""
SCHEDULE = "rate(1 minute)"

Permission = dict[str, Any]


def terraform_inputs(
    services: Sequence[Service], jwks: Mapping[str, Any], settings: Mapping[str, Mapping[str, str]] | None = None
) -> dict[str, Any]:
    """The inputs of `infra/terraform`. `settings` are variables by service, beside those that follow from manifests."""
    callers = {name: sorted(names) for name, names in allowed_callers(services).items()}
    given = settings or {}
    return {
        "project": PROJECT,
        "jwks": dict(jwks),
        "services": {
            each.name: _service(each, {s.name: s for s in services}, callers, given.get(each.name, {}))
            for each in services
        },
        "gateway": {"functions": _edge(services)},
        "throttles": _throttles(services),
    }


def _service(
    service: Service, services: Mapping[str, Service], callers: Mapping[str, Sequence[str]], settings: Mapping[str, str]
) -> dict[str, Any]:
    parts = [part for part in Part if part is not Part.CALLS or service.is_called]
    return {
        "label": service.label,
        "runtime": "lambda",
        "tables": {table.name: _table(table) for table in service.tables},
        "publishes": [event.topic() for event in service.publishes],
        "queues": {service.queue(event): _queue(event.topic(), to) for event, to in service.consumes.items()},
        "functions": {
            ("api" if part is Part.HTTP else part.value): _function(service, part, services, callers, settings)
            for part in parts
        },
        "schedule": SCHEDULE,
    }


def _table(table: Table) -> dict[str, Any]:
    return {
        "hash_key": table.hash_key,
        "range_key": table.range_key,
        "indexes": [
            {
                "name": index.name,
                "hash_key": index.hash_key,
                "range_key": index.range_key,
                "projection": "ALL" if index.whole else "KEYS_ONLY",
            }
            for index in table.indexes
        ],
        "expires": table.expires,
        "streams": table.streams,
    }


def _queue(topic: str, consumer: Consumer) -> dict[str, Any]:
    return {
        "topic": topic,
        "attempts": consumer.attempts,
        "batch": BATCH_MESSAGES,
        "concurrency": CONCURRENCY,
    }


def _function(
    service: Service,
    part: Part,
    services: Mapping[str, Service],
    callers: Mapping[str, Sequence[str]],
    settings: Mapping[str, str],
) -> dict[str, Any]:
    uses = service.parts[part]
    offered = {operation.name for operation in service.implements}
    environment = {
        **settings,
        "SOUK_PART": part.value,
        "SOUK_BOOTSTRAP": f"souk_{service.name}.bootstrap",
        "SOUK_CALLERS": json.dumps({name: names for name, names in callers.items() if name in offered}),
        "SOUK_FUNCTIONS": json.dumps(_callees(uses.calls, services)),
    }
    if _signs(uses):
        environment["SOUK_KEY_SECRET"] = f"{PROJECT}/{service.name}/key"
    if service.name == "orders":
        environment["SOUK_MAX_OPEN_ORDERS"] = "0"  # the queues are SQS's, which take any backlog
    timeouts = {Part.HTTP: HTTP_TIMEOUT_S, Part.CALLS: CALLS_TIMEOUT_S, Part.EVENTS: EVENTS_TIMEOUT_S}
    return {
        "name": service.function(part),
        "memory_mb": MEMORY_MB,
        "timeout_s": timeouts[part],
        "package": f"{service.name}.zip",
        "environment": environment,
        "permissions": [*_permissions(service, part, services), *_mails(uses, settings)],
    }


def _mails(uses: Uses, settings: Mapping[str, str]) -> Iterator[Permission]:
    """Sending by SES, as the address that mails are from: an identity that the account has verified."""
    if uses.sends_mail and settings.get("SOUK_MAIL_TRANSPORT") == "ses":
        sender = settings.get("SOUK_MAIL_FROM", "").rpartition("<")[2].rstrip(">")
        actions = ["ses:SendEmail", "ses:SendRawEmail"]
        yield _permission("SendsMail", "It mails customers.", actions, f"identity/{sender}")


def _callees(calls: Sequence[AnyOperation], services: Mapping[str, Service]) -> dict[str, str]:
    return {operation.service: services[operation.service].function(Part.CALLS) for operation in calls}


def _signs(uses: Uses) -> bool:
    return uses.signs or bool(uses.calls)


def _permissions(service: Service, part: Part, services: Mapping[str, Service]) -> Iterator[Permission]:
    uses = service.parts[part]
    for table, actions in uses.tables.items():
        yield from _on_table(table, actions.split())
    if uses.tables:
        yield _permission("TablesKey", "Its tables are encrypted with the shop's key.", ["kms:Decrypt"], "key/tables")
    queues = [service.queue(event) for event in service.consumes]
    if part is Part.HTTP and queues:
        yield from _books_of(queues)
    if part is Part.EVENTS:
        yield from _of_events(service, queues)
    for callee in dict.fromkeys(_callees(uses.calls, services).values()):
        why = "The manifest declares the call."
        yield _permission(f"Calls{_sid(callee)}", why, ["lambda:InvokeFunction"], f"function/{callee}")
    if _signs(uses):
        why = "It signs tokens with the service's key."
        yield _permission("OwnKey", why, ["secretsmanager:GetSecretValue"], f"secret/{service.name}")
        yield _permission("SecretsKey", "The secret is encrypted with the shop's key.", ["kms:Decrypt"], "key/secrets")


def _on_table(table: Table, actions: Sequence[str]) -> Iterator[Permission]:
    plain = [f"dynamodb:{action}" for action in actions if ":" not in action]
    if plain:
        yield _permission(_sid(table.name), "What its store does.", plain, f"table/{table.name}")
    indexes = [action.partition(":")[2] for action in actions if ":" in action]
    if indexes:
        resources = [f"index/{table.name}/{index}" for index in indexes]
        yield _permission(f"{_sid(table.name)}Indexes", "What its lists are read from.", ["dynamodb:Query"], *resources)


def _books_of(queues: Sequence[str]) -> Iterator[Permission]:
    """For administrators, who look at queues and try dead letters again."""
    waiting, dead = [f"queue/{name}" for name in queues], [f"dead-letters/{name}" for name in queues]
    found = ["sqs:GetQueueUrl", "sqs:GetQueueAttributes"]
    yield _permission("LooksAtQueues", "GET /queues, and the audit.", found, *waiting, *dead)
    yield _permission("Redrives", "POST /queues/.../redrive puts dead letters back.", ["sqs:SendMessage"], *waiting)
    moved = ["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:ChangeMessageVisibility"]
    yield _permission("TakesDeadLetters", "It shows them, and removes what it put back.", moved, *dead)
    bus = ["kms:Decrypt", "kms:GenerateDataKey"]
    yield _permission("BusKey", "Messages are encrypted with the shop's key.", bus, "key/bus")


def _of_events(service: Service, queues: Sequence[str]) -> Iterator[Permission]:
    for table in service.tables:
        if table.streams:
            # The four that AWS's guide has for it ("IAM policy to allow a Lambda function to access stream records").
            names = ("GetRecords", "GetShardIterator", "DescribeStream", "ListStreams")
            read = [f"dynamodb:{name}" for name in names]
            yield _permission("Stream", "Lambda reads the outbox's stream as it.", read, f"stream/{table.name}")
    topics = [f"topic/{event.topic()}" for event in service.publishes]
    if topics:
        yield _permission("Publishes", "The manifest declares the events.", ["sns:Publish"], *topics)
    if queues:
        waiting, dead = [f"queue/{name}" for name in queues], [f"dead-letters/{name}" for name in queues]
        taken = ["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ChangeMessageVisibility"]
        yield _permission("Hears", "Lambda takes messages as it; what failed it puts off.", taken, *waiting)
        yield _permission(
            "FindsQueues", "Messages are put off by the queue's URL.", ["sqs:GetQueueUrl"], *waiting, *dead
        )
        yield _permission("Buries", "What can't be done goes there with its reason.", ["sqs:SendMessage"], *dead)
    if topics or queues:
        bus = ["kms:Decrypt", "kms:GenerateDataKey"]
        yield _permission("BusKey", "Messages are encrypted with the shop's key.", bus, "key/bus")


def _edge(services: Sequence[Service]) -> dict[str, Any]:
    asked = {service.name: service.function(Part.HTTP) for service in services}
    why = "GET /ready asks each service."
    functions = [f"function/{name}" for name in asked.values()]
    return {
        GATEWAY: {
            "name": GATEWAY,
            "memory_mb": MEMORY_MB,
            "timeout_s": HTTP_TIMEOUT_S,
            "package": "edge.zip",
            "environment": {"SOUK_PART": "gateway", "SOUK_FUNCTIONS": json.dumps(asked)},
            "permissions": [_permission("AsksServices", why, ["lambda:InvokeFunction"], *functions)],
        },
        AUTHORIZER: {
            "name": AUTHORIZER,
            "memory_mb": MEMORY_MB,
            "timeout_s": AUTHORIZER_TIMEOUT_S,
            "package": "edge.zip",
            "environment": {"SOUK_PART": "authorizer"},
            "permissions": [],
        },
    }


def _throttles(services: Sequence[Service]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for service in services:
        for operation in service.implements:
            if operation.route is not None and operation.throttle is not None:
                key = f"{operation.route.method} {operation.route.path}"
                found[key] = {"rate": operation.throttle.rate_per_s, "burst": operation.throttle.burst}
    return found | {"default": {"rate": DEFAULT.rate_per_s, "burst": DEFAULT.burst}}


def _permission(sid: str, why: str, actions: Sequence[str], *resources: str) -> Permission:
    return {"sid": sid, "why": why, "actions": list(actions), "resources": list(resources)}


def _sid(name: str) -> str:
    return "".join(word[:1].upper() + word[1:] for word in name.split("-"))
