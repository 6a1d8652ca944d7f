"""A shop in which one service is still the last release: it says and hears no more than that release's forms have."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from msgspec.structs import replace

import souk_contracts
from souk_chassis import wire
from souk_chassis.context import Call
from souk_chassis.errors import SoukError
from souk_chassis.events.event import Stored
from souk_chassis.operation import AnyOperation
from souk_contracts.order_status import OrderStatus as S
from souk_contracts.orders import PlaceOrder
from souk_topologies.releases.forms import WRITTEN, Form, alternatives
from souk_topologies.releases.model import Release, last_version, load
from souk_topologies.shop import SERVICES

RELEASES = Path(souk_contracts.__file__).resolve().parents[3] / "contracts/releases"
LAST = load(RELEASES, last_version(RELEASES) or "")
ENDS = {"kept": S.DELIVERED, "short": S.REJECTED, "declined": S.CANCELLED, "back": S.CANCELLED}


def as_released(value: Any, form: Form, part: Form | None = None) -> Any:
    """What the last release would have written: without the fields that it did not have."""
    choices = list(alternatives(form, part or form))
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

    def stand_in(self, shop: Any) -> None:
        """Change what goes to the service and comes from it."""
        shop.way.dispatch = self._calling(shop.way.dispatch)
        for name, instance in shop.instances.items():
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


async def orders_are_kept(old: Old, shop: Any) -> dict[str, S]:
    """Play orders to their ends. Returns their states. Raises AssertionError where something was given up or waits."""
    old.stand_in(shop)
    for order_id, units in (("kept", 2), ("short", 11), ("declined", 2), ("back", 2)):
        await shop.place(order_id, "tok_declined" if order_id == "declined" else "tok_ok", apple=units)
    await shop.bench.settle()
    await shop.cancel("back")
    await shop.ship("kept")
    await shop.deliver("kept")
    await shop.take_back("kept", apple=1)
    await shop.bench.settle()
    await shop.assert_books_agree()
    return {order_id: (await shop.order(order_id)).status for order_id in ENDS}


@pytest.mark.parametrize("service", [name for name in SERVICES if name in LAST.services])
async def test_a_shop_goes_on_while_one_service_is_the_last_release(service: str, shop: Any) -> None:
    old = Old(service, LAST)
    assert await orders_are_kept(old, shop) == ENDS
    assert old.said | old.heard


def without(release: Release, event: str, field: str) -> Release:
    """A release whose event did not have that field."""
    changed: Release = wire.decode(wire.encode(release), Release)
    for form in changed.events[event].data["$defs"].values():
        form["properties"].pop(field, None)
        form["required"] = [name for name in form["required"] if name != field]
    return replace(changed, version="0.0.9")


async def test_an_old_publisher_without_an_optional_field_is_understood(shop: Any) -> None:
    old = Old("orders", without(LAST, "souk.OrderCreated.v1", "customerId"))
    assert await orders_are_kept(old, shop) == ENDS


async def test_one_without_a_needed_field_is_not(shop: Any) -> None:
    with pytest.raises((SoukError, AssertionError)):
        await orders_are_kept(Old("orders", without(LAST, "souk.OrderCreated.v1", "paymentMethod")), shop)


def test_what_the_last_release_did_not_have_is_left_out() -> None:
    form = LAST.operations[PlaceOrder.name].request
    request = {"items": [{"productId": "p", "quantity": 1, "color": "red"}], "desk": 1, "email": "a@b.c"}
    assert as_released(request, form) == {"items": [{"productId": "p", "quantity": 1}], "email": "a@b.c"}
