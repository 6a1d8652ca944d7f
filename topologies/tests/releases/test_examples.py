"""What the last release wrote is read by the tree, and what the tree writes is read by the last release."""

import json
import re
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from msgspec.structs import replace

from souk_chassis import wire
from souk_chassis.auth.keys import new_key
from souk_chassis.context import Call
from souk_chassis.engine.worker import Worker
from souk_chassis.events.event import Stored, events_of, unpack
from souk_chassis.operation import AnyOperation
from souk_chassis.runtimes.instance import Foundation, Instance
from souk_chassis.storage.ports import Subscriptions
from souk_chassis.testing.clock import ManualClock
from souk_chassis.testing.logs import RecordedLines
from souk_contracts.products import StockReserved
from souk_topologies.releases.forms import Form
from souk_topologies.releases.model import Release
from souk_topologies.shop import SERVICES, build_of, manifests
from topologies.tests.releases.conftest import LAST, RELEASED, RELEASES

MANIFESTS = manifests()
OPERATIONS = {operation.name: operation for service in MANIFESTS.values() for operation in service.implements}
STOCK_RESERVED = StockReserved.type_name()
HEARINGS = [
    (service.name, event)
    for service in MANIFESTS.values()
    for event in service.consumes
    if event.type_name() in LAST.events
]


def example(folder: Path, kind: str, name: str) -> dict[str, Any]:
    return json.loads((folder / "examples" / kind / f"{name}.json").read_text("utf-8"))


class Answering:
    """Answers calls as the services of the last release did when its examples were recorded."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def dispatch(self, operation: AnyOperation, request: Any, call: Call) -> Any:
        return wire.decode(
            json.dumps(example(self._folder, "operations", operation.name)["response"]), operation.response
        )


@pytest.mark.parametrize("form", ["one", "several"])
@pytest.mark.parametrize(("service", "event"), HEARINGS, ids=lambda value: getattr(value, "__name__", value))
async def test_a_message_of_the_last_release_is_handled(service: str, event: Any, form: str, last_folder: Path) -> None:
    """By the real decoder, and by the handler on the service's store in memory, which may call the old services."""
    text = json.dumps(example(last_folder, "events", event.type_name())[form])
    assert [each.event_id for each in unpack(text, event)] == [event_id for event_id, _ in events_of(text)]
    built = await build_of(service)(Foundation(ManualClock(), new_key(service), {}))
    instance = replace(built, log=RecordedLines().log(service))
    worker = Worker(instance, Subscriptions({}, {}), Answering(last_folder))
    if service == "payments" and event is not StockReserved:  # what comes before the payment waits for it
        await hear(
            worker, instance, StockReserved, json.dumps(example(last_folder, "events", STOCK_RESERVED)["several"])
        )
    await hear(worker, instance, event, text)
    [state] = await instance.database.queue_states([instance.manifest.queue(event)])
    assert (state.waiting, state.dead) == (0, 0)
    await instance.close()


async def hear(worker: Worker, instance: Instance, event: Any, text: str) -> None:
    """Put a message into its queue, and let the worker handle it."""
    [subscription] = [each for each in worker.subscriptions if each.event is event]
    events = events_of(text)
    message = Stored(events[0][0], event.type_name(), text, len(events))
    await instance.database.receive([(subscription.queue, message)])
    assert await worker.consume_once(subscription) == len(events)


def test_every_request_of_the_last_release_is_taken(last: Release, last_folder: Path) -> None:
    for name in last.operations:
        request = example(last_folder, "operations", name)["request"]
        assert wire.decode(json.dumps(request), OPERATIONS[name].request) is not None


def test_every_answer_of_the_last_release_is_read(last: Release, last_folder: Path) -> None:
    for name in last.operations:
        response = example(last_folder, "operations", name)["response"]
        if response is not None and "a.signed.token" not in response.values():
            assert json.loads(wire.encode(wire.decode(json.dumps(response), OPERATIONS[name].response))) == response


def test_what_is_written_now_is_read_by_the_last_release(last: Release, frozen: Path) -> None:
    """By the forms that it was released with."""
    now = frozen / str(last.version)
    for name, operation in last.operations.items():
        written = example(now, "operations", name)
        jsonschema.validate(written["request"], operation.request)
        if written["response"] is not None:
            jsonschema.validate(written["response"], operation.response)
    for name, event in last.events.items():
        messages = example(now, "events", name)
        for message in (messages["one"], *messages["several"]):
            jsonschema.validate(message, last.protocol["event"])
            jsonschema.validate(message["data"], event.data)


def test_what_is_written_keeps_the_forms_promise(present: Release, frozen: Path) -> None:
    """`x-written` names what is really always there."""
    base = frozen / str(present.version) / "examples"
    events = [name for name in present.events if (base / "events" / f"{name}.json").is_file()]
    for name, event in ((name, present.events[name]) for name in events):
        messages = example(frozen / str(present.version), "events", name)
        assert all(_written(event.data) <= message["data"].keys() for message in messages["several"])
    operations = [name for name in present.operations if (base / "operations" / f"{name}.json").is_file()]
    for name, operation in ((name, present.operations[name]) for name in operations):
        written = example(frozen / str(present.version), "operations", name)
        assert _written(operation.request) <= written["request"].keys()
        assert written["response"] is None or _written(operation.response) <= written["response"].keys()


def _written(form: Form) -> set[str]:
    return set(form["$defs"][form["$ref"].rpartition("/")[2]]["x-written"])


def test_a_reader_of_the_last_release_would_say_what_is_missing(last: Release, last_folder: Path) -> None:
    """The validator is one that can fail."""
    message = example(last_folder, "events", "souk.OrderCreated.v1")["one"]["data"]
    del message["items"]
    with pytest.raises(jsonschema.ValidationError, match="items"):
        jsonschema.validate(message, last.events["souk.OrderCreated.v1"].data)


def test_rows_are_kept_as_the_version_before_wrote_them_and_no_secret_is(present: Release, frozen: Path) -> None:
    base = frozen / str(present.version) / "examples"
    kept = {service: example(base.parent, "rows", service) for service in RELEASED}
    assert {row["order_id"] for row in kept["orders"]["public.orders"]} >= {"kept-a", "short-b", "left-on-its-way"}
    assert "search_key" not in kept["products"]["public.products"][0], "PostgreSQL computes it"
    assert kept["products"]["public.inbox"], "one message waits"
    assert kept["users"]["public.users"][0]["password_hash"] == "a hash of a password"
    for path in base.rglob("*.json"):
        assert not re.search(r"eyJ[\w-]+\.|argon2", path.read_text("utf-8")), path


def test_every_release_has_its_examples() -> None:
    for folder in (path for path in RELEASES.iterdir() if path.is_dir()):
        for kind in ("operations", "events"):
            named = {path.name for path in (folder / kind).iterdir()}
            assert {path.name for path in (folder / "examples" / kind).iterdir()} == named
        assert {path.stem for path in (folder / "examples/rows").iterdir()} <= {*SERVICES}
