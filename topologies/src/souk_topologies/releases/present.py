"""The tree as it is, described as a release would be."""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from importlib.resources import files
from typing import Any

import msgspec
from msgspec.structs import replace

from souk_chassis import wire
from souk_chassis.events.event import Envelope, Event
from souk_chassis.http.problem import Problem
from souk_chassis.manifest import Service, allowed_callers
from souk_chassis.operation import AnyOperation
from souk_chassis.record_shape import shape_of
from souk_chassis.runtimes.lambda_calls import CallAnswer, CallMessage
from souk_chassis.storage.migrations import Migration, read_migrations
from souk_chassis.storage.provision import database_name
from souk_topologies.api import api_document
from souk_topologies.releases.examples import examples_of
from souk_topologies.releases.forms import form_of
from souk_topologies.releases.model import (
    Release,
    ReleasedEvent,
    ReleasedOperation,
    ReleasedService,
    ReleasedTable,
)

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
_TIME = datetime(2025, 1, 1, tzinfo=UTC)
_ID = "01942000-0000-7000-8000-000000"
_TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def describe(version: str, services: Sequence[Service], migrations: Migrations) -> Release:
    """The release that these manifests make, with the migrations of each service and of the chassis.

    Raises what `forms.form_of` and `examples.examples_of` do.
    """
    callers = {name: sorted(found) for name, found in allowed_callers(services).items()}
    operations = {each.name: each for service in services for each in service.implements}
    kinds = {each.type_name(): each for service in services for each in (*service.consumes, *service.publishes)}
    chassis = Service(CHASSIS, "")
    return Release(
        version=version,
        operations={name: _operation(each, callers.get(name, [])) for name, each in operations.items()},
        events={name: _event(kind, services) for name, kind in kinds.items()},
        services={each.name: _service(each, migrations[each.name]) for each in (*services, chassis)},
        protocol={name: form_of(kind) for name, kind in PROTOCOL.items()},
        routes=_routes_of_the_gateway(services),
        examples={
            "requests": {name: examples_of(each.request) for name, each in operations.items()},
            "responses": {name: examples_of(each.response) for name, each in operations.items()},
            "events": {name: _told(kind, services) for name, kind in kinds.items()},
        },
    )


def migrations_of(names: Sequence[str]) -> dict[str, list[Migration]]:
    """The migrations of these services and of the chassis, as they would be applied."""
    folders = {name: files(f"souk_{name}").joinpath("migrations") for name in names}
    own = {name: read_migrations(name, folder) if folder.is_dir() else [] for name, folder in folders.items()}
    return own | {CHASSIS: read_migrations(CHASSIS, files("souk_chassis.storage").joinpath("schema"))}


def _routes_of_the_gateway(services: Sequence[Service]) -> list[str]:
    named = {
        f"{each.route.method} {each.route.path}" for service in services for each in service.implements if each.route
    }
    paths = api_document(services)["paths"]
    routes = {f"{method.upper()} {path}" for path, methods in paths.items() for method in methods}
    return sorted(routes - named)


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


def _event(kind: type[Event], services: Sequence[Service]) -> ReleasedEvent:
    name = kind.type_name()
    return ReleasedEvent(
        type=name,
        topic=kind.topic(),
        published_by=_publishers(kind, services),
        heard_by={
            each.name: each.queue(kind) for each in services if name in {one.type_name() for one in each.consumes}
        },
        data=form_of(kind),
    )


def _publishers(kind: type[Event], services: Sequence[Service]) -> list[str]:
    name = kind.type_name()
    return [service.name for service in services if name in [each.type_name() for each in service.publishes]]


def _told(kind: type[Event], services: Sequence[Service]) -> list[Any]:
    """Examples of an event, whole."""
    source = f"/souk/{next(iter(_publishers(kind, services)), 'nobody')}"
    event = Envelope[Any](
        id="", source=source, type=kind.type_name(), subject="a", time=_TIME, traceparent=_TRACE, data=None
    )
    told = [replace(event, id=f"{_ID}{at:06}", data=data) for at, data in enumerate(examples_of(kind), 1)]
    return [json.loads(wire.encode(each)) for each in told]


def _service(service: Service, migrations: Sequence[Migration]) -> ReleasedService:
    return ReleasedService(
        name=service.name,
        label=service.label,
        databases=[database_name(service.name)] if service.name != CHASSIS else [],
        tables={
            table.name: ReleasedTable(
                list(table.keys), {each.name: [each.hash_key, each.range_key] for each in table.indexes}, table.streams
            )
            for table in service.tables
        },
        migrations={migration.name: migration.checksum for migration in migrations},
        records=_records(service),
    )


def _records(service: Service) -> dict[str, dict[str, Any]]:
    """What the service keeps by declarations."""
    return {each["name"]: each for each in map(shape_of, service.keeps)}
