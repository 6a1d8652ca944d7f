"""What the last release wrote is read by the tree, and what the tree writes is read by the last release."""

import json
from collections.abc import Sequence
from typing import Annotated, Any

import jsonschema
import msgspec
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
from souk_chassis.wire import Lenient, Message
from souk_contracts.products import StockReserved
from souk_topologies.releases.__main__ import ROOT
from souk_topologies.releases.examples import examples_of
from souk_topologies.releases.forms import WRITTEN, Form
from souk_topologies.releases.model import Release
from souk_topologies.releases.reading import Trouble
from souk_topologies.releases.sources import Sources
from souk_topologies.shop import build_of
from topologies.tests.releases.conftest import LAST, MANIFESTS
from topologies.tests.releases.lending import struct

SOURCES = Sources(ROOT)
OPERATIONS = {operation.name: operation for service in MANIFESTS.values() for operation in service.implements}
HEARINGS = [(service.name, event) for service in MANIFESTS.values() for event in service.consumes]


class Answering:
    """Answers calls by a release's examples."""

    def __init__(self, release: Release) -> None:
        self._release = release

    async def dispatch(self, operation: AnyOperation, request: Any, call: Call) -> Any:
        return wire.decode(json.dumps(self._release.examples["responses"][operation.name][0]), operation.response)


@pytest.mark.parametrize("writer", ["the last release", "the tree"])
@pytest.mark.parametrize(("service", "event"), HEARINGS, ids=lambda value: getattr(value, "__name__", value))
async def test_messages_are_handled(service: str, event: Any, writer: str, present: Release) -> None:
    """By the real decoder, and by the handler on a store in memory, which may call the writer's services."""
    release = LAST if writer == "the last release" else present
    for messages in _messages(release, event.type_name()):
        text = json.dumps(messages)
        assert [each.event_id for each in unpack(text, event)] == [event_id for event_id, _ in events_of(text)]
        built = await build_of(service)(Foundation(ManualClock(), new_key(service), {}))
        instance = replace(built, log=RecordedLines().log(service))
        worker = Worker(instance, Subscriptions({}, {}), Answering(release))
        if service == "payments" and event is not StockReserved:  # what comes before the payment waits for it
            await hear(worker, instance, StockReserved, json.dumps(_messages(release, StockReserved.type_name())[1]))
        await hear(worker, instance, event, text)
        [state] = await instance.database.queue_states([instance.manifest.queue(event)])
        assert (state.waiting, state.dead) == (0, 0)
        await instance.close()


def _messages(release: Release, name: str) -> Sequence[Any]:
    """One event, and all of them; none of an event that the release did not have."""
    events = release.examples["events"].get(name, [])
    return [events[0], events] if events else []


async def hear(worker: Worker, instance: Instance, event: Any, text: str) -> None:
    """Put a message into its queue, and let the worker handle it."""
    [subscription] = [each for each in worker.subscriptions if each.event is event]
    events = events_of(text)
    message = Stored(events[0][0], event.type_name(), text, len(events))
    await instance.database.receive([(subscription.queue, message)])
    assert await worker.consume_once(subscription) == len(events)


def test_every_request_and_answer_of_the_last_release_is_read() -> None:
    for name in LAST.operations:
        for request in LAST.examples["requests"][name]:
            wire.decode(json.dumps(request), OPERATIONS[name].request)
        for response in LAST.examples["responses"][name]:
            read = wire.decode(json.dumps(response), OPERATIONS[name].response)
            if "a.signed.token" not in response.values():  # the place of a secret in what was recorded
                assert json.loads(wire.encode(read)).items() >= response.items()


def test_what_is_written_now_is_read_by_the_last_release(present: Release) -> None:
    """By its forms. Of requests it is the first: what a caller sends who uses nothing new."""
    for name, operation in LAST.operations.items():
        read(present.examples["requests"][name][0], operation.request)
        for response in present.examples["responses"][name]:
            read(response, operation.response)
    for name, event in LAST.events.items():
        for message in present.examples["events"][name]:
            read(message, LAST.protocol["event"])
            read(message["data"], event.data)


def read(message: Any, form: Form) -> None:
    """Raise ValidationError where a message has another form, but for values that nobody writes yet."""
    for error in jsonschema.Draft202012Validator(form).iter_errors(message):
        value = Trouble("", "", error.schema.get("title", ""), str(error.instance))
        if error.validator != "enum" or not SOURCES.is_kept_back(value):
            raise error


def test_a_reader_of_the_last_release_would_say_what_is_missing() -> None:
    """The validator is one that can fail."""
    message = {**LAST.examples["events"]["souk.OrderCreated.v1"][0]["data"]}
    del message["items"]
    with pytest.raises(jsonschema.ValidationError, match="items"):
        read(message, LAST.events["souk.OrderCreated.v1"].data)


def test_what_is_written_keeps_the_forms_promise_and_has_every_field(present: Release) -> None:
    """`x-written` names what is really always there, and some example has each of the others."""
    told = [(each.request, present.examples["requests"][name]) for name, each in present.operations.items()]
    told += [(each.response, present.examples["responses"][name]) for name, each in present.operations.items()]
    told += [
        (each.data, [e["data"] for e in present.examples["events"][name]]) for name, each in present.events.items()
    ]
    for form, examples in told:
        definition = form["$defs"][form["$ref"].rpartition("/")[2]]
        assert all({*definition[WRITTEN]} <= example.keys() for example in examples)
        assert {*definition.get("properties", {})} == {name for example in examples for name in example}


def test_every_release_has_its_examples(present: Release) -> None:
    for release in (LAST, present):
        assert release.examples["requests"].keys() == release.operations.keys()
        assert release.examples["events"].keys() == release.events.keys()
        assert all(release.examples["events"].values())


Small = Annotated[int, msgspec.Meta(ge=-3, lt=10)]
Even = Annotated[int, msgspec.Meta(gt=1, le=9, multiple_of=2)]
Code = Annotated[str, msgspec.Meta(pattern="^[A-Z]+$", min_length=2, max_length=5)]


class Tree(Lenient, frozen=True, kw_only=True):
    """A type that contains itself."""

    leaves: int
    branches: "tuple[Tree, ...]" = ()


Odd = Annotated[str, msgspec.Meta(pattern="^ISBN-[0-9]$")]


def test_examples_cover_bounds_alternatives_and_what_may_be_left_out() -> None:
    fields: dict[str, Any] = {"small": Small, "even": Even, "code": Code, "one": int | str | None, "some": (Code, "AB")}
    first, *others = examples_of(struct(Message, "Told", fields))
    assert first == {"small": -3, "even": 2, "code": "AA", "one": 0}
    assert {each["small"] for each in others} == {-3, 9}
    assert {each["even"] for each in others} == {2, 8}
    assert {each["code"] for each in others} == {"AA", "AAAAA"}
    assert {type(each["one"]) for each in others} == {int, str, type(None)}
    assert all("some" in each for each in others)


def test_a_type_that_contains_itself_has_an_end() -> None:
    leaf, *trees = examples_of(Tree)
    assert leaf == {"leaves": 0, "branches": []}
    assert trees[0]["branches"][0]["branches"]


def test_a_pattern_that_is_too_odd_says_what_to_do() -> None:
    with pytest.raises(ValueError, match=r"ISBN.* comes to mind: give its Meta examples=\[\.\.\.\]"):
        examples_of(struct(Message, "Told", {"isbn": Odd}))
    told = Annotated[str, msgspec.Meta(pattern="^ISBN-[0-9]$", examples=["ISBN-1"])]
    assert examples_of(struct(Message, "Told", {"isbn": told})) == [{"isbn": "ISBN-1"}]
