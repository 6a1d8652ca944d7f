"""The contract of `souk_chassis.storage.ports`: what every store must do, as a class of tests.

A test module runs it on an adapter by a subclass:

    class TestMyStore(StoreContract):
        @pytest.fixture
        async def store(self, clock: ManualClock) -> AsyncIterator[Database[Any]]:
            ...  # an empty store whose clock is `clock`
"""
# ruff: noqa: S101, PT012 - a suite of tests: it asserts, and units of work fail in their blocks

import asyncio
from collections.abc import Sequence
from typing import Any

import msgspec
import pytest

from souk_chassis import wire
from souk_chassis.context import unit_is_open
from souk_chassis.errors import SoukError, unavailable
from souk_chassis.events.event import MAX_EVENTS, Envelope, Stored, unpack
from souk_chassis.storage.ports import (
    Database,
    PublishDeferredError,
    Subscriptions,
    Target,
    UnpublishableError,
    outbox_queue,
)
from souk_chassis.testing.clock import ManualClock
from souk_chassis.testing.contexts import TRACEPARENT
from souk_chassis.testing.queues import OTHER_QUEUE, PROMPT_S, QUEUE, Noted, QueueContract, notes_of, take


class FlakyTarget:
    """A way to a subscriber that is down for the first `failures` deliveries, and delivers to `inner` after that."""

    def __init__(self, inner: Target, failures: int) -> None:
        self.inner = inner
        self.failures = failures

    async def receive(self, queue_events: Sequence[tuple[str, Stored]]) -> None:
        """See `souk_chassis.storage.ports.Target`."""
        if self.failures:
            self.failures -= 1
            raise unavailable("subscriber_down", "The subscriber can't be reached.")
        await self.inner.receive(queue_events)


async def publish(store: Database[Any], *notes: str) -> None:
    """Publish events, each in a unit of work of its own."""
    for note in notes:
        await publish_together(store, note)


async def publish_together(store: Database[Any], *notes: str) -> None:
    """Publish events in one unit of work: they are one message."""
    async with store.unit() as unit:
        for note in notes:
            unit.publish(Noted(note=note), TRACEPARENT)


class Shelved(Noted, frozen=True, kw_only=True):
    """An event of another type."""


async def publish_shelved(store: Database[Any], *notes: str) -> None:
    """As `publish_together`, of the other type."""
    async with store.unit() as unit:
        for note in notes:
            unit.publish(Shelved(note=note), TRACEPARENT)


def heard_by(store: Database[Any], *queues: str, failures: int = 0) -> Subscriptions:
    """A subscriber for each queue; all of them keep their queues in `store`, and the last is down at first."""
    targets: dict[str, Target] = {f"service of {queue}": store for queue in queues}
    last = f"service of {queues[-1]}"
    targets[last] = FlakyTarget(store, failures)
    return Subscriptions({Noted.type_name(): [(f"service of {queue}", queue) for queue in queues]}, targets)


class StoreContract(QueueContract):
    """All that `Database` and `Unit` promise. A subclass gives the fixture `store`: an empty store on `clock`."""

    @pytest.fixture
    def clock(self) -> ManualClock:
        """The store's clock."""
        return ManualClock()

    async def test_it_answers(self, store: Database[Any]) -> None:
        await store.ping()

    async def test_a_unit_is_open_inside_its_block_alone(self, store: Database[Any]) -> None:
        async with store.unit():
            assert unit_is_open.get()
        assert not unit_is_open.get()
        with pytest.raises(ZeroDivisionError):
            async with store.unit():
                raise ZeroDivisionError
        assert not unit_is_open.get()

    async def test_published_events_wait_in_the_outbox(self, store: Database[Any]) -> None:
        assert await store.outbox_size() == 0
        await publish(store, "a", "b")
        assert await store.outbox_size() == 2

    @pytest.mark.parametrize("failure", [ZeroDivisionError, asyncio.CancelledError, SoukError])
    async def test_what_a_failed_unit_published_is_gone(
        self, store: Database[Any], failure: type[BaseException]
    ) -> None:
        error = unavailable("down", "It is down.") if failure is SoukError else failure()
        with pytest.raises(failure):
            async with store.unit() as unit:
                unit.publish(Noted(note="a"), TRACEPARENT)
                raise error
        assert await store.outbox_size() == 0

    async def test_the_relay_hands_an_event_to_each_subscriber(self, store: Database[Any], clock: ManualClock) -> None:
        await publish(store, "a", "b")
        assert await store.relay(heard_by(store, QUEUE, OTHER_QUEUE), 100) == 2
        assert await store.outbox_size() == 0
        first, other = await take(store), await take(store, OTHER_QUEUE)
        assert first == other
        assert notes_of(first) == ["a", "b"]
        [delivery], envelope = unpack(first[0].json, Noted), wire.decode(first[0].json, Envelope[msgspec.Raw])
        assert (delivery.event_id, delivery.traceparent) == (first[0].event_id, TRACEPARENT)
        assert (envelope.specversion, envelope.type, envelope.subject) == ("1.0", Noted.type_name(), "a")
        assert envelope.time == clock.now()

    async def test_events_of_one_unit_travel_as_one_message(self, store: Database[Any]) -> None:
        await publish_together(store, "a", "b", "c")
        assert await store.outbox_size() == 3
        assert await store.relay(heard_by(store, QUEUE), 100) == 1
        assert (await store.queue_states([QUEUE]))[0].waiting == 3
        [message] = await take(store, limit=1)
        assert (notes_of([message]), message.count) == (["a", "b", "c"], 3)

    async def test_a_message_has_so_many_events_and_no_more(self, store: Database[Any]) -> None:
        await publish_together(store, *(f"{number:03}" for number in range(MAX_EVENTS + 1)))
        assert await store.relay(heard_by(store, QUEUE), 100) == 2
        messages = await take(store, limit=2 * MAX_EVENTS)
        assert [message.count for message in messages] == [MAX_EVENTS, 1]
        assert notes_of(messages) == [f"{number:03}" for number in range(MAX_EVENTS + 1)]

    async def test_what_nobody_hears_leaves_the_outbox(self, store: Database[Any]) -> None:
        await publish(store, "a")
        assert await store.relay(Subscriptions({}, {}), 100) == 1
        assert await store.outbox_size() == 0

    async def test_the_relay_takes_the_oldest_up_to_its_limit(self, store: Database[Any]) -> None:
        await publish(store, "a", "b", "c")
        subscriptions = heard_by(store, QUEUE)
        assert await store.relay(subscriptions, 2) == 2
        assert notes_of(await take(store)) == ["a", "b"]
        assert [await store.relay(subscriptions, 2) for _ in range(2)] == [1, 0]
        assert notes_of(await take(store)) == ["c"]

    async def test_a_failed_relay_loses_nothing_and_doubles_nothing(self, store: Database[Any]) -> None:
        await publish(store, "a", "b")
        subscriptions = heard_by(store, QUEUE, OTHER_QUEUE, failures=2)
        for _ in range(2):
            with pytest.raises(SoukError):
                await store.relay(subscriptions, 100)
            assert await store.outbox_size() == 2
        early = await take(store)
        assert await store.relay(subscriptions, 100) == 2
        assert notes_of([*early, *await take(store)]) == ["a", "b"]
        assert notes_of(await take(store, OTHER_QUEUE)) == ["a", "b"]

    async def test_what_can_never_be_published_is_put_aside(self, store: Database[Any]) -> None:
        """It would else hold up the outbox for ever."""
        await publish(store, "a", "bad", "b")
        topic = Topic("bad")
        with pytest.raises(UnpublishableError) as caught:
            await store.relay(topic, 100)
        assert [each.event_id for each in caught.value.messages] == [topic.refused[0].event_id]
        assert sorted(topic.notes) == ["a", "b"]
        assert await store.outbox_size() == 0
        [letter] = await store.dead_letters(10)
        assert letter.queue.endswith(outbox_queue(""))
        assert letter.event_id == topic.refused[0].event_id
        assert "no topic" in letter.reason
        assert await store.relay(topic, 100) == 0

    async def test_what_a_bus_does_not_take_stays(self, store: Database[Any]) -> None:
        await publish(store, "a")
        topic = Topic("bad")
        topic.failure = unavailable("aws_unavailable", "It is away.")
        with pytest.raises(SoukError):
            await store.relay(topic, 100)
        topic.failure = None
        assert await store.relay(topic, 100) == 1
        assert topic.notes == ["a"]

    async def test_what_a_bus_holds_back_stays_alone(self, store: Database[Any]) -> None:
        await publish(store, "a")
        await publish_shelved(store, "b", "c")
        await publish(store, "d")
        topic = Closed()
        with pytest.raises(PublishDeferredError) as caught:
            await store.relay(topic, 100)
        assert caught.value.fault is topic.closed
        assert (sorted(topic.notes), await store.outbox_size()) == (["a", "d"], 2)
        topic.closed = None
        assert await store.relay(topic, 100) == 1
        assert (topic.notes[2:], await store.outbox_size()) == (["b", "c"], 0)

    async def test_the_relay_passes_over_types(self, store: Database[Any]) -> None:
        await publish_shelved(store, "a")
        await publish_shelved(store, "b")
        await publish(store, "c")
        topic = Closed()
        topic.closed = None
        assert await store.relay(topic, 2, [Shelved.type_name()]) == 1
        assert topic.notes == ["c"]
        assert await store.relay(topic, 2) == 2
        assert sorted(topic.notes[1:]) == ["a", "b"]

    async def test_relays_at_once_double_nothing(self, store: Database[Any]) -> None:
        notes = [f"n{number}" for number in range(20)]
        await publish(store, *notes)
        subscriptions = heard_by(store, QUEUE)
        await asyncio.gather(*(store.relay(subscriptions, 100) for _ in range(3)))
        assert notes_of(await take(store)) == notes
        assert await store.outbox_size() == 0

    async def test_a_waiting_relay_is_woken(self, store: Database[Any]) -> None:
        waiting = asyncio.create_task(store.wait_published(6 * PROMPT_S))
        await asyncio.sleep(0)
        await publish(store, "a")
        await asyncio.wait_for(waiting, PROMPT_S)

    async def test_a_relay_that_comes_late_is_told_once(self, store: Database[Any]) -> None:
        await publish(store, "a")
        await asyncio.wait_for(store.wait_published(6 * PROMPT_S), PROMPT_S)
        assert await _slept(store, 0.05)

    async def test_a_relay_sleeps_while_nothing_is_published(self, store: Database[Any]) -> None:
        await publish(store)
        with pytest.raises(ZeroDivisionError):
            async with store.unit() as unit:
                unit.publish(Noted(note="a"), TRACEPARENT)
                raise ZeroDivisionError
        assert await _slept(store, 0.05)


class Topic:
    """A bus elsewhere, which never takes the event with a certain note."""

    def __init__(self, never: str) -> None:
        self.never = never
        self.notes: list[str] = []
        self.refused: list[Stored] = []
        self.failure: Exception | None = None

    async def publish(self, messages: Sequence[Stored]) -> None:
        """See `souk_chassis.storage.ports.Bus`."""
        if self.failure is not None:
            raise self.failure
        for message in messages:
            [delivery] = unpack(message.json, Noted)
            if delivery.data.note == self.never:
                self.refused.append(message)
            else:
                self.notes.append(delivery.data.note)
        if self.refused and self.refused[-1] in messages:
            raise UnpublishableError(self.refused, "there is no topic for it")


class Closed:
    """A bus elsewhere, whose topic for `Shelved` is closed as long as `closed` says why."""

    def __init__(self) -> None:
        self.notes: list[str] = []
        self.closed: Exception | None = ZeroDivisionError("no such topic")
        self.tried = 0

    async def publish(self, messages: Sequence[Stored]) -> None:
        """See `souk_chassis.storage.ports.Bus`."""
        shelved = [message for message in messages if message.type == Shelved.type_name()]
        held = shelved if self.closed is not None else []
        self.tried += len(held)
        for message in messages:
            kind = Shelved if message in shelved else Noted
            if message not in held:
                self.notes += [delivery.data.note for delivery in unpack(message.json, kind)]
        if held and self.closed is not None:
            raise PublishDeferredError(held, {Shelved.type_name(): self.closed})


async def _slept(store: Database[Any], timeout_s: float) -> bool:
    """Whether `wait_published` waited for its whole time. Only too early an end is wrong, so no slow machine is."""
    loop = asyncio.get_running_loop()
    began = loop.time()
    await store.wait_published(timeout_s)
    return loop.time() - began >= timeout_s * 0.9
