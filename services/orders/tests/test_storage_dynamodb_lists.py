"""The lists of DynamoDB's store: exact though spread over shards, and right where their indexes are behind."""

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from souk_chassis.testing.dynamodb_faults import FaultyClient
from souk_chassis.testing.dynamodb_model import DynamoModel, Limits
from souk_chassis.testing.virtual_time import VirtualClock, run_virtually
from souk_contracts.order_status import OrderStatus as S
from souk_orders.domain import Step, move_to
from souk_orders.placing import KEYS_KEPT
from souk_orders.storage.dynamodb import LIST_PAGE, DynamoOrderStore
from souk_orders.storage.dynamodb_rows import KEYS_EXPIRE, SHARDS
from souk_orders.tables import ORDERS, TABLES

NOW = datetime(2025, 1, 1, tzinfo=UTC)
KEY = ("user:ada", "k1")


async def history(store: DynamoOrderStore, order_id: str) -> list[S]:
    progress = await store.progress(order_id)
    assert progress is not None
    return [step.status for step in progress.history]


# --- load


def test_no_index_has_a_hot_partition(dynamo: Any, draft: Any) -> None:
    """2,000 orders are placed and confirmed within one second of the model, which gives a partition 1,000 units."""

    async def work() -> None:
        model = DynamoModel(TABLES)
        store = DynamoOrderStore(model, VirtualClock())
        ids = [f"o{number}" for number in range(2_000)]
        for start in range(0, 2_000, 90):
            batch = ids[start : start + 90]
            await store.place([draft(order_id, customer_id=order_id, created_at=NOW) for order_id in batch])
            async with store.unit() as unit:
                heads = await unit.lock(batch)
                steps = [Step(S.RESERVED, NOW), Step(S.CONFIRMED, NOW)]
                await unit.move([move_to(head, *steps) for head in heads.values()])
        assert asyncio.get_running_loop().time() < 1.0
        assert len(await store.page(None, S.CONFIRMED, None, 2_000)) == 2_000
        busiest = {place: used.busiest_write_s for place, used in model.meter.usage.items() if "/" in place}
        assert busiest.keys() == {f"Orders/{index.name}" for index in ORDERS.indexes}
        assert max(busiest.values()) < 1_000

    run_virtually(work())


def test_open_orders_are_counted_by_reading_little(dynamo: Any, draft: Any) -> None:
    async def work() -> None:
        model = DynamoModel(TABLES, Limits(metered=False))
        store = dynamo.on(model)
        await store.place([draft(f"o{number}") for number in range(2_000)])
        model.meter.usage.clear()
        model.counts.clear()
        assert await store.count_open(320) == 320
        assert model.counts["Query"] <= 2 * SHARDS
        assert model.meter.usage["Orders/open"].reads <= SHARDS
        assert await store.count_open(10_000) == 2_000

    run_virtually(work())


# --- indexes that are behind


class Behind:
    """Answers queries of indexes as they were when it was made."""

    def __init__(self, inner: DynamoModel) -> None:
        self._inner = inner
        self._then = DynamoModel(TABLES, Limits(metered=False))
        for name, table in inner.tables.items():
            for key, item in table.items.items():
                self._then.tables[name].put(key, item, table.sizes[key])

    async def call(self, operation: str, request: Mapping[str, Any]) -> dict[str, Any]:
        """See `DynamoClient`."""
        return await (self._then if "IndexName" in request else self._inner).call(operation, request)

    async def close(self) -> None:
        """There is nothing to release."""


async def test_what_has_left_a_state_is_not_listed_in_it(dynamo: Any, draft: Any, walk: Any) -> None:
    model = dynamo.unmetered()
    await dynamo.on(model).place(
        [draft(f"o{number}", created_at=NOW + timedelta(seconds=number)) for number in range(9)]
    )
    behind = dynamo.on(Behind(model))
    await walk(dynamo.on(model), "o8", Step(S.REJECTED, NOW))
    await walk(dynamo.on(model), "o6", Step(S.RESERVED, NOW))
    assert [each.order_id for each in await behind.page(None, S.PENDING, None, 3)] == ["o7", "o5", "o4"]
    assert [each.order_id for each in await behind.page("ada", S.PENDING, None, 3)] == ["o7", "o5", "o4"]
    assert [each.status for each in await behind.page(None, None, None, 3)] == [S.REJECTED, S.PENDING, S.RESERVED]
    assert [book.status for book in await behind.books("o5", 2, NOW)] == [S.RESERVED, S.PENDING]


async def test_nobody_asks_after_an_order_that_has_moved(dynamo: Any, draft: Any, walk: Any) -> None:
    model = dynamo.unmetered()
    later = NOW + timedelta(seconds=40)
    await dynamo.on(model).place([draft(f"o{number}") for number in range(4)])
    behind = dynamo.on(Behind(model))
    await walk(dynamo.on(model), "o0", Step(S.RESERVED, later))
    await walk(dynamo.on(model), "o1", Step(S.REJECTED, later))
    for found in (["o2", "o3"], []):
        async with behind.unit() as unit:
            late = await unit.overdue(NOW + timedelta(seconds=30), later, 10)
            assert [each.head.order_id for each in late] == found
    assert await history(dynamo.on(model), "o1") == [S.PENDING, S.REJECTED]
    assert await dynamo.on(model).count_open(10) == 3


async def test_the_saga_reads_no_index(dynamo: Any, draft: Any, walk: Any) -> None:
    model = dynamo.unmetered()
    behind = dynamo.on(Behind(model))
    await behind.place([draft("o1", key=KEY)])
    await walk(behind, "o1", Step(S.RESERVED, NOW))
    [again] = await behind.place([draft("o2", key=KEY)])
    assert (again.order_id, again.fresh) == ("o1", False)
    found = await behind.find_placed(None, KEY)
    assert found is not None
    assert [state.status for state in await behind.states(["o1"])] == [S.RESERVED]
    assert await history(behind, "o1") == [S.PENDING, S.RESERVED]


async def test_a_customers_orders_in_one_state_are_found_among_many(dynamo: Any, draft: Any, walk: Any) -> None:
    store = dynamo.on(dynamo.unmetered())
    count = 2 * LIST_PAGE + 10
    await store.place([draft(f"o{n:03}", created_at=NOW + timedelta(seconds=n)) for n in range(count)])
    wanted = ["o207", "o101", "o003"]
    for order_id in wanted:
        await walk(store, order_id, Step(S.REJECTED, NOW))
    assert [each.order_id for each in await store.page("ada", S.REJECTED, None, 3)] == wanted
    assert [each.order_id for each in await store.page("ada", S.REJECTED, None, 50)] == wanted


# --- idempotency keys


async def test_dynamodb_forgets_no_key_before_it_may(dynamo: Any, draft: Any) -> None:
    assert KEYS_EXPIRE > KEYS_KEPT
    model = dynamo.unmetered()
    await dynamo.on(model).place([draft("o1", key=KEY)])
    [item] = model.tables["OrderKeys"].items.values()
    assert item["expiresAt"] == {"N": str(int((NOW + KEYS_EXPIRE).timestamp()))}


async def test_a_key_that_is_used_anew_meanwhile_stays(dynamo: Any, draft: Any) -> None:
    model = dynamo.unmetered()
    later = NOW + timedelta(days=40)
    await dynamo.on(model).place([draft("o1", key=KEY)])
    client = FaultyClient(model)

    async def anew() -> None:
        assert await dynamo.on(model).forget_keys(later, 10) == 1
        await dynamo.on(model).place([draft("o2", key=KEY, created_at=later)])

    client.meanwhile["DeleteItem"] = anew
    assert await dynamo.on(client).forget_keys(later, 10) == 0
    found = await dynamo.on(model).find_placed(None, KEY)
    assert found is not None
    assert found.order_id == "o2"
