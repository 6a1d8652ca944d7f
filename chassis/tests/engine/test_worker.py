"""The worker's rounds: what becomes of a batch whose handler succeeds, fails, or is poisoned by one event."""

from collections.abc import Callable, Sequence
from typing import Any

import pytest

from souk_chassis.context import Context, RemoteCallInUnitError, unit_is_open
from souk_chassis.engine.worker import Worker
from souk_chassis.errors import SoukError, conflict, unavailable
from souk_chassis.events.event import Delivery, Stored
from souk_chassis.ids import uuid7
from souk_chassis.manifest import Consumer
from souk_chassis.observability.trace import trace_id
from souk_chassis.operation import Access, Nothing, Operation
from souk_chassis.runtimes.instance import Instance
from souk_chassis.storage.collisions import CollisionError
from souk_chassis.storage.ports import Database, DeadLetter, Subscriptions, Waiting
from souk_chassis.testing.clock import ManualClock
from souk_chassis.testing.contexts import TRACEPARENT
from souk_chassis.testing.dispatch import FakeDispatcher
from souk_chassis.testing.logs import RecordedLines
from souk_chassis.testing.queues import QUEUE, Noted, acknowledge, fill, fill_together, noted, notes_of, take

on_memory = pytest.mark.parametrize("store", ["memory"], indirect=True)

Peek = Operation(
    "peek", "others", None, request=Nothing, response=Nothing, access=Access.SERVICE, summary="Look", idempotent=True
)


class Reader:
    """A handler. It publishes what it was given again, fails on the notes of `poison`, and answers for `answers`."""

    def __init__(self) -> None:
        self.batches: list[list[str]] = []
        self.asked: list[list[str]] = []
        self.poison: dict[str, BaseException] = {}
        self.answers: dict[str, SoukError] = {}
        self.while_asking: Callable[[], Any] | None = None
        self.attempts: list[int] = []

    async def apply(self, ctx: Context[Any], unit: Any, deliveries: Sequence[Delivery[Noted]], *answers: Any) -> None:
        assert unit_is_open.get()
        assert trace_id(ctx.traceparent) == trace_id(TRACEPARENT)
        self.batches.append([delivery.data.note for delivery in deliveries])
        self.attempts += [delivery.attempt for delivery in deliveries]
        for delivery in deliveries:
            unit.publish(delivery.data, delivery.traceparent)
            if (error := self.poison.get(delivery.data.note)) is not None:
                raise error
        if answers:
            assert answers == ([f"answer to {delivery.data.note}" for delivery in deliveries],)

    async def ask(self, ctx: Context[Any], deliveries: Sequence[Delivery[Noted]]) -> list[Any]:
        assert not unit_is_open.get()
        notes = [delivery.data.note for delivery in deliveries]
        self.asked.append(notes)
        if self.while_asking:
            await self.while_asking()
        return [self.answers.get(note, f"answer to {note}") for note in notes]


Fill = Callable[..., Any]


@pytest.fixture(params=[fill, fill_together], ids=["a_message_each", "one_message"])
def send(request: pytest.FixtureRequest) -> Fill:
    """Puts events into the queue, apart or together: what becomes of each is the same."""
    way: Fill = request.param
    return way


@pytest.fixture
def reader() -> Reader:
    return Reader()


@pytest.fixture
def make_worker(make_instance: Callable[..., Instance], store: Database[Any]) -> Callable[..., Worker]:
    """Makes the worker of a service `readers` with one consumer."""

    def make(consumer: Consumer, *, dispatcher: FakeDispatcher | None = None, deliveries: int = 1) -> Worker:
        instance = make_instance(store, consumes={Noted: consumer})
        return Worker(instance, Subscriptions({}, {}), dispatcher or FakeDispatcher(), deliveries=deliveries)

    return make


async def consume(worker: Worker) -> int:
    """One round of the worker's one queue."""
    [subscription] = worker.subscriptions
    assert subscription.queue == QUEUE
    return await worker.consume_once(subscription)


async def dead(store: Database[Any]) -> list[DeadLetter]:
    return list(await store.dead_letters(10))


async def test_a_batch_is_handled_in_one_unit(
    store: Database[Any], reader: Reader, make_worker: Callable[..., Worker]
) -> None:
    await fill(store, "a", "b", "c")
    worker = make_worker(Consumer(reader.apply, batch=2))
    assert [await consume(worker) for _ in range(3)] == [2, 1, 0]
    assert reader.batches == [["a", "b"], ["c"]]
    assert await store.outbox_size() == 3


async def test_a_poisoned_event_spoils_no_other_and_dies_after_its_attempts(
    store: Database[Any],
    send: Fill,
    clock: ManualClock,
    reader: Reader,
    make_worker: Callable[..., Worker],
    lines: RecordedLines,
) -> None:
    await send(store, "a", "b", "c")
    reader.poison = {"b": ZeroDivisionError("no b")}
    worker = make_worker(Consumer(reader.apply, attempts=3))
    assert await consume(worker) == 3
    assert reader.batches == [["a", "b", "c"], ["a"], ["b"], ["c"]]
    assert await store.outbox_size() == 2
    for delay_s in (0.5, 1.0):
        clock.advance(delay_s - 0.01)
        assert await consume(worker) == 0
        clock.advance(0.01)
        assert await consume(worker) == 1
    [letter] = await dead(store)
    assert (letter.subject, letter.attempts, letter.reason) == ("b", 3, "ZeroDivisionError: no b")
    assert reader.attempts[-2:] == [2, 3]
    assert await store.outbox_size() == 2
    assert lines.messages() == ["event failed", "event failed", "event given up"]
    assert {(line["eventId"], line["traceId"]) for line in lines.lines} == {(letter.event_id, TRACEPARENT[3:35])}


@pytest.mark.parametrize("leased", [False, True])
@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (lambda json: json.replace('"note"', '"nota"'), "missing required field `note`"),
        (lambda json: json.replace('"note":"x"', '"note":17'), "Expected `str`, got `int`"),
        (lambda json: json[:-1], "truncated"),
        (lambda _: '{"a":' * 5000, "recursion"),
    ],
    ids=["field missing", "wrong type", "cut off", "too deep"],
)
async def test_an_unreadable_event_dies_at_once_and_alone(
    store: Database[Any],
    reader: Reader,
    make_worker: Callable[..., Worker],
    spoil: Callable[[str], str],
    reason: str,
    leased: bool,
) -> None:
    broken = Stored(uuid7(), Noted.type_name(), spoil(noted("x").json))
    await store.receive([(QUEUE, broken)])
    await fill(store, "a")
    assert await consume(make_worker(Consumer(reader.apply, reader.ask if leased else None))) == 2
    [letter] = await dead(store)
    assert (letter.event_id, letter.attempts) == (broken.event_id, 1)
    assert reason in letter.reason
    assert reader.batches == [["a"]]


@on_memory
@pytest.mark.parametrize("error", [unavailable("database_unavailable", "Away."), unavailable("down", "Down.")])
async def test_trouble_with_the_store_is_no_events_fault(
    store: Database[Any], send: Fill, reader: Reader, make_worker: Callable[..., Worker], error: SoukError
) -> None:
    await send(store, "a", "b")
    reader.poison = {"b": error}
    worker = make_worker(Consumer(reader.apply, attempts=1))
    with pytest.raises(SoukError):
        await consume(worker)
    assert (await dead(store), await store.outbox_size()) == ([], 0)
    assert {one.attempts for one in await take(store)} == {0}


@on_memory
async def test_in_the_topology_that_tries_idempotence_every_batch_comes_twice(
    store: Database[Any], send: Fill, reader: Reader, make_worker: Callable[..., Worker]
) -> None:
    await send(store, "a", "b")
    assert await consume(make_worker(Consumer(reader.apply), deliveries=2)) == 2
    assert reader.batches == [["a", "b"], ["a", "b"]]


async def test_a_handler_that_calls_out_is_answered_for_each_event(
    store: Database[Any], send: Fill, clock: ManualClock, reader: Reader, make_worker: Callable[..., Worker]
) -> None:
    await send(store, "a", "b", "c")
    reader.answers = {"b": conflict("refused", "Not b.")}
    worker = make_worker(Consumer(reader.apply, reader.ask, attempts=2))
    assert await consume(worker) == 3
    assert (reader.asked, reader.batches) == ([["a", "b", "c"]], [["a", "c"]])
    assert await consume(worker) == 0
    clock.advance(0.5)
    assert await consume(worker) == 1
    [letter] = await dead(store)
    assert (letter.subject, letter.attempts) == ("b", 2)
    assert "refused" in letter.reason
    assert await store.outbox_size() == 2


@pytest.mark.parametrize("failing", ["ask", "apply"])
async def test_a_poisoned_event_spoils_no_other_where_a_handler_calls_out(
    store: Database[Any], send: Fill, reader: Reader, make_worker: Callable[..., Worker], failing: str
) -> None:
    async def fail_on_b() -> None:
        if "b" in reader.asked[-1]:
            raise ZeroDivisionError

    if failing == "ask":
        reader.while_asking = fail_on_b
    else:
        reader.poison = {"b": ZeroDivisionError()}
    await send(store, "a", "b", "c")
    assert await consume(make_worker(Consumer(reader.apply, reader.ask, attempts=1))) == 3
    one_by_one = [["a"], ["b"], ["c"]] if failing == "ask" else []  # an answer that was given is not asked for again
    assert reader.asked == [["a", "b", "c"], *one_by_one]
    assert [letter.subject for letter in await dead(store)] == ["b"]
    assert await store.outbox_size() == 2


async def test_the_effect_of_a_lost_lease_is_not_kept(
    store: Database[Any], clock: ManualClock, reader: Reader, make_worker: Callable[..., Worker]
) -> None:
    taken_over: list[Waiting] = []

    async def be_slow() -> None:
        if not taken_over:
            clock.advance(30.0)
            taken_over.extend(await store.lease(QUEUE, 1, 60.0))

    reader.while_asking = be_slow
    await fill(store, "a", "b")
    await consume(make_worker(Consumer(reader.apply, reader.ask, ask_s=24.0)))
    assert notes_of(taken_over) == ["a"]
    assert (reader.batches, await store.outbox_size()) == ([["b"]], 1)
    assert await acknowledge(store, {taken_over[0].event_id: 2}) == {taken_over[0].event_id}
    assert await dead(store) == []


async def test_an_event_comes_again_after_a_crash_between_asking_and_recording(
    store: Database[Any], clock: ManualClock, reader: Reader, make_worker: Callable[..., Worker]
) -> None:
    class Crash(BaseException):
        """The process is gone: nothing after it runs."""

    await fill(store, "a")
    worker = make_worker(Consumer(reader.apply, reader.ask, ask_s=24.0))
    reader.poison = {"a": Crash()}
    with pytest.raises(Crash):
        await consume(worker)
    assert (await store.outbox_size(), await consume(worker)) == (0, 0)
    reader.poison = {}
    clock.advance(30.0)
    assert await consume(worker) == 1
    assert (reader.asked, reader.attempts) == ([["a"], ["a"]], [1, 2])
    assert await store.outbox_size() == 1


@on_memory
async def test_answers_that_do_not_fit_their_events_count_as_a_failure(
    store: Database[Any], send: Fill, reader: Reader, make_worker: Callable[..., Worker]
) -> None:
    async def forgetful(_ctx: Context[Any], _deliveries: Sequence[Delivery[Noted]]) -> list[str]:
        return []

    await send(store, "a", "b")
    assert await consume(make_worker(Consumer(reader.apply, forgetful, attempts=1))) == 2
    assert sorted(letter.subject for letter in await dead(store)) == ["a", "b"]
    assert reader.batches == []


@on_memory
async def test_a_handler_may_call_out_before_its_unit_and_never_inside(
    store: Database[Any], make_worker: Callable[..., Worker]
) -> None:
    others = FakeDispatcher({Peek: Nothing()})

    async def call_out(ctx: Context[Any], *_: Any) -> Any:
        await ctx.call(Peek, Nothing())
        return ["seen"]

    await fill(store, "a")
    await consume(make_worker(Consumer(call_out, call_out, attempts=1), dispatcher=others))
    [letter] = await dead(store)
    assert letter.reason.startswith(RemoteCallInUnitError.__name__)
    [made] = others.calls
    assert (made.call.caller.service, trace_id(made.call.traceparent)) == ("readers", trace_id(TRACEPARENT))


@on_memory
async def test_a_collision_of_answers_is_tried_again_at_once(
    store: Database[Any], reader: Reader, make_worker: Callable[..., Worker]
) -> None:
    applied: list[int] = []

    async def apply(_ctx: Context[Any], _unit: Any, deliveries: Sequence[Delivery[Noted]], _answers: Any) -> None:
        applied.append(deliveries[0].attempt)
        if len(applied) == 1:
            raise CollisionError

    await fill(store, "a")
    assert await consume(make_worker(Consumer(apply, reader.ask, attempts=1))) == 1
    assert (applied, reader.asked, await dead(store)) == ([1, 1], [["a"]], [])
    assert [state.waiting for state in await store.queue_states([QUEUE])] == [0]
