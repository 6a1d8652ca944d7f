"""The manifest: what a service owns, offers, calls, publishes and consumes, declared once.

OpenAPI, wiring, Terraform's inputs and permissions come from it; the architecture tests compare it with the code, both
ways.
"""

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from enum import StrEnum
from typing import Any

import msgspec

from souk_chassis.events.event import MAX_EVENTS, Event
from souk_chassis.operation import Access, AnyOperation, Operation
from souk_chassis.queues import is_of_queues, queue_operations
from souk_chassis.record import Record, RecordError, schema_of
from souk_chassis.storage.dynamodb.schema import Table, events_table

Implementation = Callable[..., Any]

POSTGRES, DYNAMODB = "postgres", "dynamodb"
STORES = (POSTGRES, DYNAMODB)
"""The engines that a service can be deployed on: PostgreSQL in containers, DynamoDB as functions on AWS."""


class Consumer(msgspec.Struct, frozen=True):
    """How a service hears an event.

    `apply(ctx, unit, deliveries)` does the effect in the unit of work that also acknowledges them. Where a remote call
    is needed, `ask(ctx, deliveries)` runs before, outside any unit of work, and returns an answer or a SoukError for
    each delivery. What was answered goes to `apply(ctx, unit, deliveries, answers)`; the rest is tried again later.
    The deliveries are leased meanwhile. Both functions can run twice.
    """

    apply: Callable[..., Awaitable[None]]
    ask: Callable[..., Awaitable[Sequence[Any]]] | None = None
    batch: int = 512
    """Events in one go; one message may bring more."""
    attempts: int = 5
    ask_s: float = 24.0
    """How long asking for one batch may take, in seconds."""
    pace_s: float = 0.0
    """A round begins at most so often, in seconds: for news that other news may overtake and spare its work. On Lambda
    a batch is gathered for so long, in whole seconds, unless it is full before."""
    loops: int = 1
    """How many batches are asked for at once by one process or one invocation, so that one slow answer does not hold up
    the rest."""
    writes: int = 1
    """Items that the handling of one event writes. Where a unit of work has a limit (DynamoDB: 100 items), the handler
    gets as many events at a time as fit, with the notes that they were had and the outbox; and half of them where they
    write more all the same."""

    def is_full(self, events: int) -> bool:
        """Whether a batch of so many events may have left a message behind for want of room."""
        return events + min(MAX_EVENTS, self.batch) > self.batch


class Part(StrEnum):
    """The parts that a service has where it is functions: each a function, and a role, of its own."""

    HTTP = "http"
    """Answers the public routes."""
    CALLS = "calls"
    """Answers other services, where it has operations for them."""
    EVENTS = "events"
    """Hears events, hands on the outbox, and does the rounds."""


class Uses(msgspec.Struct, frozen=True):
    """What one part does beside what follows from the rest of the manifest: no more is granted to it on AWS.

    Records need nothing here: every part reads those that the service keeps; one that answers other methods than GET,
    or hears events, changes them and publishes. A part that names records in `reads` or `writes` uses these alone.
    """

    reads: Sequence[Table | type[Record]] = ()
    """What it reads and does not change: a table by key or by any of its indexes."""
    writes: Sequence[Table | type[Record]] = ()
    """What it reads and changes. Who publishes beside a table of its own writes the service's `events` table."""
    calls: Sequence[AnyOperation] = ()
    """The operations of other services that it calls. Who calls signs."""
    signs: bool = False
    """Whether it signs tokens of its own."""
    sends_mail: bool = False


class Outside(msgspec.Struct, frozen=True):
    """A server outside the shop that a service speaks to where the shop is set so: else the network does not let it
    out. `setting` is the variable that holds the address."""

    name: str
    ports: Sequence[int]
    setting: str


class Service(msgspec.Struct, frozen=True):
    """One service's declaration. `name` is the plural noun; logs show it as `<singular>-service`.

    Every service has a queue for each event that it consumes, and two operations for them: `queue_operations` adds
    them to `implements`. `owns` are the tables of DynamoDB whose adapters are written by hand.
    """

    name: str
    label: str
    owns: Sequence[Table] = ()
    implements: Mapping[AnyOperation, Implementation] = {}
    keeps: Sequence[type[Record]] = ()
    """The records that it keeps. Their tables follow from them."""
    stores: Sequence[str] = STORES
    """The engines that it is deployed on."""
    publishes: Sequence[type[Event]] = ()
    consumes: Mapping[type[Event], Consumer] = {}
    parts: Mapping[Part, Uses] = {}
    reaches: Sequence[Outside] = ()

    def __post_init__(self) -> None:
        added = queue_operations(self.name, frozenset(self.queue(event) for event in self.consumes if _is_event(event)))
        own = {each: run for each, run in self.implements.items() if not is_of_queues(each)}
        msgspec.structs.force_setattr(self, "implements", {**own, **added})

    @property
    def tables(self) -> tuple[Table, ...]:
        """The tables of DynamoDB that it has and no other service reads or writes."""
        return (*self.owns, *map(_table_of, self.keeps), self.events)

    @property
    def events(self) -> Table:
        """The table of its outbox and its inbox on DynamoDB."""
        return events_table(self.name)

    @property
    def calls(self) -> tuple[AnyOperation, ...]:
        """The operations of other services that any part of it calls."""
        return tuple(dict.fromkeys(operation for uses in self.parts.values() for operation in uses.calls))

    def uses(self, part: Part) -> Uses:
        """What a part says that it does."""
        return self.parts.get(part, Uses())

    def tables_of(self, part: Part) -> tuple[Sequence[Table], Sequence[Table]]:
        """The tables that a part reads, and those that it reads and changes: as it says, and as it follows."""
        said = self.uses(part)
        changes = self._changes(part)
        reads, writes = list(said.reads), list(said.writes)
        if self.keeps and not {*reads, *writes}.intersection(self.keeps):
            (writes if changes else reads).extend(self.keeps if changes or part is not Part.EVENTS else ())
            writes += [self.events] if changes and self.publishes else []
        if part is Part.HTTP:
            reads.append(self.events)  # readiness, and GET /queues/<service>
        if part is Part.EVENTS:
            writes.append(self.events)
        changed = {_table_of(each) for each in writes}
        read = {_table_of(each) for each in reads} - changed
        return [table for table in self.tables if table in read], [table for table in self.tables if table in changed]

    def _changes(self, part: Part) -> bool:
        """Whether a part changes what the service keeps, as far as the manifest shows."""
        if part is Part.EVENTS:
            return bool(self.consumes)
        own = [operation.route for operation in self.implements if not is_of_queues(operation)]
        return part is Part.HTTP and any(route is not None and route.method != "GET" for route in own)

    @property
    def is_called(self) -> bool:
        """Whether it has operations for other services."""
        return any(operation.access is Access.SERVICE for operation in self.implements)

    @property
    def signs(self) -> bool:
        """Whether any part of it needs a signing key: for tokens of its own, or for its calls."""
        return bool(self.calls) or any(uses.signs for uses in self.parts.values())

    def function(self, part: Part) -> str:
        """The name of the function that is this part, such as `order-service-events`."""
        return self.label if part is Part.HTTP else f"{self.label}-{part}"

    def queue(self, event: type[Event]) -> str:
        """The name of the queue in which this service hears `event`, such as `products-order-created`."""
        return f"{self.name}-{event.topic()}"


def _table_of(thing: Table | type[Record]) -> Table:
    """The table of DynamoDB that holds it. What is imported here a service without records does without."""
    if isinstance(thing, Table):
        return thing
    from souk_chassis.storage.dynamodb.record_rows import table_of

    return table_of(thing)


def subscriptions(services: Sequence[Service]) -> dict[str, list[tuple[str, str]]]:
    """Who hears what: event type to the (service, queue) pairs that consume it."""
    heard: dict[str, list[tuple[str, str]]] = {}
    for service in services:
        for event in service.consumes:
            heard.setdefault(event.type_name(), []).append((service.name, service.queue(event)))
    return heard


class ManifestError(ValueError):
    """A manifest that can't be, or that fits no other. `service` is whose; `about` is what in it is wrong."""

    def __init__(self, service: str, about: object, why: str) -> None:
        super().__init__(why)
        self.service = service
        self.about = about


def check_wiring(services: Sequence[Service]) -> None:
    """Raise ManifestError where manifests don't fit: a call that nobody implements, an event that nobody publishes,
    something that two services claim, or that is not of the kind that it is listed as."""
    offered: dict[str, str] = {}
    for service in services:
        _check_kinds(service)
        _check_parts(service)
        for operation in service.implements:
            if operation.name in offered:
                why = f"{operation.name} is implemented by {offered[operation.name]} and by {service.name}"
                raise ManifestError(service.name, operation, why)
            if operation.service != service.name:
                why = f"{operation.name} is declared for {operation.service}, and {service.name} implements it"
                raise ManifestError(service.name, operation, why)
            offered[operation.name] = service.name
    _check_sole(services, lambda service: {table.name: table for table in service.tables}, "owned")
    _check_sole(services, lambda service: {event.type_name(): event for event in service.publishes}, "published")
    published = {event for service in services for event in service.publishes}
    for service in services:
        for operation in service.calls:
            if operation.name not in offered:
                why = f"{service.name} calls {operation.name}, which no service implements"
                raise ManifestError(service.name, operation, why)
        for event in service.consumes:
            if event not in published:
                why = f"{service.name} consumes {event.__name__}, which no service publishes"
                raise ManifestError(service.name, event, why)


def _check_kinds(service: Service) -> None:
    """What is listed is of its kind: a struct takes whatever it is given."""
    listed: Sequence[tuple[str, Iterable[object], str, Callable[[Any], bool]]] = (
        ("owns", service.owns, "table", lambda thing: isinstance(thing, Table)),
        ("keeps", service.keeps, "record", _is_record),
        ("stores", service.stores, f"engine: {', '.join(STORES)}", lambda thing: thing in STORES),
        ("implements", service.implements, "operation", _is_operation),
        ("publishes", service.publishes, "event", _is_event),
        ("consumes", service.consumes, "event", _is_event),
        ("calls", service.calls, "operation", _is_operation),
    )
    for verb, things, kind, is_one in listed:
        for thing in things:
            if not is_one(thing):
                name = getattr(thing, "__name__", None) or repr(thing)
                raise ManifestError(service.name, thing, f"{service.name} {verb} {name}, which is no {kind}")
    for record in service.keeps:
        try:
            schema_of(record)
        except RecordError as error:
            raise ManifestError(
                service.name, record, f"{service.name} keeps a record that is invalid: {error}"
            ) from error


def _is_operation(thing: object) -> bool:
    return isinstance(thing, Operation)


def _is_record(thing: object) -> bool:
    return isinstance(thing, type) and issubclass(thing, Record)


def _is_event(thing: object) -> bool:
    return isinstance(thing, type) and issubclass(thing, Event)


def _check_parts(service: Service) -> None:
    """A part uses no other tables and records than the service's."""
    for part, uses in service.parts.items():
        for thing in (*uses.reads, *uses.writes):
            if thing not in (*service.keeps, *service.owns, service.events):
                name = getattr(thing, "__name__", None) or getattr(thing, "name", repr(thing))
                why = f"{service.name} has no {name}, which its part {part} uses"
                raise ManifestError(service.name, thing, why)


def _check_sole(services: Sequence[Service], claims: Callable[[Service], Mapping[Any, object]], how: str) -> None:
    """What one service claims, no other does."""
    claimed: dict[Any, str] = {}
    for service in services:
        for key, thing in claims(service).items():
            if key in claimed:
                name = getattr(thing, "name", None) or getattr(thing, "__name__", "")
                why = f"{name} is {how} by {claimed[key]} and by {service.name}"
                raise ManifestError(service.name, thing, why)
            claimed[key] = service.name


def allowed_callers(services: Sequence[Service]) -> dict[str, frozenset[str]]:
    """Which services may call an operation: those whose manifest declares the call."""
    callers: dict[str, set[str]] = {}
    for service in services:
        for operation in service.calls:
            callers.setdefault(operation.name, set()).add(service.name)
    return {name: frozenset(names) for name, names in callers.items()}
