"""The users store on Amazon's own DynamoDB Local, over the real signed client: the same suite as on the model."""

import asyncio
from collections.abc import Sequence

import pytest

from souk_chassis.storage.dynamodb.client import DynamoClient
from souk_chassis.storage.dynamodb.schema import Table
from souk_chassis.testing.clock import ManualClock
from souk_users.storage.dynamodb import DynamoUserStore
from souk_users.tables import TABLES
from tests.infra.conftest import contract

_storage = contract("users", "test_storage")


@pytest.fixture
def tables() -> Sequence[Table]:
    return TABLES


class TestUserStoreOnDynamoDB(_storage.TestUserStore):  # type: ignore[misc, name-defined] # loaded by its path
    """The contract."""

    @pytest.fixture
    async def store(self, client: DynamoClient, clock: ManualClock) -> DynamoUserStore:
        return DynamoUserStore(client, clock)


@pytest.fixture
async def stores(client: DynamoClient, clock: ManualClock) -> list[DynamoUserStore]:
    return [DynamoUserStore(client, clock) for _ in range(16)]


async def test_of_many_processes_one_gets_the_address(stores: list[DynamoUserStore], clock: ManualClock) -> None:
    accounts = [_storage.account(number, clock.now(), "same@example.org") for number in range(16)]
    won = await asyncio.gather(*(_storage.add(*each) for each in zip(stores, accounts, strict=True)))
    assert sorted(won) == [False] * 15 + [True]
    found = await stores[0].find_users([account.user.user_id for account in accounts])
    assert [user.user_id for user in found] == [accounts[won.index(True)].user.user_id]


async def test_guesses_at_once_are_all_counted(stores: list[DynamoUserStore], clock: ManualClock) -> None:
    await asyncio.gather(*(_storage.fail(store, "a@example.org", clock.now(), times=3) for store in stores))
    assert (await stores[0].find_sign_in("a@example.org", clock.now())).failures == 48
