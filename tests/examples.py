"""Examples of what operations take and events say, made from their types: what a service's tests need no hand for."""

import json
from collections.abc import Mapping
from typing import Any

from souk_chassis import wire
from souk_chassis.events.event import Event
from souk_chassis.operation import AnyOperation
from souk_chassis.testing.records import value_of


def event(kind: type[Event], number: int = 1) -> Event:
    """An event of the type, another one for each number."""
    made: Event = value_of(kind, number)
    return made


def body(operation: AnyOperation, number: int = 1) -> Mapping[str, Any] | None:
    """The body of a request of the operation, in JSON's names. None where it has none."""
    route = operation.route
    made: dict[str, Any] = json.loads(wire.encode(value_of(operation.request, number)))
    if route is None or route.method in ("GET", "DELETE"):
        return None
    return {name: value for name, value in made.items() if name not in route.parameters} or None


def in_order(operations: Mapping[AnyOperation, Any]) -> list[AnyOperation]:
    """Those with a route, so that what makes an object comes before what names one."""
    routed = [operation for operation in operations if operation.route is not None]
    return sorted(routed, key=lambda each: (_names_one(each), each.status != 201))


def _names_one(operation: AnyOperation) -> bool:
    return bool(operation.route and operation.route.parameters)
