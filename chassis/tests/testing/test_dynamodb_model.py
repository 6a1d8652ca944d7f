"""The model keeps DynamoDB's published limits, executes what the adapters write, and refuses what it does not know."""

import asyncio
import random
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

import pytest

from souk_chassis.errors import SoukError
from souk_chassis.storage.collisions import CollisionError
from souk_chassis.storage.dynamodb.client import RetryingClient
from souk_chassis.storage.dynamodb.errors import (
    CONDITION,
    CONFLICT,
    THROTTLED,
    ConditionFailedError,
    RequestRefusedError,
    TransactionCancelledError,
)
from souk_chassis.storage.dynamodb.schema import Index, Table
from souk_chassis.storage.dynamodb.tables import Tables
from souk_chassis.storage.dynamodb.writes import Write, check, delete, insert, put, update
from souk_chassis.testing.dynamodb_model import DynamoModel, Latency, Limits
from souk_chassis.testing.dynamodb_model.limits import size_of
from souk_chassis.testing.virtual_time import run_virtually

STOCK = Table("Stock", "id", indexes=(Index("byShelf", "shelf", "place"),))
LINES = Table("Lines", "id", "line", indexes=(Index("byDay", "id", "day", whole=True),))
SLOW = Latency(read=(0.002, 0.004), write=(0.004, 0.008), transaction=(0.010, 0.020))


def sell(item: str, units: int = 1) -> Write:
    return update(STOCK, {"id": item}, adds={"units": -units, "sold": units}, when=[("units", ">=", units)])


@pytest.fixture
def model() -> DynamoModel:
    return DynamoModel([STOCK, LINES], Limits(metered=False))


@pytest.fixture
def tables(model: DynamoModel) -> Tables:
    return Tables(model)


# --- what it executes


async def test_writes_and_their_conditions(tables: Tables) -> None:
    await tables.write(insert(STOCK, {"id": "a", "units": 3}))
    with pytest.raises(ConditionFailedError):
        await tables.write(insert(STOCK, {"id": "a", "units": 9}))
    await tables.write(sell("a", 2))
    assert await tables.get(STOCK, "a") == {"id": "a", "units": 1, "sold": 2}
    for impossible in (sell("a", 2), sell("none"), delete(STOCK, {"id": "a"}, [("units", "<>", 1)])):
        with pytest.raises(ConditionFailedError):
            await tables.write(impossible)
    await tables.write(
        update(STOCK, {"id": "a"}, sets={"name": "x"}, removes=["sold"], when=[("name", "absent", None)])
    )
    assert await tables.get(STOCK, "a") == {"id": "a", "units": 1, "name": "x"}
    await tables.write(delete(STOCK, {"id": "a"}, [("name", "present", None)]))
    assert await tables.get(STOCK, "a") is None
    await tables.write(update(STOCK, {"id": "new"}, adds={"units": 4}))
    assert await tables.get(STOCK, "new") == {"id": "new", "units": 4}


async def test_a_transaction_is_whole_or_nothing_and_says_why(tables: Tables) -> None:
    await tables.transact([put(STOCK, {"id": "a", "units": 1}), put(LINES, {"id": "o", "line": "1"})])
    with pytest.raises(TransactionCancelledError) as cancelled:
        await tables.transact([put(STOCK, {"id": "b"}), sell("a", 2), check(LINES, {"id": "o", "line": "1"}, [])])
    assert cancelled.value.reasons == ("None", CONDITION, "None")
    assert await tables.get(STOCK, "b") is None
    await tables.transact([sell("a"), check(LINES, {"id": "o", "line": "1"}, [("id", "present", None)])])
    assert await tables.snapshot(STOCK, [("a",), ("b",)]) == [{"id": "a", "units": 0, "sold": 1}, None]


async def test_queries_go_backwards_and_count(tables: Tables, model: DynamoModel) -> None:
    await tables.put_all(LINES, [{"id": "o", "line": f"{n}", "day": f"{9 - n}"} for n in range(5)])
    backwards = await tables.query(LINES, "o", ("line", "<", "4"), limit=2, descending=True)
    assert [row["line"] for row in backwards] == ["3", "2"]
    start = {"id": {"S": "o"}, "line": {"S": "2"}}
    request = {"TableName": "Lines", "KeyConditionExpression": "#i = :i", "ScanIndexForward": False, "Limit": 1}
    request |= {"ExpressionAttributeNames": {"#i": "id"}, "ExpressionAttributeValues": {":i": {"S": "o"}}}
    answer = await model.call("Query", {**request, "ExclusiveStartKey": start})
    assert [item["line"]["S"] for item in answer["Items"]] == ["1"]
    assert await model.call("Query", {**request, "Select": "COUNT", "Limit": 9}) == {"Count": 5}
    assert [await tables.count(LINES, "o", index="byDay", limit=most) for most in (3, 5, 9)] == [3, 5, 5]
    assert await tables.count(LINES, "none", limit=1) == 0


async def test_queries_are_sorted_bounded_and_paged(tables: Tables) -> None:
    rows = [{"id": "o", "line": f"{number:03}", "day": f"{number % 7}", "text": "x" * 900} for number in range(2_500)]
    await tables.put_all(LINES, [*rows, {"id": "other", "line": "1"}])
    assert await tables.query(LINES, "o") == sorted(rows, key=lambda row: row["line"])
    assert [row["line"] for row in await tables.query(LINES, "o", ("line", ">", "010"), limit=2)] == ["011", "012"]
    by_day = await tables.query(LINES, "o", ("day", "=", "6"), index="byDay")
    assert sorted(row["line"] for row in by_day) == sorted(row["line"] for row in rows if row["day"] == "6")
    await tables.delete_all(LINES, [("o", row["line"]) for row in rows])
    assert await tables.query(LINES, "o", index="byDay") == []


async def test_a_query_goes_backwards_when_asked(tables: Tables) -> None:
    """Also over more than one page: an item weighs 300 KB, and a page ends at 1 MB."""
    rows = [{"id": "o", "line": f"{number:03}", "day": f"{number:03}", "text": "x" * 300_000} for number in range(12)]
    await tables.put_all(LINES, rows)
    for index in (None, "byDay"):
        found = await tables.query(LINES, "o", index=index, descending=True)
        assert [row["line"] for row in found] == [row["line"] for row in reversed(rows)]
    before = await tables.query(LINES, "o", ("line", "<", "010"), limit=2, descending=True)
    assert [row["line"] for row in before] == ["009", "008"]


async def test_an_index_has_its_keys_alone_unless_it_is_whole(tables: Tables) -> None:
    await tables.put_all(STOCK, [{"id": "a", "shelf": "s", "place": "2", "units": 1}, {"id": "b", "shelf": "s"}])
    assert await tables.query(STOCK, "s", index="byShelf") == [{"id": "a", "shelf": "s", "place": "2"}]


async def test_batches_read_and_write_any_number(tables: Tables) -> None:
    await tables.put_all(STOCK, [{"id": str(number)} for number in range(260)])
    found = await tables.get_many(STOCK, [(str(number),) for number in range(-5, 260)])
    assert len(found) == 260


async def test_a_token_makes_a_repeat_safe(model: DynamoModel, tables: Tables) -> None:
    await tables.write(put(STOCK, {"id": "a", "units": 5}))
    request = {"TransactItems": [sell("a", 2).action], "ClientRequestToken": "t"}
    await model.call("TransactWriteItems", request)
    await model.call("TransactWriteItems", request)
    assert await tables.get(STOCK, "a") == {"id": "a", "units": 3, "sold": 2}
    with pytest.raises(RequestRefusedError, match="IdempotentParameterMismatch"):
        await model.call("TransactWriteItems", {**request, "TransactItems": [sell("a", 1).action]})


# --- what it refuses


def raw(expression: str, **values: Any) -> dict[str, Any]:
    """A condition on the item `a`, with `#u` for units."""
    return {
        "TableName": "Stock",
        "Item": {"id": {"S": "a"}},
        "ConditionExpression": expression,
        "ExpressionAttributeNames": {"#u": "units"},
        "ExpressionAttributeValues": {f":{name}": {"N": str(value)} for name, value in values.items()},
    }


@pytest.mark.parametrize(
    "request_body",
    [
        raw("units > :x", x=1),
        raw("#u > :x OR #u < :x", x=1),
        raw("#u BETWEEN :x AND :y", x=1, y=2),
        raw("size(#u) > :x", x=1),
        raw("#u > :x", x=1, y=2),
        raw("#u > :z", x=1),
        raw("#other > :x", x=1),
        raw("#u ! :x", x=1),
        raw("#u >", x=1),
    ],
)
async def test_conditions_that_it_does_not_know(model: DynamoModel, request_body: dict[str, Any]) -> None:
    with pytest.raises(RequestRefusedError, match="ValidationException"):
        await model.call("PutItem", request_body)


@pytest.mark.parametrize(
    "expression",
    ["SET #u = #u + :x", "SET #u = if_not_exists(#u, :x)", "DELETE #u :x", "ADD #u :x ADD #u :x", "SET #i = :x", ""],
)
async def test_updates_that_it_does_not_know(model: DynamoModel, expression: str) -> None:
    request = {
        "TableName": "Stock",
        "Key": {"id": {"S": "a"}},
        "UpdateExpression": expression,
        "ExpressionAttributeNames": {"#u": "units", "#i": "id"},
        "ExpressionAttributeValues": {":x": {"N": "1"}},
    }
    with pytest.raises(RequestRefusedError, match="ValidationException"):
        await model.call("UpdateItem", request)


@pytest.mark.parametrize(
    "write",
    [
        put(STOCK, {"id": "big", "text": "x" * 400 * 1024}),
        put(STOCK, {"id": ""}),
        put(STOCK, {"name": "no key"}),
        put(STOCK, {"id": "i" * 2_049}),
        put(LINES, {"id": "o", "line": "l" * 1_025}),
        put(Table("Nowhere", "id"), {"id": "a"}),
        delete(LINES, {"id": "half a key"}),
    ],
)
async def test_items_that_may_not_be(tables: Tables, write: Write) -> None:
    with pytest.raises(RequestRefusedError):
        await tables.write(write)


async def test_requests_that_are_too_wide(model: DynamoModel, tables: Tables) -> None:
    items = [put(STOCK, {"id": str(number)}) for number in range(101)]
    with pytest.raises(SoukError, match="101 items"):
        await tables.transact(items)
    with pytest.raises(RequestRefusedError, match="ValidationException"):
        await model.call("TransactWriteItems", {"TransactItems": [write.action for write in items]})
    heavy = [put(STOCK, {"id": str(n), "text": "x" * 300_000}) for n in range(15)]
    with pytest.raises(SoukError, match="4500110 bytes"):
        await tables.transact(heavy)
    with pytest.raises(RequestRefusedError, match="size exceeded"):
        await model.call("TransactWriteItems", {"TransactItems": [write.action for write in heavy]})
    keys = [{"id": {"S": str(number)}} for number in range(101)]
    puts = [{"PutRequest": {"Item": {"id": {"S": str(number)}}}} for number in range(26)]
    with pytest.raises(RequestRefusedError, match="ValidationException"):
        await model.call("BatchGetItem", {"RequestItems": {"Stock": {"Keys": keys}}})
    with pytest.raises(RequestRefusedError, match="ValidationException"):
        await model.call("BatchWriteItem", {"RequestItems": {"Stock": puts}})
    with pytest.raises(RequestRefusedError, match="multiple operations"):
        await tables.transact([sell("a"), sell("a")])
    with pytest.raises(RequestRefusedError, match="does not know"):
        await model.call("Scan", {"TableName": "Stock"})


# --- its limits


async def codes(calls: Iterable[Callable[[], Awaitable[Any]]]) -> list[str]:
    """What each of these calls at once came to: `done` or the code of its error."""

    async def one(call: Callable[[], Awaitable[Any]]) -> str:
        try:
            await call()
        except SoukError as error:
            return error.code
        return "done"

    return await asyncio.gather(*(one(call) for call in calls))


def test_an_item_takes_1000_plain_writes_a_second_and_not_one_more() -> None:
    async def work() -> None:
        tables = Tables(DynamoModel([STOCK], latency=Latency(write=(0.001, 0.9))))
        await tables.write(put(STOCK, {"id": "a", "units": 10_000}))
        await asyncio.sleep(1.0 - asyncio.get_running_loop().time())
        for _ in range(3):
            outcomes = await codes([lambda: tables.write(sell("a"))] * 1_500)
            assert (outcomes.count("done"), outcomes.count(THROTTLED)) == (1_000, 500)
            await asyncio.sleep(1.0 - asyncio.get_running_loop().time() % 1.0)
        assert await tables.get(STOCK, "a") == {"id": "a", "units": 7_000, "sold": 3_000}

    run_virtually(work())


def test_what_is_big_or_transactional_or_indexed_costs_more() -> None:
    async def spent(work: Callable[[Tables], Awaitable[Any]]) -> dict[str, tuple[float, float]]:
        model = DynamoModel([STOCK, LINES])
        await work(Tables(model))
        return {place: (used.writes, used.reads) for place, used in model.meter.usage.items()}

    text = "x" * 2_500

    async def big(tables: Tables) -> None:
        await tables.write(put(STOCK, {"id": "a", "text": text}))
        await tables.get(STOCK, "a")

    async def shrunk(tables: Tables) -> None:
        await tables.write(put(STOCK, {"id": "a", "text": text}))
        await tables.write(put(STOCK, {"id": "a"}))

    async def transactional(tables: Tables) -> None:
        await tables.transact([put(STOCK, {"id": "a", "text": text}), check(STOCK, {"id": "b"}, [])])
        await tables.snapshot(STOCK, [("a",)])

    async def refused(tables: Tables) -> None:
        with pytest.raises(ConditionFailedError):
            await tables.write(sell("none"))

    async def indexed(tables: Tables) -> None:
        await tables.write(put(STOCK, {"id": "a", "shelf": "s", "place": "1"}))
        await tables.write(update(STOCK, {"id": "a"}, adds={"units": 1}))
        await tables.write(update(STOCK, {"id": "a"}, sets={"place": "2"}))

    assert run_virtually(spent(big)) == {"Stock": (3, 1)}
    assert run_virtually(spent(shrunk)) == {"Stock": (6, 0)}
    assert run_virtually(spent(transactional)) == {"Stock": (8, 2)}
    assert run_virtually(spent(refused)) == {"Stock": (1, 0)}
    assert run_virtually(spent(indexed)) == {"Stock": (3, 0), "Stock/byShelf": (3, 0)}


def test_reads_are_metered_and_what_a_batch_leaves_is_asked_for_again() -> None:
    async def work() -> None:
        model = DynamoModel([STOCK], Limits(partitions=1))
        tables = Tables(RetryingClient(model))
        await asyncio.gather(*(tables.write(put(STOCK, {"id": str(n), "t": "x" * 3_000})) for n in range(90)))
        outcomes = await codes([lambda: tables.get(STOCK, "1")] * 2_950)
        assert set(outcomes) == {"done"}
        found = await tables.get_many(STOCK, [(str(number),) for number in range(90)])
        assert len(found) == 90
        assert asyncio.get_running_loop().time() >= 1.0
        assert model.meter.usage["Stock"].throttled >= 40

    run_virtually(work())


def test_unused_capacity_is_kept_only_where_a_test_asks() -> None:
    async def done(burst_s: int) -> int:
        tables = Tables(DynamoModel([STOCK], Limits(burst_s=burst_s)))
        await tables.write(put(STOCK, {"id": "a", "units": 10_000}))
        await asyncio.sleep(10.0)
        return (await codes([lambda: tables.write(sell("a"))] * 5_000)).count("done")

    assert run_virtually(done(0)) == 1_000
    assert run_virtually(done(2)) == 3_000


def test_transactions_that_overlap_on_an_item_conflict() -> None:
    async def work() -> None:
        model = DynamoModel([STOCK], latency=SLOW)
        tables = Tables(model)
        await tables.put_all(STOCK, [{"id": item, "units": 10} for item in "abc"])
        first = asyncio.create_task(tables.transact([sell("a"), sell("b")]))
        await asyncio.sleep(0.001)
        with pytest.raises(CollisionError) as collided:
            await tables.transact([sell("c"), sell("b")])
        assert collided.value.reasons == ("None", CONFLICT)
        second = asyncio.create_task(tables.transact([sell("a"), sell("b")]))
        with pytest.raises(SoukError):
            await second
        assert await tables.get(STOCK, "c") == {"id": "c", "units": 10}
        await first
        await tables.transact([sell("b"), sell("c")])
        assert await tables.get(STOCK, "b") == {"id": "b", "units": 8, "sold": 2}

    run_virtually(work())


def test_plain_writes_and_snapshots_conflict_with_a_transaction_and_plain_reads_do_not() -> None:
    async def work() -> None:
        tables = Tables(DynamoModel([STOCK], latency=Latency(transaction=(0.02, 0.02))))
        await tables.write(put(STOCK, {"id": "a", "units": 10}))
        transaction = asyncio.create_task(tables.transact([sell("a")]))
        await asyncio.sleep(0.001)
        outcomes = await codes([lambda: tables.write(sell("a")), lambda: tables.get(STOCK, "a")])
        assert outcomes == ["database_collision", "done"]
        await transaction
        late = asyncio.create_task(tables.snapshot(STOCK, [("a",)]))
        await asyncio.sleep(0.01)
        transaction = asyncio.create_task(tables.transact([sell("a")]))
        with pytest.raises(CollisionError):
            await late
        await transaction

    run_virtually(work())


def test_a_throttled_transaction_writes_nothing() -> None:
    async def work() -> None:
        tables = Tables(DynamoModel([STOCK], Limits(partitions=1)))
        text = "x" * 100_000
        outcomes = await codes(
            [
                lambda n=n: tables.transact([put(STOCK, {"id": f"{n}-{k}", "t": text}) for k in range(4)])
                for n in range(3)
            ]
        )
        assert outcomes == ["done", THROTTLED, THROTTLED]
        assert len(await tables.get_many(STOCK, [(f"{n}-{k}",) for n in range(3) for k in range(4)])) == 4

    run_virtually(work())


def test_sizes_are_counted_as_aws_says() -> None:
    assert size_of({"ab": {"S": "ä"}, "n": {"N": "12345"}, "t": {"BOOL": True}}) == 2 + 2 + 1 + 4 + 1 + 1
    assert size_of({"l": {"L": [{"S": "x"}, {"NULL": True}]}, "m": {"M": {"k": {"S": "vv"}}}}) == (1 + 3 + 2 + 2) + (
        1 + 3 + 1 + 1 + 2
    )


def test_the_same_dice_give_the_same_run() -> None:
    async def work() -> float:
        tables = Tables(DynamoModel([STOCK], latency=SLOW, dice=random.Random(5)))
        await tables.write(put(STOCK, {"id": "a", "units": 50}))
        await codes([lambda: tables.transact([sell("a")])] * 50)
        return asyncio.get_running_loop().time()

    assert run_virtually(work()) == run_virtually(work())
