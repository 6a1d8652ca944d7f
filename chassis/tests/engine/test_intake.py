"""The intake: out of SQS into the database's queues, once each, whatever dies or is away in between."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import msgspec
import pytest

from souk_chassis.aws.sqs import Received
from souk_chassis.engine import intake as module
from souk_chassis.engine.intake import HIDDEN_S, Intake
from souk_chassis.errors import SoukError, unavailable
from souk_chassis.events.event import Stored, as_message
from souk_chassis.ids import uuid7
from souk_chassis.manifest import Consumer
from souk_chassis.runtimes.instance import Instance
from souk_chassis.storage.ports import Database
from souk_chassis.testing.logs import RecordedLines
from souk_chassis.testing.queues import QUEUE, Noted, noted, notes_of, take
from souk_chassis.testing.waiting import until


class Sqs:
    """A queue of SQS with its dead letters. What is in hand comes again by `lapse`."""

    def __init__(self) -> None:
        self.waiting: list[tuple[str, int]] = []
        self.in_hand: dict[str, tuple[str, int]] = {}
        self.dead: list[tuple[str, str]] = []
        self.asked = 0
        self.sent = asyncio.Event()
        self.failure: Exception | None = None
        self.delete_failure: BaseException | None = None

    def send(self, *bodies: str) -> None:
        self.waiting += [(body, 0) for body in bodies]
        self.sent.set()

    def lapse(self) -> None:
        """The time of what is in hand is over."""
        self.waiting += self.in_hand.values()
        self.in_hand.clear()
        self.sent.set()

    async def receive(
        self, queue: str, limit: int = 10, *, hidden_s: int | None = None, wait_s: int = 0
    ) -> Sequence[Received]:
        assert (queue, hidden_s) == (QUEUE, HIDDEN_S)
        self.asked += 1
        if self.failure is not None:
            raise self.failure
        if not self.waiting:
            self.sent.clear()
            await asyncio.wait_for(self.sent.wait(), wait_s)
        taken, self.waiting = self.waiting[:limit], self.waiting[limit:]
        found = []
        for body, receives in taken:
            receipt = uuid7()
            self.in_hand[receipt] = body, receives + 1
            found.append(Received(receipt, receipt, body, {}, receives + 1, time.time()))
        return found

    async def delete(self, queue: str, receipts: Sequence[str]) -> Sequence[object]:
        if self.delete_failure is not None:
            raise self.delete_failure
        for receipt in receipts:
            del self.in_hand[receipt]
        return []

    async def bury(self, queue: str, event_json: str, reason: str, attempts: int) -> None:
        self.dead.append((event_json, reason))


@pytest.fixture
def sqs() -> Sqs:
    return Sqs()


@pytest.fixture
def intake(make_instance: Callable[..., Instance], store: Database[Any], sqs: Sqs) -> Intake:
    async def apply(*_: Any) -> None:
        raise AssertionError("the intake handles nothing")

    return Intake(make_instance(store, consumes={Noted: Consumer(apply)}), sqs, sqs)


def bodies(*notes: str) -> list[str]:
    return [noted(note).json for note in notes]


async def test_messages_of_one_event_and_of_many(intake: Intake, store: Database[Any], sqs: Sqs) -> None:
    sqs.send(*bodies("a"), as_message([noted("b"), noted("c")]).json)
    assert await intake.take_once(QUEUE) == 2
    assert (sqs.waiting, sqs.in_hand, sqs.dead) == ([], {}, [])
    assert (await store.queue_states([QUEUE]))[0].waiting == 3
    assert notes_of(await take(store)) == ["a", "b", "c"]


async def test_ten_at_a_time(intake: Intake, store: Database[Any], sqs: Sqs) -> None:
    sqs.send(*bodies(*(f"{number:02}" for number in range(12))))
    assert [await intake.take_once(QUEUE) for _ in range(2)] == [10, 2]
    assert len(await take(store)) == 12


async def test_what_dies_between_keeping_and_deleting_comes_again_and_changes_nothing(
    intake: Intake, store: Database[Any], sqs: Sqs
) -> None:
    sqs.send(*bodies("a", "b"))
    sqs.delete_failure = asyncio.CancelledError()
    with pytest.raises(asyncio.CancelledError):
        await intake.take_once(QUEUE)
    assert notes_of(await take(store)) == ["a", "b"]
    sqs.delete_failure = None
    sqs.lapse()
    assert await intake.take_once(QUEUE) == 2
    assert await take(store) == []
    assert (sqs.waiting, sqs.in_hand) == ([], {})


async def test_nothing_is_deleted_that_is_not_kept(
    intake: Intake, store: Database[Any], sqs: Sqs, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(_: object) -> None:
        raise unavailable("database_unavailable", "It is away.")

    sqs.send(*bodies("a"))
    with monkeypatch.context() as patched:
        patched.setattr(store, "receive", away)
        with pytest.raises(SoukError):
            await intake.take_once(QUEUE)
    assert len(sqs.in_hand) == 1
    sqs.lapse()
    await intake.take_once(QUEUE)
    assert notes_of(await take(store)) == ["a"]


async def test_a_database_that_hangs_is_given_up_before_others_see_the_messages(
    intake: Intake, store: Database[Any], sqs: Sqs, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert module.KEPT_WITHIN_S < HIDDEN_S

    async def hanging(_: object) -> None:
        await asyncio.Event().wait()

    sqs.send(*bodies("a"))
    with monkeypatch.context() as patched:
        patched.setattr(module, "KEPT_WITHIN_S", 0.01)
        patched.setattr(store, "receive", hanging)
        with pytest.raises(SoukError) as error:
            await asyncio.wait_for(intake.take_once(QUEUE), 10.0)
    assert error.value.code == "database_busy"
    assert (len(sqs.in_hand), sqs.dead) == (1, [])
    sqs.lapse()
    await intake.take_once(QUEUE)
    assert notes_of(await take(store)) == ["a"]


OTHER_VERSION = (
    '{"id": "01890a5d-ac96-774b-bcce-b302099a8057", "type": "souk.Noted.v2", "source": "/a", "subject": "b", '
    '"data": {}, "time": "2026-01-01T00:00:00Z"}'
)
UNREADABLE = [
    "",
    "no JSON",
    "[]",
    '{"id": 7}',
    '{"id": "no-uuid", "type": "souk.Noted.v1"}',
    OTHER_VERSION,
]


@pytest.mark.parametrize("body", UNREADABLE)
async def test_what_can_not_be_read_goes_to_the_dead_letters_with_its_reason(
    intake: Intake, store: Database[Any], sqs: Sqs, lines: RecordedLines, body: str
) -> None:
    sqs.send(body, *bodies("a"))
    await intake.take_once(QUEUE)
    [(dead, reason)] = sqs.dead
    assert dead == body
    assert "Error" in reason
    assert (sqs.waiting, sqs.in_hand) == ([], {})
    assert notes_of(await take(store)) == ["a"]
    assert lines.messages("error") == ["message given up"]


async def test_one_that_the_database_refuses_holds_up_no_other(
    intake: Intake, store: Database[Any], sqs: Sqs, monkeypatch: pytest.MonkeyPatch
) -> None:
    receive: Callable[[Any], Awaitable[None]] = store.receive

    async def refusing(pairs: Sequence[tuple[str, Stored]]) -> None:
        if any("poison" in stored.json for _, stored in pairs):
            raise ValueError("not this one")
        await receive(pairs)

    monkeypatch.setattr(store, "receive", refusing)
    sqs.send(*bodies("a", "poison", "b"))
    await intake.take_once(QUEUE)
    assert notes_of(await take(store)) == ["a", "b"]
    [(_, reason)] = sqs.dead
    assert reason == "ValueError: not this one"
    assert (sqs.waiting, sqs.in_hand) == ([], {})


@pytest.fixture
def brisk(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pauses are short."""
    monkeypatch.setattr(module, "PAUSE_BASE_S", 0.01)
    monkeypatch.setattr(module, "_POLICY", msgspec.structs.replace(module._POLICY, backoff_base_s=0.01))


@pytest.mark.usefixtures("brisk")
async def test_sqs_comes_back(intake: Intake, store: Database[Any], sqs: Sqs, lines: RecordedLines) -> None:
    sqs.failure = unavailable("aws_unavailable", "It is away.")
    intake.start()
    await until(lambda: sqs.asked > 2)
    sqs.failure = None
    sqs.send(*bodies("a"))
    await until(lambda: sqs.asked > 2 and not sqs.waiting and not sqs.in_hand)
    await intake.stop()
    assert notes_of(await take(store)) == ["a"]
    assert set(lines.messages("warning")) == {"intake failed"}


@pytest.mark.usefixtures("brisk")
async def test_nothing_is_taken_in_vain_while_the_database_is_away(
    intake: Intake, store: Database[Any], sqs: Sqs, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each time counts towards SQS's own last resort, which knows no reason."""
    pings = 0

    async def away(*_: object) -> None:
        nonlocal pings
        pings += 1
        raise unavailable("database_unavailable", "It is away.")

    sqs.send(*bodies("a"))
    with monkeypatch.context() as patched:
        patched.setattr(store, "receive", away)
        patched.setattr(store, "ping", away)
        intake.start()
        await until(lambda: pings > 3)
        assert sqs.asked == 1
    sqs.lapse()
    await until(lambda: not sqs.waiting and not sqs.in_hand)
    await intake.stop()
    assert notes_of(await take(store)) == ["a"]


@pytest.mark.usefixtures("brisk")
async def test_a_full_queue_leaves_messages_in_sqs(
    intake: Intake, store: Database[Any], sqs: Sqs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MOST_WAITING", 10)
    monkeypatch.setattr(module, "LOOK_S", 0.0)
    looks = 0
    states: Callable[[Any], Awaitable[Any]] = store.queue_states

    async def counted(queues: Any) -> Any:
        nonlocal looks
        looks += 1
        return await states(queues)

    monkeypatch.setattr(store, "queue_states", counted)
    sqs.send(*bodies(*(f"{number:02}" for number in range(60))))
    intake.start()
    await until(lambda: looks > 5)
    assert len(sqs.waiting) == 50
    taken = 0

    async def drained() -> bool:
        nonlocal taken
        taken += len(await take(store))
        return taken == 60

    await until(drained)
    await intake.stop()


async def test_a_stop_while_it_waits_is_at_once(intake: Intake, sqs: Sqs) -> None:
    intake.start()
    await until(lambda: sqs.asked == 1)
    async with asyncio.timeout(5.0):
        await intake.stop()


async def test_a_stop_lets_what_was_taken_be_kept(
    intake: Intake, store: Database[Any], sqs: Sqs, monkeypatch: pytest.MonkeyPatch
) -> None:
    receive: Callable[[Any], Awaitable[None]] = store.receive
    began, goes_on = asyncio.Event(), asyncio.Event()

    async def slow(pairs: Sequence[tuple[str, Stored]]) -> None:
        began.set()
        await goes_on.wait()
        await receive(pairs)

    monkeypatch.setattr(store, "receive", slow)
    sqs.send(*bodies("a"))
    intake.start()
    await began.wait()
    stopping = asyncio.create_task(intake.stop())
    await asyncio.sleep(0)
    goes_on.set()
    await stopping
    assert notes_of(await take(store)) == ["a"]
    assert (sqs.waiting, sqs.in_hand) == ([], {})
