"""The orders store on Amazon's own DynamoDB Local, over the real signed client: the same suite as on the model."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from souk_chassis.storage.collisions import retry_on_conflict
from souk_chassis.storage.dynamodb.client import DynamoClient
from souk_chassis.storage.dynamodb.schema import Table
from souk_chassis.testing.clock import ManualClock
from souk_contracts.order_status import OrderStatus
from souk_contracts.products import ShortItem
from souk_orders.domain import Line, Step, move_to
from souk_orders.storage.dynamodb import DynamoOrderStore
from souk_orders.tables import TABLES
from tests.infra.conftest import contract

NOW = datetime(2025, 1, 1, tzinfo=UTC)

_storage = contract("orders", "test_storage")
_shared = contract("orders", "conftest")
globals().update({name: test for name, test in vars(_storage).items() if name.startswith("test_")})


@pytest.fixture
def tables() -> tuple[Table, ...]:
    return TABLES


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(NOW)


@pytest.fixture
async def store(client: DynamoClient, clock: ManualClock) -> DynamoOrderStore:
    return DynamoOrderStore(client, clock)


@pytest.fixture
async def two_pools(client: DynamoClient, clock: ManualClock) -> Sequence[DynamoOrderStore]:
    return DynamoOrderStore(client, clock), DynamoOrderStore(client, clock)


@pytest.fixture
def draft() -> Any:
    return _shared.make_draft


@pytest.fixture
def walk() -> Any:
    return _shared.walk_to


def lines(count: int) -> tuple[Line, ...]:
    """Of products whose ids are as long as they may be."""
    return tuple(Line(f"{number:064}", 1_000_000, 1) for number in range(count))


@pytest.mark.parametrize("count", [101, 1_114, 2_000])
async def test_a_wide_order_is_kept_whole(store: DynamoOrderStore, draft: Any, count: int) -> None:
    wide = lines(count)
    await store.place([draft("wide", lines=wide), draft("o2", lines=wide, key=("user:ada", "k"))])
    short = tuple(ShortItem(product_id=line.product_id, requested=1_000_000, available=999_999) for line in wide)
    async with store.unit() as unit:
        assert tuple((await unit.lines(["wide"]))["wide"]) == wide
        await unit.record_return("o2", dict.fromkeys(range(count), 1_000), count, NOW)
        head = (await unit.lock(["wide"]))["wide"]
        await unit.move([move_to(head, Step(OrderStatus.REJECTED, NOW), short_items=short)])
    found = await store.details("wide")
    assert found is not None
    assert [item.product_id for item in found[1].short_items] == [line.product_id for line in wide]
    async with store.unit() as unit:
        assert {line.returned for line in (await unit.lines(["o2"]))["o2"]} == {1_000}
    assert await store.outbox_size() == 2


async def test_a_batch_beyond_a_transaction_is_kept(store: DynamoOrderStore, draft: Any) -> None:
    """More than 4 MB, and more than 100 items."""
    batch = [draft(f"w{number:02}", lines=lines(2_000)) for number in range(12)]
    batch += [draft(f"o{number:03}", key=("user:ada", f"k{number}")) for number in range(150)]
    placed = await store.place(batch)
    assert all(each.fresh for each in placed)
    assert [each.order_id for each in await store.books("", 500, NOW)] == sorted(each.order_id for each in placed)
    assert await store.outbox_size() == 162
    assert await store.count_open(1_000) == 162


async def test_an_item_near_its_limit(store: DynamoOrderStore, draft: Any) -> None:
    """A list that fills its part: 400 KB an item is what DynamoDB takes."""
    wide = tuple(Line("p" * 64, 1_000_000, 1) for _ in range(9_000))
    await store.place([draft("wide", lines=wide)])
    async with store.unit() as unit:
        assert tuple((await unit.lines(["wide"]))["wide"]) == wide
    reason = "r" * 390_000
    await _shared.walk_to(store, "wide", Step(OrderStatus.CANCELLED, NOW, reason))
    progress = await store.progress("wide")
    assert progress is not None
    assert progress.history[-1].reason == reason


async def test_sixteen_writers_place_and_move_each_order_once(client: DynamoClient, draft: Any, clock: Any) -> None:
    stores = [DynamoOrderStore(client, clock) for _ in range(16)]
    batches = [
        [
            draft(f"{writer // 4}-{n}", fingerprint=f"{writer}".encode(), key=("user:ada", f"{n}-{writer // 4}"))
            for n in range(8)
        ]
        for writer in range(16)
    ]
    answers = await asyncio.gather(*(store.place(batch) for store, batch in zip(stores, batches, strict=True)))
    told = [each for placed in answers for each in placed]
    fresh = {each.order_id: each.fingerprint for each in told if each.fresh}
    assert (len(fresh), sum(each.fresh for each in told)) == (32, 32)
    assert all(each.fingerprint == fresh[each.order_id] for each in told)
    assert await stores[0].outbox_size() == 32

    async def reserve(store: DynamoOrderStore, ids: Sequence[str]) -> int:
        async def once() -> int:
            async with store.unit() as unit:
                heads = await unit.lock(ids, {OrderStatus.PENDING})
                at = NOW + timedelta(seconds=1)
                await unit.move([move_to(head, Step(OrderStatus.RESERVED, at)) for head in heads.values()])
                return len(heads)

        return await retry_on_conflict(once)

    ids = [[each.order_id for each in placed] for placed in answers]
    moved = await asyncio.gather(*(reserve(store, each) for store, each in zip(stores, ids, strict=True)))
    assert sum(moved) == 32
    histories = [await stores[0].progress(order_id) for order_id in fresh]
    assert {len(each.history) for each in histories if each is not None} == {2}
