"""Manifests: wiring that does not fit is found before anything starts."""

from typing import Any

import msgspec
import pytest

from souk_chassis.events.event import Event
from souk_chassis.manifest import (
    Consumer,
    ManifestError,
    Part,
    Service,
    Uses,
    allowed_callers,
    check_wiring,
    subscriptions,
)
from souk_chassis.operation import GET, PATCH, POST, Access, AnyOperation, Nothing, Operation, Route
from souk_chassis.record import Listed, Record
from souk_chassis.storage.dynamodb.schema import Table


class OrderCreated(Event, frozen=True, kw_only=True):
    order_id: str


class OrderLost(Event, frozen=True, kw_only=True):
    order_id: str


async def handle(*_: Any) -> None:
    """A handler that does nothing."""


def operation(name: str, service: str) -> AnyOperation:
    return Operation(name, service, None, request=Nothing, response=Nothing, access=Access.SERVICE, summary=name)


class Note(Record, key="note_id"):
    note_id: str
    shelf: str

    by_shelf = Listed("shelf")


class Mark(Record, key="mark_id"):
    mark_id: str


THINGS = Table("Things", "id")
PLACE, QUOTE = operation("place", "orders"), operation("quote", "products")
HEAR = {OrderCreated: Consumer(handle)}


def service(name: str, **declared: Any) -> Service:
    return Service(name, f"{name}-service", **{"implements": {}, **declared})


ASKING = {Part.HTTP: Uses(calls=[QUOTE])}
ORDERS = service("orders", implements={PLACE: handle}, parts=ASKING, publishes=[OrderCreated])
PRODUCTS = service("products", implements={QUOTE: handle}, consumes=HEAR)
MAILS = service("mails", consumes=HEAR, parts={Part.EVENTS: Uses(calls=[QUOTE])})


def test_what_fits_passes() -> None:
    check_wiring([ORDERS, PRODUCTS, MAILS])
    check_wiring([])


@pytest.mark.parametrize(
    ("services", "complaint"),
    [
        ([ORDERS], "orders calls quote, which no service implements"),
        ([PRODUCTS], "products consumes OrderCreated, which no service publishes"),
        ([ORDERS, PRODUCTS, service("more", implements={QUOTE: handle})], "implemented by products and by more"),
        ([service("orders", implements={QUOTE: handle})], "declared for products, and orders implements it"),
        (
            [ORDERS, PRODUCTS, service("more", publishes=[OrderCreated])],
            "OrderCreated is published by orders and by more",
        ),
        ([service("a", owns=[THINGS]), service("b", owns=[THINGS])], "Things is owned by a and by b"),
        (
            [service("a", parts={Part.HTTP: Uses(reads=[THINGS])})],
            "a has no Things, which its part http uses",
        ),
        ([service("a", parts={Part.HTTP: Uses(reads=[Note])})], "a has no Note, which its part http uses"),
        ([service("a", keeps=[Note]), service("b", keeps=[Note])], "Notes is owned by a and by b"),
        (
            [ORDERS, service("products", implements={QUOTE: handle}, consumes={OrderLost: Consumer(handle)})],
            "OrderLost",
        ),
    ],
)
def test_what_does_not_fit_is_named(services: list[Service], complaint: str) -> None:
    with pytest.raises(ManifestError, match=complaint):
        check_wiring(services)


def test_who_hears_what() -> None:
    assert subscriptions([ORDERS, PRODUCTS, MAILS]) == {
        "souk.OrderCreated.v1": [("products", "products-order-created"), ("mails", "mails-order-created")]
    }


def test_who_hears_two_versions_of_an_event_has_a_queue_for_each() -> None:
    class OrderCreatedV2(OrderCreated, frozen=True, kw_only=True):
        version = 2

    both = service("products", consumes=dict.fromkeys([OrderCreated, OrderCreatedV2], Consumer(handle)))
    assert subscriptions([both]) == {
        "souk.OrderCreated.v1": [("products", "products-order-created")],
        "souk.OrderCreated.v2": [("products", "products-order-created-v2")],
    }


def test_who_may_call_what() -> None:
    assert allowed_callers([ORDERS, PRODUCTS, MAILS]) == {"quote": frozenset({"orders", "mails"})}


def test_queues_and_their_operations_follow_from_what_is_consumed() -> None:
    names = ["quote", "inspect_products_queues", "redrive_products_queue"]
    assert [operation.name for operation in PRODUCTS.implements] == names
    changed = msgspec.structs.replace(PRODUCTS, consumes={OrderLost: Consumer(handle)})
    assert [operation.name for operation in changed.implements] == names
    redrive = next(run for operation, run in changed.implements.items() if operation.name == names[2])
    assert [cell.cell_contents for cell in redrive.__closure__ or ()] == [frozenset({"products-order-lost"})]


def test_what_a_part_does_is_said_once_and_what_follows_is_added() -> None:
    other = Table("Others", "id")
    parts = {Part.HTTP: Uses(reads=[THINGS]), Part.EVENTS: Uses(writes=[THINGS], calls=[QUOTE])}
    a = service("a", owns=[other, THINGS], parts=parts)
    check_wiring([ORDERS, PRODUCTS, a])
    assert (a.events.name, a.tables, a.calls) == ("AEvents", (other, THINGS, a.events), (QUOTE,))
    assert {part: a.tables_of(part) for part in Part} == {
        Part.HTTP: ([THINGS, a.events], []),
        Part.CALLS: ([], []),
        Part.EVENTS: ([], [THINGS, a.events]),
    }


def routed(route: Route, access: Access = Access.ADMIN) -> AnyOperation:
    return Operation("touch", "a", route, request=Nothing, response=Nothing, access=access, summary="Touch")


@pytest.mark.parametrize(
    ("declared", "used"),
    [
        ({"implements": {routed(GET("/a")): handle}}, {Part.HTTP: ({"Notes", "Marks", "AEvents"}, set())}),
        (
            {"implements": {routed(POST("/a")): handle}, "publishes": [OrderLost]},
            {Part.HTTP: (set(), {"Notes", "Marks", "AEvents"})},
        ),
        (
            {"implements": {routed(PATCH("/a")): handle}},
            {Part.HTTP: ({"AEvents"}, {"Notes", "Marks"}), Part.CALLS: ({"Notes", "Marks"}, set())},
        ),
        ({"consumes": {OrderLost: Consumer(handle)}}, {Part.EVENTS: (set(), {"Notes", "Marks", "AEvents"})}),
        ({}, {Part.HTTP: ({"Notes", "Marks", "AEvents"}, set()), Part.EVENTS: (set(), {"AEvents"})}),
        ({"parts": {Part.HTTP: Uses(reads=[Note])}}, {Part.HTTP: ({"Notes", "AEvents"}, set())}),
        ({"parts": {Part.EVENTS: Uses(writes=[Mark])}}, {Part.EVENTS: (set(), {"Marks", "AEvents"})}),
    ],
)
def test_what_parts_do_with_records_follows(declared: Any, used: Any) -> None:
    a = service("a", keeps=[Note, Mark], **declared)
    check_wiring([a] if "consumes" not in declared else [a, service("b", publishes=[OrderLost])])
    assert [table.name for table in a.tables] == ["Notes", "Marks", "AEvents"]
    for part, (reads, writes) in used.items():
        assert tuple({table.name for table in tables} for tables in a.tables_of(part)) == (reads, writes)


def test_a_record_that_is_invalid_is_named_with_its_service() -> None:
    class Keyless(Record):
        text: str

    with pytest.raises(ManifestError, match="notes keeps a record that is invalid: Keyless declares no key"):
        check_wiring([Service("notes", "note-service", keeps=[Keyless])])
