"""The mails' store on Amazon's own DynamoDB Local, over the real signed client: the same suite as on the model."""

import asyncio
from collections.abc import Sequence

import pytest

from souk_chassis.storage.dynamodb.client import DynamoClient
from souk_chassis.storage.dynamodb.schema import Table
from souk_chassis.testing.clock import ManualClock
from souk_notifications.ports import MailFilter
from souk_notifications.storage.dynamodb import DynamoMailStore
from souk_notifications.tables import TABLES
from tests.infra.conftest import contract

_storage = contract("notifications", "test_storage")
_dynamodb = contract("notifications", "test_storage_dynamodb")


@pytest.fixture
def tables() -> Sequence[Table]:
    return TABLES


@pytest.fixture
async def store(client: DynamoClient, clock: ManualClock) -> DynamoMailStore:
    return DynamoMailStore(client, clock)


class TestMailStoreOnDynamoDB(_storage.TestMailStore):  # type: ignore[misc, name-defined] # loaded by its path
    """The contract."""

    @pytest.fixture
    async def store(self, client: DynamoClient, clock: ManualClock) -> DynamoMailStore:
        return DynamoMailStore(client, clock)


@pytest.mark.parametrize("count", [100, 1_280])
async def test_a_batch_of_any_width_is_written_and_noted(store: DynamoMailStore, count: int) -> None:
    mails = _dynamodb.mails_of(count)
    assert await _dynamodb.consume(store, mails) == count
    assert await _dynamodb.mailed(store) == {f"o{n}": 1 for n in range(count)}
    assert await _dynamodb.consume(store, mails) == 0
    assert await store.page(MailFilter(), None, 50) == mails[-1:-51:-1]


async def test_mails_near_the_size_of_an_item_go_in_several_transactions(store: DynamoMailStore) -> None:
    mails = _dynamodb.mails_of(25, body="x" * 390_000)
    assert await _dynamodb.consume(store, mails) == 25
    assert await store.page(MailFilter(), None, 30) == mails[::-1]


async def test_one_batch_at_once_is_written_once(client: DynamoClient, clock: ManualClock) -> None:
    mails = _dynamodb.mails_of(120)
    stores = [DynamoMailStore(client, clock) for _ in range(4)]
    await asyncio.gather(*(_dynamodb.consume(store, mails) for store in stores))
    assert await _dynamodb.mailed(stores[0]) == {f"o{n}": 1 for n in range(120)}
