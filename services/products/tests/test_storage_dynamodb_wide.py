"""Orders wider than a transaction on DynamoDB: reserved, returned and released in chunks, with crashes in between."""

import asyncio
import random
from typing import Any

import pytest

from souk_chassis.errors import SoukError
from souk_chassis.storage.dynamodb.client import RetryingClient
from souk_chassis.testing.clock import ManualClock
from souk_chassis.testing.dynamodb_faults import Crash, FaultyClient
from souk_chassis.testing.dynamodb_model import DynamoModel, Latency, Limits
from souk_chassis.testing.virtual_time import VirtualClock, run_virtually
from souk_products.domain import ReservationState
from souk_products.stock_movements import cancel, reserve, restock
from souk_products.storage.dynamodb import DynamoProductsStore
from souk_products.tables import TABLES

HELD, REJECTED = ReservationState.HELD, ReservationState.REJECTED
LATENCY = Latency(read=(0.002, 0.005), write=(0.004, 0.008), transaction=(0.010, 0.020))
LEASE_S = 10.0

# --- orders wider than a transaction


def line_ids(lines: int) -> list[str]:
    return [f"p{number:04}" for number in range(lines)]


@pytest.mark.parametrize("lines", [81, 101, 1_114, 2_000])
async def test_a_wide_order_is_reserved_returned_and_released_as_one(dynamo: Any, lines: int) -> None:
    store = dynamo.on(dynamo.unmetered())
    ids = line_ids(lines)
    await dynamo.put(store, **dict.fromkeys(ids, 10))
    wanted = {product_id: 1 + number % 3 for number, product_id in enumerate(ids)}
    [reservation] = await dynamo.in_unit(store, reserve, {"wide": wanted})
    assert (reservation.state, reservation.held) == (HELD, wanted)
    assert await dynamo.in_unit(store, reserve, {"wide": wanted}) == []
    assert await dynamo.held(store) == {"wide": sum(wanted.values())}
    assert await dynamo.now(store) == {product_id: 10 - units for product_id, units in wanted.items()}
    assert await store.outbox_size() == 1
    assert await dynamo.in_unit(store, restock, {"r1": ("wide", dict.fromkeys(ids, 1))}) == {"r1"}
    assert await dynamo.in_unit(store, restock, {"r1": ("wide", dict.fromkeys(ids, 1))}) == set()
    assert await dynamo.now(store) == {product_id: 11 - units for product_id, units in wanted.items()}
    assert await dynamo.held(store) == {"wide": sum(wanted.values()) - lines}
    [released] = await dynamo.in_unit(store, cancel, ["wide"])
    assert released.wanted == wanted
    assert released.returned == dict.fromkeys(ids, 1)
    assert await dynamo.in_unit(store, cancel, ["wide"]) == []
    assert await dynamo.now(store) == dict.fromkeys(ids, 10)
    assert await dynamo.held(store) == {"wide": 0}
    assert await dynamo.in_unit(store, restock, {"r2": ("wide", dict.fromkeys(ids, 1))}) == {"r2"}
    assert await dynamo.now(store) == dict.fromkeys(ids, 10)


async def test_a_wide_order_that_is_short_takes_nothing(dynamo: Any) -> None:
    store = dynamo.on(dynamo.unmetered())
    ids = line_ids(300)
    await dynamo.put(store, **dict.fromkeys(ids, 10))
    await dynamo.put(store, shards=3, few=4)
    [reservation] = await dynamo.in_unit(store, reserve, {"wide": {**dict.fromkeys(ids, 3), "few": 5, "none": 1}})
    assert reservation.state is REJECTED
    assert [(item.product_id, item.available) for item in reservation.short_items] == [("few", 4), ("none", 0)]
    assert set((await dynamo.now(store)).values()) == {10, 4}
    assert await dynamo.held(store) == {"wide": 0}


async def test_an_order_that_must_borrow_too_widely_is_reserved_in_chunks(dynamo: Any) -> None:
    store = dynamo.on(dynamo.unmetered())
    ids = line_ids(30)
    await dynamo.put(store, shards=5, **dict.fromkeys(ids, 10))
    [reservation] = await dynamo.in_unit(store, reserve, {"o1": dict.fromkeys(ids, 10)})
    assert reservation.state is HELD
    assert set((await dynamo.now(store)).values()) == {0}
    await dynamo.in_unit(store, cancel, ["o1"])
    assert set((await dynamo.now(store)).values()) == {10}


async def test_stock_that_another_takes_between_two_chunks_undoes_all(dynamo: Any) -> None:
    model = dynamo.unmetered()
    ids = line_ids(300)
    await dynamo.put(dynamo.on(model), **dict.fromkeys(ids, 10))
    client = FaultyClient(model)
    store = dynamo.on(client)

    async def other() -> None:
        client.meanwhile["TransactWriteItems"] = second  # the first of the chunks: it goes through

    async def second() -> None:
        await dynamo.in_unit(dynamo.on(model), reserve, {"other": {ids[-1]: 8}})

    client.meanwhile["TransactWriteItems"] = other
    [reservation] = await dynamo.in_unit(store, reserve, {"wide": dict.fromkeys(ids, 5)})
    assert reservation.state is REJECTED
    assert await dynamo.now(store) == {**dict.fromkeys(ids, 10), ids[-1]: 2}
    assert await dynamo.held(store) == {"wide": 0, "other": 8}


def test_wide_orders_and_a_hot_product_get_along(dynamo: Any) -> None:
    async def work() -> None:
        model = DynamoModel(TABLES, Limits(metered=False), LATENCY)
        ids = line_ids(200)
        stores = [
            DynamoProductsStore(RetryingClient(model), VirtualClock(), random.Random(writer)) for writer in range(8)
        ]
        await dynamo.put(stores[0], **dict.fromkeys(ids, 1_000))
        await dynamo.put(stores[0], shards=8, hot=1_000)
        wide = [dynamo.in_unit(stores[n], reserve, {f"wide{n}": {**dict.fromkeys(ids, 1), "hot": 1}}) for n in range(3)]
        narrow = [dynamo.in_unit(stores[n], reserve, {f"o{n}-{k}": {"hot": 1} for k in range(20)}) for n in range(3, 8)]
        decided = await asyncio.gather(*wide, *narrow)
        assert {each.state for reservations in decided for each in reservations} == {HELD}
        stock = await dynamo.now(stores[0])
        assert (stock["hot"], stock[ids[0]]) == (1_000 - 103, 997)

    run_virtually(work())


# --- crashes


async def settled(dynamo: Any, model: DynamoModel, clock: ManualClock, work: Any, argument: Any) -> Any:
    """What the repeat comes to, in another process: at once it may be told to wait, after the lease it is not."""
    try:
        return await dynamo.in_unit(dynamo.on(model, clock), work, argument)
    except SoukError as error:
        assert (error.code, error.retry_after_s) == ("reservation_under_way", LEASE_S)  # noqa: PT017 - may come
    clock.advance(LEASE_S)
    return await dynamo.in_unit(dynamo.on(model, clock), work, argument)


async def books_agree(dynamo: Any, store: DynamoProductsStore) -> None:
    """Stock gone is stock held, at every moment."""
    gone = sum(book.sold - book.returned for book in await store.stock_books("", 5_000))
    assert gone == sum((await dynamo.held(store)).values())


async def crashed(dynamo: Any, work: Any, argument: Any, then: Any, then_argument: Any, prepare: Any = None) -> int:
    """Crash `work` at each of its calls in turn, each time on tables of its own, and run `then` after it.

    Returns how many crashes there were. The last turn is without one.
    """
    ids = line_ids(250)
    crashes = 0
    for dies_at in range(1, 200):
        for done in (False, True):
            model, clock = dynamo.unmetered(), ManualClock()
            await dynamo.put(dynamo.on(model, clock), **dict.fromkeys(ids, 10))
            if prepare is not None:
                await dynamo.in_unit(dynamo.on(model, clock), *prepare)
            try:
                await dynamo.in_unit(dynamo.on(FaultyClient(model, dies_at, done=done), clock), work, argument)
                survived = True
            except Crash:
                crashes += 1
                survived = False
            store = dynamo.on(model, clock)
            await books_agree(dynamo, store)
            await settled(dynamo, model, clock, then, then_argument)
            await books_agree(dynamo, store)
            left = {reserve: 7, cancel: 10, restock: 8}[then]
            assert await dynamo.now(store) == dict.fromkeys(ids, left)
            if then is reserve:
                assert await store.outbox_size() == 1
            if survived:
                return crashes
    raise AssertionError("it never came to an end")


WIDE = {"wide": dict.fromkeys(line_ids(250), 3)}
BACK = {"r1": ("wide", dict.fromkeys(line_ids(250), 1))}


async def test_a_crash_while_a_wide_order_is_reserved_loses_nothing(dynamo: Any) -> None:
    assert await crashed(dynamo, reserve, WIDE, reserve, WIDE) > 10


async def test_a_cancellation_after_such_a_crash_gives_everything_back(dynamo: Any) -> None:
    assert await crashed(dynamo, reserve, WIDE, cancel, ["wide"]) > 10


async def test_a_crash_while_a_wide_order_is_released_loses_nothing(dynamo: Any) -> None:
    assert await crashed(dynamo, cancel, ["wide"], cancel, ["wide"], (reserve, WIDE)) > 10


async def test_a_crash_while_a_wide_return_is_restocked_loses_nothing(dynamo: Any) -> None:
    assert await crashed(dynamo, restock, BACK, restock, BACK, (reserve, WIDE)) > 10


async def test_who_was_taken_for_dead_and_is_not_does_no_harm(dynamo: Any) -> None:
    """A slow worker goes on after another has undone its order: its next step finds the head taken."""
    model, clock = dynamo.unmetered(), ManualClock()
    ids = line_ids(250)
    await dynamo.put(dynamo.on(model, clock), **dict.fromkeys(ids, 10))
    slow = FaultyClient(model)

    async def first_chunk() -> None:
        slow.meanwhile["TransactWriteItems"] = overtake

    async def overtake() -> None:
        clock.advance(LEASE_S)
        await dynamo.in_unit(dynamo.on(model, clock), cancel, ["wide"])

    slow.meanwhile["TransactWriteItems"] = first_chunk
    assert await dynamo.in_unit(dynamo.on(slow, clock), reserve, WIDE) == []
    assert await dynamo.now(dynamo.on(model, clock)) == dict.fromkeys(ids, 10)
    assert await dynamo.held(dynamo.on(model, clock)) == {"wide": 0}
