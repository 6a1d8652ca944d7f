"""The products store on Amazon's own DynamoDB Local, over the real signed client: the same suite as on the model."""

import asyncio
import secrets
from typing import Any

import pytest

from souk_chassis.aws.client import AwsClient
from souk_chassis.aws.credentials import Credentials, FixedCredentials
from souk_chassis.aws.transport import HttpTransport
from souk_chassis.errors import SoukError
from souk_chassis.storage.collisions import retry_on_conflict
from souk_chassis.storage.dynamodb.client import DynamoClient
from souk_chassis.storage.dynamodb.errors import (
    CONDITION,
    ConditionFailedError,
    RequestRefusedError,
    TransactionCancelledError,
)
from souk_chassis.storage.dynamodb.http_client import HttpDynamoClient
from souk_chassis.storage.dynamodb.schema import Table
from souk_chassis.storage.dynamodb.tables import Tables, chunks
from souk_chassis.storage.dynamodb.writes import insert, update
from souk_chassis.testing.clock import ManualClock
from souk_products.domain import ReservationState
from souk_products.stock_movements import cancel, reserve
from souk_products.storage.dynamodb import DynamoProductsStore
from souk_products.tables import EVENTS, PRODUCTS, TABLES
from tests.infra.conftest import contract

_storage = contract("products", "test_storage")
globals().update({name: test for name, test in vars(_storage).items() if name.startswith("test_")})


@pytest.fixture
def tables() -> tuple[Table, ...]:
    return TABLES


@pytest.fixture
async def store(client: DynamoClient, clock: ManualClock) -> DynamoProductsStore:
    return DynamoProductsStore(client, clock)


async def put(store: DynamoProductsStore, **stock: int) -> None:
    for ids in chunks(list(stock), 45):  # a product is two items of a transaction
        async with store.unit() as unit:
            await unit.put_products([_storage.record(product_id) for product_id in ids], stock)


async def in_unit(store: DynamoProductsStore, work: Any, argument: Any) -> Any:
    async def once() -> Any:
        async with store.unit() as unit:
            return await work(unit, argument)

    return await retry_on_conflict(once)


async def test_failures_are_told_apart(client: DynamoClient) -> None:
    tables = Tables(client)
    await tables.write(insert(PRODUCTS, {"productId": "a", "onHand": 1}))
    with pytest.raises(ConditionFailedError):
        await tables.write(insert(PRODUCTS, {"productId": "a"}))
    taken = update(PRODUCTS, {"productId": "a"}, adds={"onHand": -2}, when=[("onHand", ">=", 2)])
    with pytest.raises(TransactionCancelledError) as cancelled:
        await tables.transact([insert(PRODUCTS, {"productId": "b"}), taken])
    assert cancelled.value.reasons == ("None", CONDITION)
    assert await tables.get(PRODUCTS, "b") is None
    with pytest.raises(RequestRefusedError, match="ValidationException"):
        await client.call("UpdateItem", {"TableName": "Products", "Key": {"productId": {"N": "1"}}})
    with pytest.raises(RequestRefusedError, match="ResourceNotFoundException"):
        await client.call("GetItem", {"TableName": "None", "Key": {"productId": {"S": "1"}}})


async def test_a_repeated_transaction_is_done_once(client: DynamoClient) -> None:
    tables = Tables(client)
    await tables.write(insert(PRODUCTS, {"productId": "a", "onHand": 5}))
    taken = update(PRODUCTS, {"productId": "a"}, adds={"onHand": -2}, when=[("onHand", ">=", 2)])
    request = {"TransactItems": [taken.action], "ClientRequestToken": secrets.token_hex(16)}
    for _ in range(2):
        await client.call("TransactWriteItems", request)
    assert await tables.get(PRODUCTS, "a") == {"productId": "a", "onHand": 3}


@pytest.mark.parametrize("shards", [1, 4])
async def test_sixteen_writers_oversell_nothing(store: DynamoProductsStore, shards: int) -> None:
    await put(store, hot=100, other=1_000)
    await store.spread_stock("hot", shards)
    batches = [{f"o{writer // 2}-{n}": {"hot": 1, "other": 2} for n in range(20)} for writer in range(16)]
    decided = await asyncio.gather(*(in_unit(store, reserve, batch) for batch in batches))
    held = [each for reservations in decided for each in reservations if each.state is ReservationState.HELD]
    books = {book.product_id: book for book in await store.stock_books("", 10)}
    assert (books["hot"].sold, books["hot"].now) == (100, 0)
    assert (books["other"].sold, books["other"].now) == (200, 800)
    assert len(held) == 100
    assert len(await store.reservation_books("", 1_000)) == 160


@pytest.mark.parametrize("lines", [101, 1_114])
async def test_a_wide_order_is_reserved_and_undone(store: DynamoProductsStore, lines: int) -> None:
    ids = [f"p{number:04}" for number in range(lines)]
    await put(store, **dict.fromkeys(ids, 10))
    wanted = dict.fromkeys(ids, 3)
    [reservation] = await in_unit(store, reserve, {"wide": wanted})
    assert reservation.state is ReservationState.HELD
    assert [(book.units, book.state) for book in await store.reservation_books("", 10)] == [(3 * lines, "HELD")]
    assert {book.now for book in await store.stock_books("", 5_000)} == {7}
    [released] = await in_unit(store, cancel, ["wide"])
    assert released.held == wanted
    assert {(book.now, book.sold) for book in await store.stock_books("", 5_000)} == {(10, 0)}


async def test_what_the_store_needs_is_there_or_said(store: DynamoProductsStore) -> None:
    await store.ping()
    assert await store.outbox_size() == 0
    key = FixedCredentials(Credentials("key", "secret"))
    away = AwsClient("eu-west-1", key, HttpTransport(), "http://127.0.0.1:1/")
    with pytest.raises(SoukError):
        await DynamoProductsStore(HttpDynamoClient(away), store.clock).ping()
    await away.close()
    assert EVENTS.expires == "expiresAt"
