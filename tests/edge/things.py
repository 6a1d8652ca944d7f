"""A service of things, with an operation of each HTTP method."""

from collections.abc import Mapping
from typing import Any

from souk_chassis.ids import Id
from souk_chassis.manifest import Service
from souk_chassis.operation import DELETE, GET, PATCH, POST, PUT, Access, AnyOperation, Nothing, Operation, Throttle
from souk_chassis.testing.dispatch import FakeDispatcher
from souk_chassis.text import ShortText
from souk_chassis.wire import Message


class Thing(Message, frozen=True, kw_only=True):
    """What is answered: what was asked, in words."""

    said: str


class ThingRef(Message, frozen=True, kw_only=True):
    """A thing."""

    thing_id: Id


class Change(Message, frozen=True, kw_only=True):
    """A thing's new name."""

    thing_id: Id
    name: ShortText


class Removal(Message, frozen=True, kw_only=True):
    """A thing, and why it goes."""

    thing_id: Id
    reason: ShortText = ""
    hard: bool = False


def operation(name: str, route: Any, request: Any = Nothing, **more: Any) -> AnyOperation:
    """One operation, for everybody unless it is said otherwise."""
    more = {"access": Access.PUBLIC, **more}
    return Operation(name, "things", route, request=request, response=Thing, summary=name, **more)


ListThings = operation("list_things", GET("/things"))
AddThing = operation("add_thing", POST("/things"), throttle=Throttle(rate_per_s=0.001, burst=2))
GetThing = operation("get_thing", GET("/things/{thingId}"), ThingRef)
PutThing = operation("put_thing", PUT("/things/{thingId}"), Change)
ChangeThing = operation("change_thing", PATCH("/things/{thingId}"), Change)
RemoveThing = operation("remove_thing", DELETE("/things/{thingId}"), Removal)
KeepSecret = operation("keep_secret", GET("/secret"), access=Access.CUSTOMER)
SayPlace = operation("say_place", GET("/places/{thingId}/name"), ThingRef)
OPERATIONS = (ListThings, AddThing, GetThing, PutThing, ChangeThing, RemoveThing, KeepSecret, SayPlace)


async def _implemented(*_: Any) -> None:
    """The dispatcher answers in its place."""


THINGS = Service("things", "thing-service", owns=(), implements=dict.fromkeys(OPERATIONS, _implemented))


def things() -> FakeDispatcher:
    """Answers each operation with its name and its request."""

    def saying(name: str) -> Any:
        return lambda request: Thing(said=f"{name} {_facts(request)}".strip())

    return FakeDispatcher({each: saying(each.name) for each in OPERATIONS})


def _facts(request: Any) -> str:
    facts: Mapping[str, Any] = {name: getattr(request, name) for name in request.__struct_fields__}
    return " ".join(f"{name}={value}" for name, value in facts.items())
