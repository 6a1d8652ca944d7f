"""What DynamoDB's store has beside the contract: stock in shards, and many writers at once."""

import asyncio
import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from souk_chassis.errors import ErrorKind, SoukError
from souk_chassis.storage.collisions import CollisionError, retry_on_conflict
from souk_chassis.storage.dynamodb.client import RetryingClient
from souk_chassis.storage.dynamodb.errors import answer_lost
from souk_chassis.testing.dynamodb_faults import Crash, FaultyClient
from souk_chassis.testing.dynamodb_model import DynamoModel, Latency
from souk_chassis.testing.virtual_time import VirtualClock, run_virtually
from souk_products.domain import Movement, Reservation, ReservationState
from souk_products.stock_movements import cancel, reserve, restock
from souk_products.storage.dynamodb import DynamoProductsStore
from souk_products.storage.dynamodb_stock import SPREAD_ABOVE
from souk_products.tables import TABLES

HELD, REJECTED = ReservationState.HELD, ReservationState.REJECTED
LATENCY = Latency(read=(0.002, 0.005), write=(0.004, 0.008), transaction=(0.010, 0.020))


# --- shards


async def test_stock_is_spread_evenly_and_stays_what_it_was(dynamo: Any) -> None:
    model = dynamo.unmetered()
    store = dynamo.on(model)
    await dynamo.put(store, mug=10)
    await dynamo.in_unit(store, reserve, {"o1": {"mug": 3}})
    await store.spread_stock("mug", 4)
    await store.spread_stock("mug", 2)
    rows = (await store._stock.rows(["mug"]))["mug"]
    assert [row["onHand"] for row in rows] == [2, 2, 2, 1]
    assert all(row["start"] + row["corrected"] - row["sold"] + row["returned"] == row["onHand"] for row in rows)
    [book] = await store.stock_books("", 10)
    assert (book.start, book.corrected, book.sold, book.returned, book.now) == (10, 0, 3, 0, 7)
    other_process = dynamo.on(model)
    found = await other_process.find_product("mug")
    assert found is not None
    assert found.on_hand == 7


async def test_an_unknown_product_has_no_shards(dynamo: Any) -> None:
    with pytest.raises(SoukError) as refused:
        await dynamo.on(dynamo.unmetered()).spread_stock("no", 2)
    assert refused.value.code == "product_not_found"


async def test_a_sale_meanwhile_stops_the_spreading(dynamo: Any) -> None:
    model = dynamo.unmetered()
    client = FaultyClient(model)
    store = dynamo.on(client)
    await dynamo.put(store, mug=10)
    client.meanwhile["TransactWriteItems"] = lambda: dynamo.in_unit(dynamo.on(model), reserve, {"o1": {"mug": 3}})
    with pytest.raises(SoukError) as collided:
        await store.spread_stock("mug", 4)
    assert isinstance(collided.value, CollisionError)
    assert await dynamo.now(store) == {"mug": 7}


async def test_what_one_shard_has_not_is_borrowed_from_others(dynamo: Any) -> None:
    store = dynamo.on(dynamo.unmetered())
    await dynamo.put(store, shards=5, mug=20)
    [reservation] = await dynamo.in_unit(store, reserve, {"o1": {"mug": 19}})
    assert reservation.state is HELD
    [reservation] = await dynamo.in_unit(store, reserve, {"o2": {"mug": 2}})
    assert [(item.requested, item.available) for item in reservation.short_items] == [(2, 1)]
    assert await dynamo.now(store) == {"mug": 1}


async def test_much_that_comes_in_is_spread(dynamo: Any) -> None:
    store = dynamo.on(dynamo.unmetered())
    await dynamo.put(store, shards=4, mug=4)
    async with store.unit() as unit:
        await unit.move_stock([Movement("mug", corrected=8 * SPREAD_ABOVE)])
    assert (await store._stock.read(["mug"]))["mug"] == [1 + 2 * SPREAD_ABOVE] * 4
    [book] = await store.stock_books("", 10)
    assert (book.corrected, book.now) == (8 * SPREAD_ABOVE, 4 + 8 * SPREAD_ABOVE)


steps = st.one_of(
    st.tuples(st.just("reserve"), st.dictionaries(st.integers(0, 9), st.integers(1, 9), min_size=1, max_size=3)),
    st.tuples(st.just("cancel"), st.lists(st.integers(0, 9), min_size=1, max_size=3)),
    st.tuples(st.just("restock"), st.dictionaries(st.integers(0, 4), st.tuples(st.integers(0, 9), st.integers(1, 9)))),
    st.tuples(st.just("correct"), st.integers(-5, 5)),
    st.tuples(st.just("spread"), st.integers(1, 7)),
)


@settings(max_examples=60)
@given(history=st.lists(steps, max_size=12), seed=st.integers(0, 3))
async def test_alone_a_product_in_shards_sells_exactly_as_one_in_one(
    dynamo: Any, history: list[Any], seed: int
) -> None:
    """The rule: nothing is rejected while the sum over the shards suffices, and nothing is held while it does not."""
    plain, sharded = dynamo.on(dynamo.unmetered()), dynamo.on(dynamo.unmetered(), seed=seed)
    await dynamo.put(plain, mug=20)
    await dynamo.put(sharded, shards=3, mug=20)
    for action, argument in history:
        if action == "spread":
            await sharded.spread_stock("mug", argument)
            continue
        outcomes = []
        for store in (plain, sharded):
            if action == "reserve":
                outcome = await dynamo.in_unit(
                    store, reserve, {f"o{n}": {"mug": units} for n, units in argument.items()}
                )
            elif action == "cancel":
                outcome = await dynamo.in_unit(store, cancel, [f"o{n}" for n in argument])
            elif action == "restock":
                returns = {f"r{r}": (f"o{n}", {"mug": units}) for r, (n, units) in argument.items()}
                outcome = await dynamo.in_unit(store, restock, returns)
            else:
                change = max(argument, -(await dynamo.now(store))["mug"])
                outcome = None
                async with store.unit() as unit:
                    await unit.move_stock([Movement("mug", corrected=change)])
            outcomes.append(outcome)
        assert outcomes[0] == outcomes[1]
    assert await plain.stock_books("", 10) == await sharded.stock_books("", 10)
    assert await plain.reservation_books("", 100) == await sharded.reservation_books("", 100)


async def test_a_rejection_that_a_return_overtakes_is_thought_over(dynamo: Any) -> None:
    model = dynamo.unmetered()
    client = FaultyClient(model)
    store = dynamo.on(client)
    await dynamo.put(store, shards=3, mug=6)
    await dynamo.in_unit(store, reserve, {"o1": {"mug": 5}})
    client.meanwhile["TransactGetItems"] = lambda: dynamo.in_unit(dynamo.on(model), cancel, ["o1"])
    [reservation] = await dynamo.in_unit(store, reserve, {"o2": {"mug": 4}})
    assert reservation.state is HELD
    assert await dynamo.now(store) == {"mug": 2}


# --- many at once


@pytest.mark.parametrize("shards", [1, 4, 16])
@pytest.mark.parametrize("most", [1, 5])
def test_sixteen_writers_on_one_product_oversell_nothing(dynamo: Any, shards: int, most: int) -> None:
    """They meet in the model's time, where transactions take long enough to collide; every order comes twice."""

    async def work() -> None:
        model = DynamoModel(TABLES, latency=LATENCY, dice=random.Random(shards))
        dice = random.Random(most)
        stores = [
            DynamoProductsStore(RetryingClient(model), VirtualClock(), random.Random(writer)) for writer in range(16)
        ]
        await dynamo.put(stores[0], shards=shards, mug=200)
        units = {f"o{n}": {"mug": dice.randint(1, most)} for n in range(400)}
        ids = list(units)
        told: list[Reservation] = []

        async def write(writer: int) -> None:
            for turn in range(5):
                start = 50 * (writer // 2) + 10 * turn
                batch = {order_id: units[order_id] for order_id in ids[start : start + 10]}
                while True:
                    try:
                        async with stores[writer].unit() as unit:
                            decided = await reserve(unit, batch)
                        told.extend(decided)
                        break
                    except SoukError as error:
                        assert isinstance(error, CollisionError)  # noqa: PT017 - as the worker: again at once

        await asyncio.gather(*(write(writer) for writer in range(16)))
        sold = sum(units[each.order_id]["mug"] for each in told if each.state is HELD)
        left = (await dynamo.now(stores[0]))["mug"]
        assert sorted(each.order_id for each in told) == sorted(units)
        assert sold + left == 200
        # Stock only fell, so what is left now is less than each of the rejected asked for.
        rejected = [units[each.order_id]["mug"] for each in told if each.state is REJECTED]
        assert left < min(rejected)
        assert sum((await dynamo.held(stores[0])).values()) == sold
        if shards > 1:
            assert model.counts["TransactionConflict"] > 0

    run_virtually(work())


def test_corrections_and_sales_at_once_keep_the_ledger(dynamo: Any) -> None:
    async def work() -> None:
        model = DynamoModel(TABLES, latency=LATENCY)
        stores = [
            DynamoProductsStore(RetryingClient(model), VirtualClock(), random.Random(writer)) for writer in range(8)
        ]
        await dynamo.put(stores[0], shards=4, mug=100)

        async def correct(writer: int) -> None:
            async def once() -> None:
                async with stores[writer].unit() as unit:
                    await unit.move_stock([Movement("mug", corrected=-5)])

            await retry_on_conflict(once)

        sales = [dynamo.in_unit(stores[n], reserve, {f"o{n}-{k}": {"mug": 2} for k in range(5)}) for n in range(4)]
        await asyncio.gather(*sales, *(correct(n) for n in range(4, 8)))
        [book] = await stores[0].stock_books("", 10)
        assert (book.start, book.corrected, book.sold, book.now) == (100, -20, 40, 40)

    run_virtually(work())


async def test_a_crash_keeps_a_unit_whole_or_not_at_all(dynamo: Any) -> None:
    model = dynamo.unmetered()
    await dynamo.put(dynamo.on(model), mug=1_000)
    orders = {f"o{n:03}": {"mug": 2} for n in range(90)}
    for dies_at in range(1, 20):
        dying = FaultyClient(model, dies_at, done=dies_at % 2 == 0)
        try:
            await dynamo.in_unit(dynamo.on(dying), reserve, orders)
        except Crash:
            held = sum((await dynamo.held(dynamo.on(model))).values())
            assert held in {0, 180}
            assert await dynamo.now(dynamo.on(model)) == {"mug": 1_000 - held}
        else:
            break
    assert await dynamo.now(dynamo.on(model)) == {"mug": 820}
    assert await dynamo.on(model).outbox_size() == 90
    assert await dynamo.in_unit(dynamo.on(model), reserve, orders) == []


async def test_what_a_transaction_has_no_room_for_is_refused_whole(dynamo: Any) -> None:
    model = dynamo.unmetered()
    await dynamo.put(dynamo.on(model), mug=1_000)
    with pytest.raises(SoukError, match="too much to be kept as a whole"):
        await dynamo.in_unit(dynamo.on(model), reserve, {f"o{n:03}": {"mug": 2} for n in range(100)})
    assert await dynamo.now(dynamo.on(model)) == {"mug": 1_000}
    assert await dynamo.held(dynamo.on(model)) == {}


@pytest.mark.parametrize("losses", [1, 2, 1_000])
def test_a_lost_answer_takes_stock_once(dynamo: Any, losses: int) -> None:
    """Every transaction is done, and its answer lost so many times: asked again, DynamoDB does it no second time."""

    class Losing:
        def __init__(self, inner: DynamoModel) -> None:
            self.inner = inner
            self.left = losses

        async def call(self, operation: str, request: Any) -> Any:
            answer = await self.inner.call(operation, request)
            if operation == "TransactWriteItems" and self.left:
                self.left -= 1
                raise answer_lost()
            return answer

        async def close(self) -> None:
            """There is nothing to release."""

    async def work() -> None:
        model = dynamo.unmetered()
        await dynamo.put(dynamo.on(model), mug=10)
        orders = {"o1": {"mug": 2}, "o2": {"mug": 3}}
        store = dynamo.on(RetryingClient(Losing(model)))
        if losses < 1_000:
            assert len(await dynamo.in_unit(store, reserve, orders)) == 2
        else:
            with pytest.raises(SoukError) as lost:
                await dynamo.in_unit(store, reserve, orders)
            assert lost.value.kind is ErrorKind.TIMEOUT_UNKNOWN
        assert await dynamo.in_unit(dynamo.on(model), reserve, orders) == []
        assert await dynamo.now(store) == {"mug": 5}
        assert await store.outbox_size() == 2

    run_virtually(work())
