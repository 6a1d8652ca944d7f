"""The tree as it is, described as a release would be."""

from collections.abc import Mapping, Sequence
from importlib.resources import files
from typing import Any

import msgspec

from souk_chassis.events.event import Envelope, Event
from souk_chassis.http.problem import Problem
from souk_chassis.manifest import Service, allowed_callers
from souk_chassis.operation import AnyOperation
from souk_chassis.runtimes.lambda_calls import CallAnswer, CallMessage
from souk_chassis.storage.dynamodb.schema import Table
from souk_chassis.storage.migrations import Migration, read_migrations
from souk_chassis.storage.provision import database_name
from souk_topologies.api import api_document
from souk_topologies.releases.forms import form_of
from souk_topologies.releases.model import Release, ReleasedEvent, ReleasedOperation, ReleasedService, Version

CHASSIS = "chassis"
"""Stands among the services for what each of their databases has: the chassis' own migrations."""
PROTOCOL: Mapping[str, Any] = {
    "event": Envelope[msgspec.Raw],
    "problem": Problem,
    "call": CallMessage,
    "call answer": CallAnswer,
}
"""What the chassis writes around requests, responses and events."""
Migrations = Mapping[str, Sequence[Migration]]


def describe(version: Version, services: Sequence[Service], migrations: Migrations) -> Release:
    """The release that these manifests make, with the migrations of each service and of the chassis."""
    callers = {name: sorted(found) for name, found in allowed_callers(services).items()}
    operations = [operation for service in services for operation in service.implements]
    owners = {service.name: _service(service, migrations[service.name]) for service in services}
    return Release(
        version=version,
        operations={each.name: _operation(each, callers.get(each.name, [])) for each in operations},
        events={name: _event(kind, services) for name, kind in _events(services).items()},
        services=owners | {CHASSIS: _chassis(migrations[CHASSIS])},
        protocol={name: form_of(kind) for name, kind in PROTOCOL.items()},
        document=api_document(services),
    )


def migrations_of(names: Sequence[str]) -> dict[str, list[Migration]]:
    """The migrations of these services and of the chassis, as they would be applied."""
    own = {name: read_migrations(name, files(f"souk_{name}").joinpath("migrations")) for name in names}
    return own | {CHASSIS: read_migrations(CHASSIS, files("souk_chassis.storage").joinpath("schema"))}


def _operation(operation: AnyOperation, callers: list[str]) -> ReleasedOperation:
    route = operation.route
    return ReleasedOperation(
        name=operation.name,
        service=operation.service,
        access=operation.access.value,
        route=None if route is None else f"{route.method} {route.path}",
        status=sorted({operation.status, *([201] if operation.may_create else [])}),
        idempotent=operation.idempotent,
        streams=operation.streams,
        token_optional=operation.token_optional,
        headers=dict(operation.headers),
        errors={error.code: error.kind.value for error in operation.errors},
        callers=callers,
        request=form_of(operation.request),
        response=form_of(operation.response),
    )


def _events(services: Sequence[Service]) -> dict[str, type[Event]]:
    kinds = (event for service in services for event in (*service.consumes, *service.publishes))
    return {kind.type_name(): kind for kind in kinds}


def _event(kind: type[Event], services: Sequence[Service]) -> ReleasedEvent:
    name = kind.type_name()
    publishing = {service.name: [each.type_name() for each in service.publishes] for service in services}
    subscription = {
        service.name: {each.type_name(): service.queue(each) for each in service.consumes} for service in services
    }
    return ReleasedEvent(
        type=name,
        topic=kind.topic(),
        published_by=[service for service, names in publishing.items() if name in names],
        heard_by={service: queues[name] for service, queues in subscription.items() if name in queues},
        data=form_of(kind),
    )


def _service(service: Service, migrations: Sequence[Migration]) -> ReleasedService:
    return ReleasedService(
        name=service.name,
        label=service.label,
        databases=[database_name(service.name)],
        tables={table.name: _table(table) for table in service.tables},
        queues=[service.queue(event) for event in service.consumes],
        topics=[event.topic() for event in service.publishes],
        migrations=_checksums(migrations),
    )


def _chassis(migrations: Sequence[Migration]) -> ReleasedService:
    return ReleasedService(
        name=CHASSIS, label="", databases=[], tables={}, queues=[], topics=[], migrations=_checksums(migrations)
    )


def _table(table: Table) -> dict[str, Any]:
    return {
        "keys": list(table.keys),
        "indexes": {index.name: [index.hash_key, index.range_key] for index in table.indexes},
        "streams": table.streams,
    }


def _checksums(migrations: Sequence[Migration]) -> dict[str, str]:
    return {migration.name: migration.checksum for migration in migrations}
