"""What a handler gives up becomes a dead letter beside its queue on SQS, where there is one."""

from collections.abc import Callable, Sequence
from typing import Any

import pytest

from souk_chassis.context import Context
from souk_chassis.engine.database_source import LETTERS_AWAY_PAUSE_S
from souk_chassis.engine.worker import Worker
from souk_chassis.errors import unavailable
from souk_chassis.events.event import Delivery
from souk_chassis.manifest import Consumer
from souk_chassis.runtimes.instance import Instance
from souk_chassis.storage.ports import Database, Subscriptions
from souk_chassis.testing.clock import ManualClock
from souk_chassis.testing.dispatch import FakeDispatcher
from souk_chassis.testing.logs import RecordedLines
from souk_chassis.testing.queues import QUEUE, Letters, Noted, fill_together, noted, notes_of, take


async def refuse(_ctx: Context[Any], _unit: Any, deliveries: Sequence[Delivery[Noted]]) -> None:
    if any(delivery.data.note == "bad" for delivery in deliveries):
        raise ZeroDivisionError("no")


async def ask(_ctx: Context[Any], deliveries: Sequence[Delivery[Noted]]) -> list[Any]:
    return [ZeroDivisionError("no") if each.data.note == "bad" else "fine" for each in deliveries]


async def record(*_: Any) -> None:
    """Does nothing: asking has failed before."""


CONSUMERS = {"in_one_unit": Consumer(refuse, attempts=1), "leased": Consumer(record, ask, attempts=1)}


@pytest.fixture
def letters() -> Letters:
    return Letters()


@pytest.fixture(params=CONSUMERS.values(), ids=CONSUMERS)
def worker(
    request: pytest.FixtureRequest, make_instance: Callable[..., Instance], store: Database[Any], letters: Letters
) -> Worker:
    instance = make_instance(store, consumes={Noted: request.param})
    return Worker(instance, Subscriptions({}, {}), FakeDispatcher(), letters=letters)


async def consume(worker: Worker) -> int:
    [subscription] = worker.subscriptions
    return await worker.consume_once(subscription)


async def test_it_goes_beside_its_queue_alone_and_with_its_reason(
    store: Database[Any], worker: Worker, letters: Letters, lines: RecordedLines
) -> None:
    await fill_together(store, "a", "bad", "c")
    assert await consume(worker) == 3
    [(queue, json, reason, attempts)] = letters.buried
    assert (queue, reason, attempts) == (QUEUE, "ZeroDivisionError: no", 1)
    assert '"bad"' in json
    assert (await take(store), await store.dead_letters(10)) == ([], [])
    assert lines.messages("error") == ["event given up"]


async def test_it_waits_while_dead_letters_are_away(
    store: Database[Any], worker: Worker, letters: Letters, clock: ManualClock
) -> None:
    letters.failure = unavailable("aws_unavailable", "It is away.")
    await store.receive([(QUEUE, noted("bad"))])
    assert [await consume(worker), await consume(worker)] == [1, 0]
    letters.failure = None
    clock.advance(LETTERS_AWAY_PAUSE_S)
    assert await consume(worker) == 1
    assert [attempts for *_, attempts in letters.buried] == [2]
    assert (await take(store), await store.dead_letters(10)) == ([], [])


async def test_it_stays_in_the_database_where_dead_letters_refuse_it(
    store: Database[Any], worker: Worker, letters: Letters, lines: RecordedLines
) -> None:
    letters.failure = ValueError("AccessDenied")
    await store.receive([(QUEUE, noted("bad"))])
    assert await consume(worker) == 1
    [dead] = await store.dead_letters(10)
    assert dead.reason == "ZeroDivisionError: no"
    assert lines.messages("error") == ["event given up", "dead letter refused"]
    assert notes_of(await take(store)) == []
