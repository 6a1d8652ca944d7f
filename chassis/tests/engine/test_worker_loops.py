"""The worker's loops: woken by events, outliving failures, and stopped without losing what was taken."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from datetime import timedelta
from typing import Any

import pytest

from souk_chassis.context import Context
from souk_chassis.engine import database_source
from souk_chassis.engine import worker as worker_module
from souk_chassis.engine.worker import Worker
from souk_chassis.errors import unavailable
from souk_chassis.events.event import Delivery, Stored
from souk_chassis.manifest import Consumer
from souk_chassis.runtimes.instance import Instance, Round
from souk_chassis.storage.collisions import CollisionError
from souk_chassis.storage.memory import MemoryDatabase, MemoryUnit
from souk_chassis.storage.ports import Database, Subscriptions
from souk_chassis.testing.clock import ManualClock
from souk_chassis.testing.dispatch import FakeDispatcher
from souk_chassis.testing.logs import RecordedLines
from souk_chassis.testing.queues import QUEUE, Noted, fill, notes_of, take
from souk_chassis.testing.stores import FlakyTarget, publish
from souk_chassis.testing.waiting import until

on_memory = pytest.mark.parametrize("store", ["memory"], indirect=True)

Start = Callable[..., Worker]


class Ear:
    """A subscriber that others can wait for."""

    def __init__(self) -> None:
        self.heard: asyncio.Queue[Stored] = asyncio.Queue()

    async def receive(self, queue_events: Sequence[tuple[str, Stored]]) -> None:
        for _, event in queue_events:
            self.heard.put_nowait(event)


class GatedReader:
    """A handler that stops at a gate, and publishes what it was given once it may pass."""

    def __init__(self) -> None:
        self.entered = asyncio.Event()
        self.gate = asyncio.Event()

    async def apply(self, _ctx: Context[Any], unit: Any, deliveries: Sequence[Delivery[Noted]]) -> None:
        self.entered.set()
        await self.gate.wait()
        for delivery in deliveries:
            unit.publish(delivery.data, delivery.traceparent)


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pauses after failures are short."""
    monkeypatch.setattr(worker_module, "FAULT_PAUSE_S", 0.01)
    monkeypatch.setattr(worker_module, "POLL_S", 0.01)


@pytest.fixture
async def start(make_instance: Callable[..., Instance], store: Database[Any]) -> AsyncIterator[Start]:
    """Starts workers of a service `readers`; they are stopped after the test."""
    started: list[Worker] = []

    def start(*, target: Any = None, **declared: Any) -> Worker:
        routes = Subscriptions({Noted.type_name(): [("ear", "ear-noted")]}, {"ear": target}) if target else None
        worker = Worker(make_instance(store, **declared), routes or Subscriptions({}, {}), FakeDispatcher())
        worker.start()
        started.append(worker)
        return worker

    yield start
    for worker in started:
        await worker.stop(grace_s=0.0)


async def within_10_s(work: Awaitable[Any]) -> Any:
    return await asyncio.wait_for(work, 10)


async def test_a_published_event_is_relayed(store: Database[Any], start: Start) -> None:
    ear = Ear()
    start(target=ear)
    for note in "ab":
        await publish(store, note)
        assert (await within_10_s(ear.heard.get())).type == Noted.type_name()


async def test_a_received_event_is_handled(store: Database[Any], start: Start) -> None:
    reader = GatedReader()
    reader.gate.set()
    ear = Ear()
    start(target=ear, consumes={Noted: Consumer(reader.apply)})
    for note in "ab":
        await fill(store, note)
        await within_10_s(ear.heard.get())


@on_memory
async def test_the_relay_outlives_a_subscriber_that_is_down(
    store: Database[Any], start: Start, impatient: None, lines: RecordedLines
) -> None:
    ear = Ear()
    start(target=FlakyTarget(ear, failures=2))
    await publish(store, "a")
    await within_10_s(ear.heard.get())
    assert ear.heard.empty()
    assert lines.messages("warning") == ["relay failed"] * 2


@on_memory
async def test_consumers_outlive_a_store_that_is_away(
    store: MemoryDatabase[MemoryUnit], start: Start, impatient: None, lines: RecordedLines
) -> None:
    reader = GatedReader()
    reader.gate.set()
    await fill(store, "a")
    store.reachable = False
    start(consumes={Noted: Consumer(reader.apply)})
    await until(lambda: "consumer failed" in lines.messages("warning"))
    store.reachable = True
    await within_10_s(reader.entered.wait())


async def test_stop_waits_for_what_was_taken(store: Database[Any], start: Start) -> None:
    reader = GatedReader()
    await fill(store, "a")
    worker = start(consumes={Noted: Consumer(reader.apply)})
    await within_10_s(reader.entered.wait())
    stopping = asyncio.create_task(worker.stop())
    await asyncio.sleep(0.05)
    assert not stopping.done()
    reader.gate.set()
    await within_10_s(stopping)
    assert (await store.outbox_size(), await take(store)) == (1, [])


async def test_stop_gives_back_what_is_not_finished_in_time(store: Database[Any], start: Start) -> None:
    reader = GatedReader()
    await fill(store, "a")
    worker = start(consumes={Noted: Consumer(reader.apply)})
    await within_10_s(reader.entered.wait())
    await within_10_s(worker.stop(grace_s=0.01))
    assert await store.outbox_size() == 0
    assert notes_of(await take(store)) == ["a"]


@on_memory
async def test_stop_waits_for_a_queue_of_any_name(store: Database[Any], start: Start) -> None:
    reader = GatedReader()
    await fill(store, "a", queue="warehouses_background-noted")
    worker = start(name="warehouses_background", consumes={Noted: Consumer(reader.apply)})
    await within_10_s(reader.entered.wait())
    reader.gate.set()
    await within_10_s(worker.stop())
    assert await store.outbox_size() == 1


@on_memory
async def test_an_idle_worker_stops_at_once(store: Database[Any], start: Start, monkeypatch: Any) -> None:
    monkeypatch.setattr(worker_module, "POLL_S", 60.0)
    worker = start(consumes={Noted: Consumer(GatedReader().apply)})
    await asyncio.sleep(0.05)
    await within_10_s(worker.stop(grace_s=60.0))


@on_memory
async def test_a_round_that_fails_is_followed_by_the_next(start: Start, lines: RecordedLines) -> None:
    rounds: asyncio.Queue[str] = asyncio.Queue()

    async def reconcile(ctx: Context[Any]) -> None:
        rounds.put_nowait(ctx.deps)
        raise ZeroDivisionError

    start(rounds=[Round(reconcile, 0.001)])
    assert [await within_10_s(rounds.get()) for _ in range(3)] == ["deps of readers"] * 3
    assert lines.messages("error")[:2] == ["round failed"] * 2


async def test_so_many_batches_are_asked_for_at_once(store: Database[Any], start: Start) -> None:
    reader, asked, gate = GatedReader(), asyncio.Queue[str](), asyncio.Semaphore(0)
    reader.gate.set()

    async def ask(_ctx: Context[Any], deliveries: Sequence[Delivery[Noted]]) -> list[str]:
        asked.put_nowait("".join(delivery.data.note for delivery in deliveries))
        await gate.acquire()
        return ["answer"] * len(deliveries)

    async def apply(ctx: Context[Any], unit: Any, deliveries: Sequence[Delivery[Noted]], _answers: Any) -> None:
        await reader.apply(ctx, unit, deliveries)

    await fill(store, "a", "b", "c")
    ear = Ear()
    start(target=ear, consumes={Noted: Consumer(apply, ask, batch=1, loops=2)})
    assert sorted([await within_10_s(asked.get()), await within_10_s(asked.get())]) == ["a", "b"]
    await asyncio.sleep(0.05)
    assert asked.empty()
    gate.release()
    assert await within_10_s(asked.get()) == "c"
    gate.release()
    gate.release()
    for _ in range(3):
        await within_10_s(ear.heard.get())


@on_memory
async def test_a_lease_is_prolonged_while_its_batch_is_asked_for(
    store: MemoryDatabase[MemoryUnit], start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    prolonged: asyncio.Queue[tuple[str, dict[str, int]]] = asyncio.Queue()

    async def prolong(queue: str, leased: dict[str, int], _lease_s: float) -> None:
        prolonged.put_nowait((queue, leased))

    async def ask(_ctx: Context[Any], _deliveries: Any) -> list[Any]:
        assert [await prolonged.get() for _ in range(2)] == [(QUEUE, {event_id: 1})] * 2
        return [unavailable("seen", "The lease was prolonged.")]

    monkeypatch.setattr(database_source, "LEASE_S", 0.03)
    monkeypatch.setattr(store, "prolong", prolong)
    [event_id] = await fill(store, "a")
    start(consumes={Noted: Consumer(GatedReader().apply, ask, attempts=1)})
    await until(lambda: store.tables["dead_letters"])
    [dead] = await store.dead_letters(1)
    assert "seen" in dead.reason


@on_memory
async def test_units_in_each_others_way_are_repeated_without_a_word(
    store: Database[Any], start: Start, lines: RecordedLines
) -> None:
    outcomes = [CollisionError()]
    handled = asyncio.Event()

    async def collide_once(*_: Any) -> None:
        if outcomes:
            raise outcomes.pop()
        handled.set()

    await fill(store, "a")
    start(consumes={Noted: Consumer(collide_once)})
    await within_10_s(handled.wait())
    assert lines.lines == []


@on_memory
async def test_old_ids_are_forgotten(store: MemoryDatabase[MemoryUnit], clock: ManualClock, start: Start) -> None:
    await fill(store, "old")
    clock.advance(worker_module.RECEIVED_KEPT / timedelta(seconds=1) + 1)
    [young] = await fill(store, "young")
    start()
    await until(lambda: len(store.tables["inbox_received"]) < 2)
    assert list(store.tables["inbox_received"]) == [(QUEUE, young)]
