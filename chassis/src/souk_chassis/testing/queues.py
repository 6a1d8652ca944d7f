"""The contract of the queues: the part of `souk_chassis.testing.stores.StoreContract` about events that come in."""
# ruff: noqa: S101, PT012 - a suite of tests: it asserts, and units of work fail in their blocks

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest

from souk_chassis.events.event import Event, Stored, as_message, pack, unpack
from souk_chassis.ids import uuid7
from souk_chassis.storage.ports import Database, Waiting
from souk_chassis.testing.clock import ManualClock
from souk_chassis.testing.contexts import TRACEPARENT

QUEUE, OTHER_QUEUE = "readers-noted", "writers-noted"
PROMPT_S = 10.0
"""How long a wake-up may take on a busy machine before a test fails."""


class Noted(Event, frozen=True, kw_only=True):
    """The event of these suites."""

    note: str

    @property
    def subject(self) -> str:
        """The note itself."""
        return self.note


def noted(note: str) -> Stored:
    """A `Noted` as an outbox holds it."""
    return pack(Noted(note=note), source="tests", time=ManualClock().now(), traceparent=TRACEPARENT)


def notes_of(waiting: Sequence[Waiting]) -> list[str]:
    """What events taken from a queue say, in order."""
    return [delivery.data.note for one in waiting for delivery in unpack(one.json, Noted)]


async def fill(store: Database[Any], *notes: str, queue: str = QUEUE) -> list[str]:
    """Put events into a queue. Returns their ids."""
    events = [noted(note) for note in notes]
    await store.receive([(queue, event) for event in events])
    return [event.event_id for event in events]


async def fill_together(store: Database[Any], *notes: str, queue: str = QUEUE) -> list[str]:
    """Put events into a queue as one message. Returns their ids."""
    events = [noted(note) for note in notes]
    await store.receive([(queue, as_message(events))])
    return [event.event_id for event in events]


async def take(store: Database[Any], queue: str = QUEUE, limit: int = 100) -> list[Waiting]:
    """Take what is due in a unit of work of its own."""
    async with store.unit() as unit:
        taken: list[Waiting] = await unit.take(queue, limit)
    return taken


async def acknowledge(store: Database[Any], leased: dict[str, int]) -> set[str]:
    """Acknowledge in a unit of work of its own."""
    async with store.unit() as unit:
        held: set[str] = await unit.acknowledge(QUEUE, leased)
    return held


class Letters:
    """Dead letters elsewhere, which take none while `failure` says why."""

    def __init__(self) -> None:
        self.buried: list[tuple[str, str, str, int]] = []
        self.failure: Exception | None = None

    async def bury(self, queue: str, event_json: str, reason: str, attempts: int) -> None:
        """See `souk_chassis.storage.ports.DeadLetters`."""
        if self.failure is not None:
            raise self.failure
        self.buried.append((queue, event_json, reason, attempts))


class QueueContract:
    """A subclass has the fixtures `clock` and `store` of `souk_chassis.testing.stores.StoreContract`."""

    async def test_events_are_taken_once_and_oldest_first(self, store: Database[Any]) -> None:
        events = [noted(note) for note in "abcd"]
        await store.receive([(QUEUE, event) for event in reversed(events)])
        assert notes_of(await take(store, limit=3)) == ["a", "b", "c"]
        assert notes_of(await take(store)) == ["d"]
        assert await take(store) == []

    async def test_a_batch_takes_whole_messages_and_no_more_events_than_asked_for(self, store: Database[Any]) -> None:
        together = [as_message([noted(note) for note in notes]) for notes in ("abc", "de", "f")]
        await store.receive([(QUEUE, message) for message in together])
        assert [notes_of(await take(store, limit=limit)) for limit in (2, 2, 5)] == [[*"abc"], [*"de"], ["f"]]

    async def test_a_lease_takes_whole_messages(self, store: Database[Any]) -> None:
        await store.receive([(QUEUE, as_message([noted(note) for note in notes])) for notes in ("abc", "de")])
        leased = await store.lease(QUEUE, 4, 30.0)
        assert [(notes_of([one]), one.attempts, one.count) for one in leased] == [([*"abc"], 0, 3)]
        assert await acknowledge(store, {leased[0].event_id: 1}) == {leased[0].event_id}
        assert notes_of(await take(store)) == [*"de"]

    @pytest.mark.parametrize("leased", [True, False])
    async def test_a_message_is_split_into_its_events(self, store: Database[Any], leased: bool) -> None:
        notes = [noted(note) for note in "abc"]
        message = as_message(notes)
        await store.receive([(QUEUE, message), (QUEUE, noted("d"))])
        await store.postpone(QUEUE, message.event_id, 0.0)
        before = await store.lease(QUEUE, 10, 30.0) if leased else [Waiting(message.event_id, message.json, 1, 3)]
        parts = await store.split(QUEUE, before, leased=leased)
        wanted = [Waiting(each.event_id, each.json, 1) for each in notes]
        assert [part for part in parts if part.attempts] == wanted
        assert await store.split(QUEUE, [before[0]], leased=leased) == []
        if leased:
            assert await take(store) == []
            assert await acknowledge(store, {part.event_id: 2 for part in wanted}) == {e.event_id for e in notes}
        else:
            assert notes_of(await take(store)) == [*"abcd"]

    async def test_a_message_that_another_has_is_not_split(self, store: Database[Any], clock: ManualClock) -> None:
        message = as_message([noted(note) for note in "ab"])
        await store.receive([(QUEUE, message)])
        [mine] = await store.lease(QUEUE, 10, 30.0)
        clock.advance(30.0)
        [theirs] = await store.lease(QUEUE, 10, 30.0)
        assert await store.split(QUEUE, [mine], leased=True) == []
        assert len(await store.split(QUEUE, [theirs], leased=True)) == 2

    async def test_what_nobody_can_read_stays_whole(self, store: Database[Any]) -> None:
        broken = Stored(uuid7(), "souk.Broken.v1", '[{"half": ', 2)
        await store.receive([(QUEUE, broken)])
        whole = Waiting(broken.event_id, broken.json, 0, 2)
        assert await store.split(QUEUE, [whole], leased=False) == [whole]
        assert await take(store) == [whole]

    async def test_an_event_is_taken_as_it_was_sent(self, store: Database[Any]) -> None:
        event = noted("häßlich \U0001f600")
        await store.receive([(QUEUE, event)])
        assert await take(store) == [Waiting(event.event_id, event.json, 0)]

    async def test_what_a_failed_unit_took_is_back(self, store: Database[Any]) -> None:
        await fill(store, "a", "b")
        with pytest.raises(ZeroDivisionError):
            async with store.unit() as unit:
                assert len(await unit.take(QUEUE, 2)) == 2
                raise ZeroDivisionError
        taken = await take(store)
        assert (notes_of(taken), [one.attempts for one in taken]) == (["a", "b"], [0, 0])

    async def test_a_queue_holds_its_own_events_alone(self, store: Database[Any]) -> None:
        await fill(store, "a")
        await fill(store, "b", queue=OTHER_QUEUE)
        assert notes_of(await take(store)) == ["a"]
        assert notes_of(await take(store, OTHER_QUEUE)) == ["b"]

    async def test_consumers_at_once_share_the_events(self, store: Database[Any]) -> None:
        notes = [f"n{number}" for number in range(30)]
        await fill(store, *notes)
        shares = await asyncio.gather(*(take(store, limit=10) for _ in range(3)))
        rest = await take(store)  # a consumer may get less than it asked for while others hold the events
        assert sorted(note for share in (*shares, rest) for note in notes_of(share)) == sorted(notes)

    @pytest.mark.parametrize("leased", [True, False])
    async def test_a_postponed_event_waits(self, store: Database[Any], clock: ManualClock, leased: bool) -> None:
        [event_id] = await fill(store, "a")
        if leased:
            await store.lease(QUEUE, 1, 1.0)
        await store.postpone(QUEUE, event_id, 5.0, lease=1 if leased else None)
        clock.advance(4.9)
        assert await take(store) == []
        clock.advance(0.1)
        assert [(one.event_id, one.attempts) for one in await take(store)] == [(event_id, 1)]

    async def test_who_lost_a_lease_can_neither_postpone_nor_bury(
        self, store: Database[Any], clock: ManualClock
    ) -> None:
        [event_id] = await fill(store, "a")
        await store.lease(QUEUE, 1, 1.0)
        clock.advance(1.0)
        await store.lease(QUEUE, 1, 1.0)
        await store.postpone(QUEUE, event_id, 60.0, lease=1)
        await store.bury(QUEUE, event_id, "late", lease=1)
        assert await store.dead_letters(10) == []
        clock.advance(1.0)
        assert [one.attempts for one in await take(store)] == [2]

    async def test_a_lease_hides_and_counts_until_it_ends(self, store: Database[Any], clock: ManualClock) -> None:
        await fill(store, "a", "b")
        first = await store.lease(QUEUE, 1, 30.0)
        assert (notes_of(first), first[0].attempts) == (["a"], 0)
        assert notes_of(await store.lease(QUEUE, 10, 60.0)) == ["b"]
        clock.advance(30.0)
        assert [(one.event_id, one.attempts) for one in await take(store)] == [(first[0].event_id, 1)]

    async def test_a_held_lease_is_acknowledged_once(self, store: Database[Any], clock: ManualClock) -> None:
        ids = await fill(store, "a", "b")
        leased = {one.event_id: one.attempts + 1 for one in await store.lease(QUEUE, 10, 30.0)}
        assert await acknowledge(store, leased) == set(ids)
        assert await acknowledge(store, leased) == set()
        clock.advance(30.0)
        assert await take(store) == []

    async def test_a_lease_that_another_took_over_is_lost(self, store: Database[Any], clock: ManualClock) -> None:
        a, b = await fill(store, "a", "b")
        await store.lease(QUEUE, 10, 30.0)
        clock.advance(30.0)
        assert [one.attempts for one in await store.lease(QUEUE, 1, 30.0)] == [1]
        assert await acknowledge(store, {a: 1, b: 1, uuid7(): 1}) == {b}
        assert await acknowledge(store, {a: 2}) == {a}

    async def test_a_held_lease_can_be_prolonged(self, store: Database[Any], clock: ManualClock) -> None:
        ids = await fill(store, "a", "b")
        await store.lease(QUEUE, 10, 6.0)
        clock.advance(4.0)
        await store.prolong(QUEUE, {ids[0]: 1, ids[1]: 2, uuid7(): 1}, 6.0)
        clock.advance(4.0)
        assert [(one.event_id, one.attempts) for one in await store.lease(QUEUE, 10, 6.0)] == [(ids[1], 1)]
        clock.advance(2.0)
        assert [(one.event_id, one.attempts) for one in await take(store)] == [(ids[0], 1)]

    async def test_an_acknowledgement_rolls_back_with_its_unit(self, store: Database[Any]) -> None:
        [event_id] = await fill(store, "a")
        await store.lease(QUEUE, 1, 30.0)
        with pytest.raises(ZeroDivisionError):
            async with store.unit() as unit:
                assert await unit.acknowledge(QUEUE, {event_id: 1}) == {event_id}
                raise ZeroDivisionError
        assert await acknowledge(store, {event_id: 1}) == {event_id}

    async def test_a_buried_event_is_a_dead_letter(self, store: Database[Any], clock: ManualClock) -> None:
        a, _ = await fill(store, "a", "b")
        await store.postpone(QUEUE, a, 0.0)
        clock.advance(60)
        await store.bury(QUEUE, a, "x" * 5000)  # its second attempt
        [dead] = await store.dead_letters(10)
        assert (dead.queue, dead.event_id, dead.type, dead.subject) == (QUEUE, a, Noted.type_name(), "a")
        assert (dead.attempts, dead.died_at) == (2, clock.now())
        assert dead.reason == "x" * 2000
        assert notes_of(await take(store)) == ["b"]

    async def test_dead_letters_may_be_elsewhere(self, store: Database[Any]) -> None:
        """What comes back from there is taken in, as one that the queue never had."""
        event, letters = noted("a"), Letters()
        await store.receive([(QUEUE, event), (OTHER_QUEUE, event)])
        await store.postpone(QUEUE, event.event_id, 0.0)
        await store.bury(QUEUE, event.event_id, "x" * 5000, letters=letters)
        assert letters.buried == [(QUEUE, event.json, "x" * 2000, 2)]
        assert (await store.dead_letters(10), await take(store)) == ([], [])
        await store.receive([(QUEUE, event), (OTHER_QUEUE, event)])
        assert [len(await take(store, queue)) for queue in (QUEUE, OTHER_QUEUE)] == [1, 1]

    async def test_what_dead_letters_elsewhere_do_not_take_stays(self, store: Database[Any]) -> None:
        [event_id] = await fill(store, "a")
        letters = Letters()
        letters.failure = ZeroDivisionError("no room")
        with pytest.raises(ZeroDivisionError):
            await store.bury(QUEUE, event_id, "late", letters=letters)
        await store.receive([(QUEUE, noted("b"))])
        assert notes_of(await take(store)) == ["a", "b"]

    async def test_nobody_buries_elsewhere_what_he_does_not_hold(self, store: Database[Any]) -> None:
        [event_id] = await fill(store, "a")
        await store.lease(QUEUE, 1, 30.0)
        letters = Letters()
        await store.bury(QUEUE, event_id, "late", lease=2, letters=letters)
        await store.bury(QUEUE, uuid7(), "late", letters=letters)
        assert letters.buried == []
        await store.bury(QUEUE, event_id, "late", lease=1, letters=letters)
        assert [attempts for *_, attempts in letters.buried] == [1]

    async def test_a_leased_dead_letter_tells_its_attempts(self, store: Database[Any]) -> None:
        [event_id] = await fill(store, "a")
        await store.postpone(QUEUE, event_id, 0.0)
        await store.lease(QUEUE, 1, 30.0)
        await store.bury(QUEUE, event_id, "late", lease=2)
        assert [dead.attempts for dead in await store.dead_letters(10)] == [2]

    async def test_what_is_not_there_can_be_neither_buried_nor_postponed(self, store: Database[Any]) -> None:
        await store.bury(QUEUE, uuid7(), "gone")
        await store.postpone(QUEUE, uuid7(), 1.0)
        assert (await store.dead_letters(10), await take(store)) == ([], [])

    async def test_a_dead_letter_that_nobody_can_read_is_listed(self, store: Database[Any]) -> None:
        broken = Stored(uuid7(), "souk.Broken.v1", '{"half": ')
        await store.receive([(QUEUE, broken)])
        await store.bury(QUEUE, broken.event_id, "unreadable")
        [dead] = await store.dead_letters(10)
        assert (dead.event_id, dead.type, dead.subject) == (broken.event_id, "", "")

    async def test_dead_letters_are_listed_newest_first(self, store: Database[Any], clock: ManualClock) -> None:
        ids = await fill(store, "a", "b", "c")
        for event_id in ids:
            await store.bury(QUEUE, event_id, "late")
            clock.advance(1)
        assert [dead.event_id for dead in await store.dead_letters(2)] == [ids[2], ids[1]]

    async def test_redriven_events_begin_anew(self, store: Database[Any]) -> None:
        a, b = await fill(store, "a", "b")
        [other] = await fill(store, "c", queue=OTHER_QUEUE)
        for event_id in (a, b):
            await store.postpone(QUEUE, event_id, 600.0)
            await store.bury(QUEUE, event_id, "late")
        await store.bury(OTHER_QUEUE, other, "late")
        assert await store.redrive(QUEUE) == 2
        assert [(one.event_id, one.attempts) for one in await take(store)] == [(a, 0), (b, 0)]
        assert [dead.event_id for dead in await store.dead_letters(10)] == [other]
        assert await store.redrive(QUEUE) == 0

    async def test_a_repeat_is_passed_over(self, store: Database[Any]) -> None:
        event = noted("a")
        await store.receive([(QUEUE, event), (QUEUE, event), (OTHER_QUEUE, event)])
        await store.receive([(QUEUE, event)])
        assert [len(await take(store, queue)) for queue in (QUEUE, OTHER_QUEUE)] == [1, 1]
        await store.receive([(QUEUE, event), (OTHER_QUEUE, event)])
        assert [len(await take(store, queue)) for queue in (QUEUE, OTHER_QUEUE)] == [0, 0]

    async def test_a_repeat_of_a_dead_letter_is_passed_over(self, store: Database[Any]) -> None:
        event = noted("a")
        await store.receive([(QUEUE, event)])
        await store.bury(QUEUE, event.event_id, "poison")
        await store.receive([(QUEUE, event)])
        assert await take(store) == []

    async def test_ids_are_forgotten_after_their_time(self, store: Database[Any], clock: ManualClock) -> None:
        old, young = noted("old"), noted("young")
        await store.receive([(QUEUE, old)])
        clock.advance(10)
        await store.receive([(QUEUE, young)])
        await take(store)
        assert await store.forget_received(clock.now() - timedelta(seconds=5)) == 1
        await store.receive([(QUEUE, old), (QUEUE, young)])
        assert notes_of(await take(store)) == ["old"]

    async def test_the_state_of_queues(self, store: Database[Any], clock: ManualClock) -> None:
        a, _ = await fill(store, "a", "b")
        clock.advance(7)
        await fill(store, "c")
        await store.lease(QUEUE, 1, 30.0)
        [state] = await store.queue_states([QUEUE])
        assert (state.name, state.waiting, state.oldest_s, state.dead) == (QUEUE, 3, 7.0, 0)
        await store.bury(QUEUE, a, "late")
        states = {state.name: state for state in await store.queue_states([QUEUE, OTHER_QUEUE])}
        assert (states[QUEUE].waiting, states[QUEUE].dead) == (2, 1)
        assert (states[OTHER_QUEUE].waiting, states[OTHER_QUEUE].oldest_s, states[OTHER_QUEUE].dead) == (0, 0.0, 0)

    @pytest.mark.parametrize("cause", ["received", "redriven"])
    async def test_a_waiting_consumer_is_woken(self, store: Database[Any], cause: str) -> None:
        if cause == "redriven":
            [event_id] = await fill(store, "dead")
            await store.bury(QUEUE, event_id, "late")
        await store.wait_received(QUEUE, 0.01)  # takes away what earlier events left behind
        waiting = asyncio.create_task(store.wait_received(QUEUE, 6 * PROMPT_S))
        await asyncio.sleep(0)
        if cause == "redriven":
            await store.redrive(QUEUE)
        else:
            await fill(store, "a")
        await asyncio.wait_for(waiting, PROMPT_S)
        assert len(await take(store)) == 1

    async def test_a_consumer_waits_for_so_long_and_no_longer(self, store: Database[Any]) -> None:
        await asyncio.wait_for(store.wait_received(QUEUE, 0.01), PROMPT_S)
