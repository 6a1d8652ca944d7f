"""What DynamoDB's store has beside the contract: wide orders, transactions, many writers, indexes that are behind."""

import asyncio
import random
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import pytest

from souk_chassis.errors import ErrorKind, SoukError
from souk_chassis.storage.collisions import CollisionError, retry_on_conflict
from souk_chassis.storage.dynamodb.client import RetryingClient
from souk_chassis.storage.dynamodb.errors import RequestRefusedError, answer_lost
from souk_chassis.testing.dynamodb_faults import FaultyClient
from souk_chassis.testing.dynamodb_model import DynamoModel, Latency
from souk_chassis.testing.dynamodb_model.limits import ITEM_BYTES
from souk_chassis.testing.virtual_time import VirtualClock, run_virtually
from souk_contracts.order_status import OrderStatus as S
from souk_contracts.products import ShortItem
from souk_orders.domain import Line, Move, ReturnNote, Step, move_to
from souk_orders.storage.dynamodb import DynamoOrderStore
from souk_orders.storage.dynamodb_rows import INLINE_BYTES
from souk_orders.tables import TABLES

NOW = datetime(2025, 1, 1, tzinfo=UTC)
KEY = ("user:ada", "k1")
LATENCY = Latency(read=(0.002, 0.005), write=(0.004, 0.008), transaction=(0.010, 0.020))


def wide_lines(count: int) -> tuple[Line, ...]:
    """Lines as heavy as they may be."""
    return tuple(Line(f"{number:064}", 1_000_000, 1_000_000_000) for number in range(count))


async def reserve(store: DynamoOrderStore, order_ids: Sequence[str]) -> int:
    """What a consumer does: pending orders become reserved. Returns how many; done again where it collides."""

    async def once() -> int:
        async with store.unit() as unit:
            heads = await unit.lock(order_ids, {S.PENDING})
            await unit.move([move_to(head, Step(S.RESERVED, NOW)) for head in heads.values()])
            return len(heads)

    return await retry_on_conflict(once)


async def history(store: DynamoOrderStore, order_id: str) -> list[S]:
    progress = await store.progress(order_id)
    assert progress is not None
    return [step.status for step in progress.history]


# --- wide orders


@pytest.mark.parametrize("count", [101, 1_114, 2_000])
async def test_a_wide_order_is_one_transaction(dynamo: Any, draft: Any, count: int) -> None:
    model = dynamo.unmetered()
    store = dynamo.on(model)
    lines = wide_lines(count)
    await store.place([draft("wide", lines=lines, total_minor=1, key=KEY)])
    assert model.counts["TransactWriteItems"] == 1
    short = tuple(ShortItem(product_id=line.product_id, requested=1_000_000, available=10**9) for line in lines)
    async with store.unit() as unit:
        await unit.record_return("wide", dict.fromkeys(range(count), 1_000_000), count, NOW)
        assert {line.returned for line in (await unit.lines(["wide"]))["wide"]} == {1_000_000}
    async with store.unit() as unit:
        head = (await unit.lock(["wide"]))["wide"]
        await unit.move([move_to(head, Step(S.REJECTED, NOW), short_items=short)])
    found = await store.details("wide")
    assert found is not None
    assert [item.product_id for item in found[1].items] == [line.product_id for line in lines]
    assert {item.returned for item in found[1].items} == {1_000_000}
    assert [item.available for item in found[1].short_items] == [10**9] * count
    sizes = [size for table in model.tables.values() for size in table.sizes.values()]
    assert max(sizes) < ITEM_BYTES
    assert model.tables["Orders"].sizes["wide",] < 40_000


async def test_a_short_list_lies_in_the_orders_own_item(dynamo: Any, draft: Any) -> None:
    model = dynamo.unmetered()
    few, many = (tuple(Line("p", 1, 1) for _ in range(number)) for number in (INLINE_BYTES // 10, INLINE_BYTES // 9))
    await dynamo.on(model).place([draft("few", lines=few), draft("many", lines=many)])
    assert {key[0] for key in model.tables["OrderParts"].items} == {"many"}


async def test_lines_beyond_an_item_lie_in_several(dynamo: Any, draft: Any) -> None:
    model = dynamo.unmetered()
    lines = tuple(Line(f"{number % 9:064}", 1_000_000, 1_000_000_000) for number in range(9_000))
    await dynamo.on(model).place([draft("wide", lines=lines, total_minor=1)])
    assert [key[1] for key in sorted(model.tables["OrderParts"].items)] == ["lines#00", "lines#01", "lines#02"]
    assert max(model.tables["OrderParts"].sizes.values()) > 0.9 * ITEM_BYTES
    async with dynamo.on(model).unit() as unit:
        assert tuple((await unit.lines(["wide"]))["wide"]) == lines


async def test_an_item_near_its_limit_is_kept_and_one_beyond_it_refused(dynamo: Any, draft: Any, walk: Any) -> None:
    model = dynamo.unmetered()
    store = dynamo.on(model)
    await store.place([draft("o1")])
    await walk(store, "o1", Step(S.RESERVED, NOW, "r" * 390_000))
    assert model.tables["Orders"].sizes["o1",] > 0.95 * ITEM_BYTES
    with pytest.raises(RequestRefusedError):
        await walk(store, "o1", Step(S.CANCELLED, NOW, "r" * 20_000))
    assert await history(store, "o1") == [S.PENDING, S.RESERVED]


# --- transactions


async def test_each_order_is_one_transaction(dynamo: Any, draft: Any) -> None:
    model = dynamo.unmetered()
    placed = await dynamo.on(model).place([draft("w", lines=wide_lines(2_000), total_minor=1), draft("k", key=KEY)])
    assert [each.fresh for each in placed] == [True] * 2
    assert model.counts == {"TransactWriteItems": 2}
    assert await dynamo.on(model).outbox_size() == 2


async def test_what_a_transaction_has_no_room_for_is_refused_whole(dynamo: Any, draft: Any) -> None:
    store = dynamo.on(dynamo.unmetered())
    ids = [f"o{number:03}" for number in range(101)]
    await store.place([draft(order_id) for order_id in ids])
    with pytest.raises(SoukError, match="too much to be kept as a whole"):
        await reserve(store, ids)
    assert {state.status for state in await store.states(ids)} == {S.PENDING}
    assert await reserve(store, ids[:99]) == 99


async def test_what_is_new_is_placed_without_a_look(dynamo: Any, draft: Any) -> None:
    model = dynamo.unmetered()
    await dynamo.on(model).place([draft("o1", key=KEY), draft("o2")])
    assert model.counts == {"TransactWriteItems": 2}
    assert [each.fresh for each in await dynamo.on(model).place([draft("o1", key=KEY), draft("o3")])] == [False, True]


@pytest.mark.parametrize("key", [None, KEY])
@pytest.mark.parametrize("other", ["o1", "o2"])
async def test_who_is_overtaken_gets_the_first_answer(dynamo: Any, draft: Any, key: Any, other: str) -> None:
    model = dynamo.unmetered()
    client = FaultyClient(model)
    client.meanwhile["TransactWriteItems"] = lambda: dynamo.on(model).place(
        [draft(other, fingerprint=b"first", key=key)]
    )
    [placed] = await dynamo.on(client).place([draft("o1", fingerprint=b"second", key=key)])
    same = other == "o1" or key is not None
    assert (placed.fresh, placed.fingerprint) == ((False, b"first") if same else (True, b"second"))
    assert await dynamo.on(model).outbox_size() == (1 if same else 2)


async def test_an_order_that_another_moves_meanwhile_collides(dynamo: Any, draft: Any) -> None:
    model = dynamo.unmetered()
    await dynamo.on(model).place([draft("o1"), draft("o2")])
    client = FaultyClient(model)
    client.meanwhile["TransactWriteItems"] = lambda: reserve(dynamo.on(model), ["o1"])

    async def cancel(store: DynamoOrderStore) -> None:
        async with store.unit() as unit:
            heads = await unit.lock(["o1", "o2"])
            await unit.move([move_to(head, Step(S.CANCELLED, NOW)) for head in heads.values()])

    with pytest.raises(SoukError) as collided:
        await cancel(dynamo.on(client))
    assert isinstance(collided.value, CollisionError)
    assert [await history(dynamo.on(model), each) for each in ("o1", "o2")] == [[S.PENDING, S.RESERVED], [S.PENDING]]


async def test_two_returns_at_once_take_nothing_back_twice(dynamo: Any, draft: Any) -> None:
    model = dynamo.unmetered()
    await dynamo.on(model).place([draft("o1")])

    async def take_back(store: DynamoOrderStore, key: str) -> None:
        async with store.unit() as unit:
            await unit.lock(["o1"])
            assert await unit.find_return("o1", key) is None
            await unit.record_return("o1", {0: 1}, 25, NOW)
            await unit.note_return(ReturnNote(f"r-{key}", "o1", 25, S.CONFIRMED, NOW, key, b"p"))

    client = FaultyClient(model)
    client.meanwhile["TransactWriteItems"] = lambda: take_back(dynamo.on(model), "first")
    with pytest.raises(SoukError) as collided:
        await take_back(dynamo.on(client), "second")
    assert isinstance(collided.value, CollisionError)
    async with dynamo.on(model).unit() as unit:
        assert [line.returned for line in (await unit.lines(["o1"]))["o1"]] == [1]
        assert await unit.find_return("o1", "second") is None


async def test_a_unit_sees_what_it_did_itself(dynamo: Any, draft: Any) -> None:
    store = dynamo.on(dynamo.unmetered())
    note = ReturnNote("r1", "o1", 50, S.RETURNED, NOW, "k", b"p")
    async with store.unit() as unit:
        await unit.place([draft("o1", lines=wide_lines(200), total_minor=1)])
        assert await unit.known(["o1", "o2"]) == {"o1"}
        for status in (S.RESERVED, S.CONFIRMED):
            await unit.move([move_to((await unit.lock(["o1"]))["o1"], Step(status, NOW))])
        await unit.record_return("o1", {7: 3}, 50, NOW)
        await unit.note_return(note)
        assert (await unit.lines(["o1"]))["o1"][7].returned == 3
        assert await unit.find_return("o1", "k") == note
        assert await unit.lock(["o1"], {S.PENDING}) == {}
    assert await history(store, "o1") == [S.PENDING, S.RESERVED, S.CONFIRMED]
    async with store.unit() as unit:
        with pytest.raises(RuntimeError, match="there is no order none"):
            await unit.move([Move("none", (Step(S.RESERVED, NOW),))])


# --- many at once


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_sixteen_writers_place_each_order_once_and_move_it_once(dynamo: Any, draft: Any, seed: int) -> None:
    """They meet in the model's time, where transactions take long enough to collide; ids and keys come four times."""

    async def work() -> None:
        model = DynamoModel(TABLES, latency=LATENCY, dice=random.Random(seed))
        clock = VirtualClock()
        stores = [DynamoOrderStore(RetryingClient(model), clock, random.Random(writer)) for writer in range(16)]
        told: list[Any] = []

        async def write(writer: int) -> int:
            dice, moved = random.Random(100 * seed + writer), 0
            for turn in range(5):
                numbers = dice.sample(range(20), 6)
                batch = [
                    draft(
                        f"{writer // 4}-{turn}-{number}",
                        key=("user:ada", f"{writer // 4}-{turn}-{number % 15}"),
                        fingerprint=f"{writer}".encode(),
                        customer_id=f"c{number}",
                    )
                    for number in numbers
                ]
                placed = await stores[writer].place(batch)
                told.extend(placed)
                moved += await reserve(stores[writer], [each.order_id for each in placed])
            return moved

        moved = await asyncio.gather(*(write(writer) for writer in range(16)))
        fresh = {each.order_id: each.fingerprint for each in told if each.fresh}
        assert len(fresh) == sum(each.fresh for each in told) == sum(moved)
        assert all(each.fingerprint == fresh[each.order_id] for each in told)
        assert {book.order_id for book in await stores[0].books("", 5_000, NOW)} == set(fresh)
        assert await stores[0].outbox_size() == len(fresh)
        assert all([await history(stores[0], order_id) == [S.PENDING, S.RESERVED] for order_id in fresh])
        assert await stores[0].count_open(5_000) == len(fresh)
        assert model.counts["TransactionConflict"] > 0

    run_virtually(work())


@pytest.mark.parametrize("losses", [1, 2, 1_000])
def test_a_lost_answer_places_once(dynamo: Any, draft: Any, losses: int) -> None:
    """Every transaction is done, and its answer lost so many times: asked again, DynamoDB does it no second time."""

    class Losing(FaultyClient):
        left = losses

        async def call(self, operation: str, request: Any) -> Any:
            answer = await super().call(operation, request)
            if operation == "TransactWriteItems" and self.left:
                self.left -= 1
                raise answer_lost()
            return answer

    async def work() -> None:
        model = dynamo.unmetered()
        batch = [draft("o1", key=KEY)]
        if losses < 1_000:
            assert all(each.fresh for each in await dynamo.on(Losing(model)).place(batch))
        else:
            with pytest.raises(SoukError) as lost:
                await dynamo.on(Losing(model)).place(batch)
            assert lost.value.kind is ErrorKind.TIMEOUT_UNKNOWN
        assert not any(each.fresh for each in await dynamo.on(model).place(batch))
        assert await dynamo.on(model).outbox_size() == 1

    run_virtually(work())
