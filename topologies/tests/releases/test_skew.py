"""A shop in which one service is still the last release: it says and hears no more than that release's forms have."""

import json
from collections.abc import Sequence
from typing import Any

import jsonschema
import pytest
from msgspec.structs import replace

from souk_chassis import wire
from souk_chassis.auth.identity import Identity, Role
from souk_chassis.context import Call
from souk_chassis.errors import SoukError
from souk_chassis.events.event import Stored
from souk_chassis.operation import AnyOperation
from souk_contracts.orders import GetOrder, OrderRef, PlaceOrder
from souk_topologies.releases import play
from souk_topologies.releases.forms import WRITTEN, Form, alternatives, resolve
from souk_topologies.releases.model import Release
from souk_topologies.releases.stage import Stage, open_stage
from topologies.tests.releases.conftest import RELEASED

ADA = Identity(Role.CUSTOMER, "ada")
ENDS = {
    "kept-a": "DELIVERED",
    "short-a": "REJECTED",
    "declined-a": "CANCELLED",
    "back-a": "CANCELLED",
    "g-a": "CONFIRMED",
}


def as_released(value: Any, form: Form, part: Form | None = None) -> Any:
    """What the last release would have written: without the fields that it did not have."""
    choices = list(alternatives(form, resolve(form, part or form)))
    if isinstance(value, dict):
        known = next((each["properties"] for each in choices if WRITTEN in each), None)
        if known is None:
            return value
        return {name: as_released(each, form, known[name]) for name, each in value.items() if name in known}
    if isinstance(value, list):
        items = next((each.get("items") for each in choices if each.get("type") == "array"), None)
        return [as_released(each, form, items) for each in value] if items else value
    return value


class Old:
    """One service as the last release had it, between the others of the tree."""

    def __init__(self, service: str, release: Release) -> None:
        self.service = service
        self.release = release
        self.said: set[str] = set()
        self.heard: set[str] = set()

    def stand_in(self, stage: Stage) -> None:
        """Change what goes to the service and comes from it."""
        stage.way._inner.dispatch = self._calling(stage.way._inner.dispatch)
        for name, instance in stage.instances.items():
            instance.database.receive = self._receiving(name, instance.database.receive)

    def _receiving(self, hearer: str, receive: Any) -> Any:
        async def received(queue_events: Sequence[tuple[str, Stored]]) -> None:
            await receive([(queue, self._crossed(hearer, message)) for queue, message in queue_events])

        return received

    def _crossed(self, hearer: str, message: Stored) -> Stored:
        events = json.loads(message.json)
        several = events if isinstance(events, list) else [events]
        known = self.release.events.get(message.type)
        if known is None:  # it was not there: nobody of the last release says or hears it
            return message
        if hearer == self.service:
            for each in several:
                jsonschema.validate(each["data"], known.data)
            self.heard.add(message.type)
        if several[0]["source"] == f"/souk/{self.service}":
            for each in several:
                each["data"] = as_released(each["data"], known.data)
            self.said.add(message.type)
        text = json.dumps(several if isinstance(events, list) else several[0])
        return Stored(message.event_id, message.type, text, message.count)

    def _calling(self, dispatch: Any) -> Any:
        async def called(operation: AnyOperation, request: Any, call: Call) -> Any:
            answer = await dispatch(operation, request, call)
            released = self.release.operations.get(operation.name)
            if released is None:
                return answer
            if operation.service == self.service and call.caller.service:
                jsonschema.validate(json.loads(wire.encode(request)), released.request)
                written = as_released(json.loads(wire.encode(answer)), released.response)
                self.said.add(operation.name)
                return wire.decode(json.dumps(written), operation.response)
            if call.caller.service == self.service:
                jsonschema.validate(json.loads(wire.encode(answer)), released.response)
                self.heard.add(operation.name)
            return answer

        return called


async def orders_are_kept(old: Old) -> dict[str, str]:
    """Play orders to their ends. Returns their states. Raises AssertionError where something was given up or waits."""
    stage = await open_stage({})
    try:
        old.stand_in(stage)
        await play._products(stage, "a")
        await play._orders(stage, "a", ADA)
        for instance in stage.instances.values():
            queues = [instance.manifest.queue(event) for event in instance.manifest.consumes]
            for state in await instance.database.queue_states(queues):
                assert (state.waiting, state.dead) == (0, 0), state
        return {each: (await stage.ask(GetOrder, OrderRef(order_id=each), play.ADMIN)).status for each in ENDS}
    finally:
        await stage.close()


@pytest.mark.parametrize("service", RELEASED)
async def test_a_shop_goes_on_while_one_service_is_the_last_release(service: str, last: Release) -> None:
    old = Old(service, last)
    assert await orders_are_kept(old) == ENDS
    assert old.said | old.heard


def changed(release: Release, event: str, without: str) -> Release:
    """A release whose event did not have that field."""
    [(title, definition)] = [
        each for each in release.events[event].data["$defs"].items() if without in each[1].get("properties", {})
    ]
    fewer = {
        **definition,
        "properties": {name: each for name, each in definition["properties"].items() if name != without},
        "required": [name for name in definition["required"] if name != without],
    }
    return _with_event(release, event, {**release.events[event].data["$defs"], title: fewer})


def _with_event(release: Release, event: str, definitions: Form) -> Release:
    known = release.events[event]
    return replace(release, events={**release.events, event: replace(known, data={**known.data, "$defs": definitions})})


async def test_an_old_publisher_without_an_optional_field_is_understood(last: Release) -> None:
    assert await orders_are_kept(Old("orders", changed(last, "souk.OrderCreated.v1", "customerId"))) == ENDS


async def test_one_without_a_needed_field_is_not(last: Release) -> None:
    with pytest.raises(SoukError, match="An order that is PENDING"):
        await orders_are_kept(Old("orders", changed(last, "souk.OrderCreated.v1", "paymentMethod")))


def test_what_the_last_release_did_not_have_is_left_out(last: Release) -> None:
    form = last.operations[PlaceOrder.name].request
    request = {"items": [{"productId": "p", "quantity": 1, "color": "red"}], "desk": 1, "email": "a@b.c"}
    assert as_released(request, form) == {"items": [{"productId": "p", "quantity": 1}], "email": "a@b.c"}
