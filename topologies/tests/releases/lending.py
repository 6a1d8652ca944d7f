"""Two small services whose contracts a test changes: books lends, readers calls it and hears of it."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from souk_chassis.events.event import Event
from souk_chassis.manifest import Consumer, Part, Service, Uses
from souk_chassis.operation import POST, Access, AnyOperation, Operation
from souk_chassis.record import Listed, Record, Unique
from souk_chassis.storage.dynamodb.schema import Index, Table
from souk_chassis.storage.migrations import Migration
from souk_chassis.wire import Lenient, Message
from souk_topologies.releases.comparison import findings
from souk_topologies.releases.model import Release
from souk_topologies.releases.present import CHASSIS, describe
from souk_topologies.releases.sources import Finding, Sources

Fields = Mapping[str, Any]
"""By name: a type, or a type with its default."""
REQUEST: Fields = {"book_id": str, "days": (int, 14)}
ANSWER: Fields = {"book_id": str, "due": str, "note": (str, "")}
EVENT: Fields = {"book_id": str, "days": int}
OLD = "0.1.0"
NOWHERE = Sources(Path("/nowhere"))


def struct(base: type, name: str, fields: Fields | type, **config: Any) -> Any:
    """A type of these fields; one that is given stays as it is."""
    if isinstance(fields, type):
        return fields
    columns = [(field, *kind) if isinstance(kind, tuple) else (field, kind) for field, kind in fields.items()]
    return msgspec.defstruct(name, columns, bases=(base,), frozen=True, kw_only=True, **config)


BY_READER = Listed("reader", newest_first="loan_id")
LOAN: Fields = {"loan_id": str, "reader": str, "place": str, "days": (int, 14)}


class Shelf(Record, key="shelf_id", plural="Shelves"):
    """A record that nothing else is said of."""

    shelf_id: str


def loan(
    fields: Fields | None = None,
    *,
    without: Sequence[str] = (),
    key: str = "loan_id",
    expires: str = "",
    lists: Mapping[str, Listed] | None = None,
    unique: Mapping[str, Unique] | None = None,
) -> Any:
    """A record of books."""
    kinds = {name: kind for name, kind in {**LOAN, **(fields or {})}.items() if name not in without}
    told = {name: kind if not isinstance(kind, tuple) else kind[0] for name, kind in kinds.items()}
    given = {name: kind[1] for name, kind in kinds.items() if isinstance(kind, tuple)}
    lists = {"by_reader": BY_READER} if lists is None else lists
    unique = {"by_place": Unique("place")} if unique is None and "place" in kinds else unique or {}
    namespace = {"__annotations__": told, **given, **lists, **unique, "__module__": __name__}
    return type(Record)("Loan", (Record,), namespace, key=key, expires=expires)


async def _handle(*_: Any) -> None: ...


HEARS = Consumer(_handle)


def event(name: str = "BookLent", fields: Fields = EVENT, **namespace: Any) -> Any:
    """A type of event."""
    return struct(Event, name, fields, namespace=namespace)


def lend(request: Fields | type = REQUEST, answer: Fields | type = ANSWER, **declared: Any) -> AnyOperation:
    """What readers call."""
    kinds = {"request": struct(Message, "Lend", request), "response": struct(Lenient, "Loan", answer)}
    return Operation(
        **{"name": "lend", "service": "books", "route": None, "access": Access.SERVICE, "summary": "Lend"}
        | {"idempotent": True}
        | kinds
        | declared
    )


def find(request: Fields | type = REQUEST, answer: Fields | type = ANSWER, **declared: Any) -> AnyOperation:
    """What the public asks."""
    kinds = {"request": struct(Message, "Find", request), "response": struct(Lenient, "Found", answer)}
    return Operation(
        **{"name": "find", "service": "books", "route": POST("/books"), "access": Access.PUBLIC, "summary": "Find"}
        | kinds
        | declared
    )


def table(**changed: Any) -> Table:
    """What books keeps."""
    return Table(
        **{"name": "Books", "hash_key": "bookId", "indexes": (Index("byAge", "a", "b"),), "streams": True} | changed
    )


def books(**changed: Any) -> Service:
    """The service that lends."""
    given = {"owns": [table()], "implements": {lend(): _handle, find(): _handle}}
    return Service("books", **{"label": "book-service"} | given | {"publishes": [event()]} | changed)


def readers(**changed: Any) -> Service:
    """The service that calls and hears."""
    given = {"calls": [lend()], "consumes": {event(): HEARS}} | changed
    parts = {Part.EVENTS: Uses(calls=given.pop("calls"))}
    return Service("readers", **{"label": "reader-service", "parts": parts} | given)


def migrations(**by_service: list[tuple[str, str]]) -> dict[str, list[Migration]]:
    """Files by name and text. Each service has one that is released."""
    given = {name: by_service.get(name, [("0001_first.sql", "SELECT 1;")]) for name in ("books", "readers", CHASSIS)}
    return {name: [Migration(name, file, sql) for file, sql in files] for name, files in given.items()}


def release(*services: Service, version: str = OLD) -> Release:
    """The release that these make, or the two as they are above."""
    return describe(version, services or (books(), readers()), migrations())


def found(new: Release, old: Release | None = None, sources: Sources = NOWHERE) -> list[Finding]:
    """What the check says of the new against the old, or against the two as they are above."""
    return findings(old or release(), new, migrations(), sources)
