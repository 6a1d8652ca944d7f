"""The operations that every service has for its queues."""

from types import SimpleNamespace
from typing import Any

import pytest

from souk_chassis.errors import ErrorKind, SoukError
from souk_chassis.operation import Access, Nothing
from souk_chassis.queues import QueueRef, Queues, queue_operations
from souk_chassis.storage.memory import MemoryDatabase, MemoryUnit
from souk_chassis.storage.ports import Database
from souk_chassis.testing.clock import ManualClock
from souk_chassis.testing.contexts import ADMIN, context_for
from souk_chassis.testing.queues import OTHER_QUEUE, QUEUE, fill, notes_of, take
from souk_chassis.testing.stores import publish

OPERATIONS = {
    operation.name: (operation, run)
    for operation, run in queue_operations("readers", frozenset({QUEUE, OTHER_QUEUE})).items()
}


@pytest.fixture
def store(clock: ManualClock) -> Database[Any]:
    return MemoryDatabase("readers", clock, MemoryUnit)


async def run(name: str, store: Database[Any], request: Any) -> Any:
    _, implementation = OPERATIONS[name]
    return await implementation(context_for(SimpleNamespace(store=store, queues=store), ADMIN), request)


def test_they_are_for_administrators() -> None:
    assert set(OPERATIONS) == {"inspect_readers_queues", "redrive_readers_queue"}
    assert {operation.access for operation, _ in OPERATIONS.values()} == {Access.ADMIN}
    assert {operation.service for operation, _ in OPERATIONS.values()} == {"readers"}


async def test_what_is_in_the_queues(store: Database[Any], clock: ManualClock) -> None:
    await publish(store, "out")
    a, _ = await fill(store, "a", "b")
    clock.advance(5)
    await store.bury(QUEUE, a, "poison")
    shown: Queues = await run("inspect_readers_queues", store, Nothing())
    assert (shown.service, shown.outbox) == ("readers", 1)
    states = [(queue.name, queue.waiting, queue.oldest_s, queue.dead) for queue in shown.queues]
    assert states == [(QUEUE, 1, 5.0, 1), (OTHER_QUEUE, 0, 0.0, 0)]
    [dead] = shown.dead_letters
    assert (dead.queue, dead.event_id, dead.subject, dead.reason) == (QUEUE, a, "a", "poison")


async def test_dead_letters_are_tried_again(store: Database[Any]) -> None:
    [event_id] = await fill(store, "a")
    await store.bury(QUEUE, event_id, "poison")
    assert (await run("redrive_readers_queue", store, QueueRef(queue=QUEUE))).redriven == 1
    assert notes_of(await take(store)) == ["a"]


async def test_no_other_queue_is_touched(store: Database[Any]) -> None:
    with pytest.raises(SoukError) as caught:
        await run("redrive_readers_queue", store, QueueRef(queue="writers-secrets"))
    assert caught.value.kind is ErrorKind.NOT_FOUND
