"""What records on DynamoDB have beside the contract: writers at once, processes that die, answers that are lost."""

import asyncio
import random
from collections.abc import Mapping
from typing import Any

import pytest
from msgspec.structs import replace

from souk_chassis.errors import SoukError
from souk_chassis.storage.collisions import retry_on_conflict
from souk_chassis.storage.dynamodb.client import DynamoClient, RetryingClient
from souk_chassis.storage.dynamodb.errors import answer_lost
from souk_chassis.storage.dynamodb.record_rows import PARTITIONS, table_of
from souk_chassis.storage.dynamodb.records import DynamoRecords
from souk_chassis.storage.dynamodb.schema import events_table
from souk_chassis.testing.clock import ManualClock
from souk_chassis.testing.contexts import TRACEPARENT
from souk_chassis.testing.dynamodb_faults import Crash, FaultyClient
from souk_chassis.testing.dynamodb_model import DynamoModel, Latency, Limits
from souk_chassis.testing.queues import Noted
from souk_chassis.testing.records import Review, add, put, review, whole_list
from souk_chassis.testing.virtual_time import VirtualClock, run_virtually

TABLES = (table_of(Review), events_table("samples"))
LATENCY = Latency(read=(0.002, 0.005), write=(0.004, 0.008), transaction=(0.010, 0.020))
CLOCK = ManualClock()


def on(client: DynamoClient, seed: int = 0) -> DynamoRecords:
    """A process of its own."""
    return DynamoRecords(RetryingClient(client), "samples", VirtualClock(), random.Random(seed))


@pytest.fixture
def model() -> DynamoModel:
    return DynamoModel(TABLES, Limits(metered=False))


async def tell(store: DynamoRecords, customer_id: str) -> bool:
    """A record with a unique value, and its event, in one unit."""

    async def once() -> bool:
        async with store.unit() as unit:
            if not await unit.add([review(customer_id, CLOCK, slug="same")]):
                return False
            unit.publish(Noted(note=customer_id), TRACEPARENT)
            return True

    return await retry_on_conflict(once)


async def count(store: DynamoRecords) -> None:
    """One more."""

    async def once() -> None:
        async with store.unit() as unit:
            if not await unit.add([review("a", CLOCK, stars=1)]):
                [known] = (await unit.get(Review, [("p", "a")])).values()
                unit.put(replace(known, stars=known.stars + 1))

    await retry_on_conflict(once)


def records_in(model: DynamoModel) -> int:
    """Records, without the claims of their unique values."""
    return sum("record" in item for item in model.tables["Reviews"].items.values())


@pytest.mark.parametrize("writers", [2, 16])
def test_of_many_processes_one_gets_a_unique_value(writers: int) -> None:
    async def work() -> None:
        model = DynamoModel(TABLES, latency=LATENCY, dice=random.Random(writers))
        stores = [on(model, seed) for seed in range(writers)]
        won = await asyncio.gather(*(tell(store, f"c{number}") for number, store in enumerate(stores)))
        [winner] = [number for number, added in enumerate(won) if added]
        assert (await stores[0].find(Review.by_slug, "same")).customer_id == f"c{winner}"
        assert (records_in(model), await stores[0].outbox_size()) == (1, 1)
        assert model.counts["TransactionConflict"] + model.counts["ConditionalCheckFailed"] > 0

    run_virtually(work())


@pytest.mark.parametrize("writers", [2, 16])
def test_counts_at_once_are_all_counted(writers: int) -> None:
    async def work() -> None:
        model = DynamoModel(TABLES, latency=LATENCY, dice=random.Random(writers))
        for _ in range(2):
            await asyncio.gather(*(count(on(model, seed)) for seed in range(writers)))
        assert (await on(model).get(Review, [("p", "a")]))[("p", "a")].stars == 2 * writers
        assert not model.counts["TransactWriteItems"]  # a write alone goes without one

    run_virtually(work())


@pytest.mark.parametrize("done", [False, True])
async def test_a_process_that_dies_leaves_all_or_nothing(done: bool) -> None:
    died = 0
    for dies_at in range(1, 20):
        model = DynamoModel(TABLES, Limits(metered=False))
        try:
            await tell(on(FaultyClient(model, dies_at, done=done)), "first")
        except Crash:
            died += 1
        else:
            break
        kept = records_in(model)
        assert kept == await on(model).outbox_size() <= 1
        assert await tell(on(model), "second") == (kept == 0)
        assert (records_in(model), await on(model).outbox_size()) == (1, 1)
    assert died >= 2


@pytest.mark.parametrize("losses", [1, 3])
def test_a_lost_answer_keeps_a_unit_once(model: DynamoModel, losses: int) -> None:
    async def work() -> None:
        assert await tell(on(Losing(model, "TransactWriteItems", losses)), "a")
        assert (records_in(model), await on(model).outbox_size()) == (1, 1)

    run_virtually(work())


async def test_a_writer_in_between_is_a_collision(model: DynamoModel) -> None:
    """Where a record that was only read has changed, nothing is kept, and the unit is to be done again."""
    await add(on(model), review("a", CLOCK), review("b", CLOCK))
    client = FaultyClient(model)
    client.meanwhile["TransactWriteItems"] = lambda: put(on(model), review("a", CLOCK, stars=1))
    with pytest.raises(SoukError, match="database_collision"):  # noqa: PT012 - a unit fails at its end
        async with on(client).unit() as unit:
            known = await unit.get(Review, [("p", "a"), ("p", "b")])
            unit.put(replace(known[("p", "b")], stars=9))
    assert (await on(model).get(Review, [("p", "b")]))[("p", "b")].stars == 3


async def test_as_many_are_found_as_are_asked_for(model: DynamoModel) -> None:
    """More than one batch."""
    store = on(model)
    for start in range(0, 240, 40):
        await add(store, *(review(f"{number}", CLOCK) for number in range(start, start + 40)))
    assert len(await store.get(Review, [("p", f"{number}") for number in range(1_000)])) == 240
    assert len(await whole_list(store, Review.every, limit=100)) == 240


async def test_a_list_that_has_few_partitions_is_spread(model: DynamoModel) -> None:
    store = on(model)
    await add(store, *(review(f"{number}", CLOCK) for number in range(40)))
    used = {str(item["byStars"]) for item in model.tables["Reviews"].items.values()}
    assert PARTITIONS // 2 < len(used) <= PARTITIONS
    assert len({str(item["byProduct"]) for item in model.tables["Reviews"].items.values()}) == 1


class Losing:
    """A client that does what it is told, and loses so many answers to an operation."""

    def __init__(self, inner: DynamoModel, operation: str, losses: int) -> None:
        self.inner = inner
        self.operation = operation
        self.left = losses

    async def call(self, operation: str, request: Mapping[str, Any]) -> dict[str, Any]:
        answer = await self.inner.call(operation, request)
        if operation == self.operation and self.left:
            self.left -= 1
            raise answer_lost()
        return answer

    async def close(self) -> None:
        await self.inner.close()
