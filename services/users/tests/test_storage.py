"""The contract of the users' store, on memory, on PostgreSQL, and on the model of DynamoDB."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any

import pytest

from souk_chassis.errors import ErrorKind, SoukError
from souk_chassis.storage.collisions import retry_on_conflict
from souk_chassis.storage.dynamodb.client import RetryingClient
from souk_chassis.storage.opening import open_store
from souk_chassis.testing.clock import ManualClock
from souk_chassis.testing.dynamodb_model import DynamoModel, Limits
from souk_users.domain import FAILURE_WINDOW, Account, User
from souk_users.ports import UserStore
from souk_users.storage.dynamodb import DynamoUserStore
from souk_users.storage.memory import MemoryUserStore
from souk_users.storage.postgres import PostgresUserStore
from souk_users.tables import TABLES

NewDatabase = Callable[[], Awaitable[str]]


def account(number: int, at: datetime, email: str | None = None) -> Account:
    return Account(User(f"u{number}", email or f"User{number}@Example.org", f"Name {number}", at), f"hash {number}")


async def add(store: UserStore, new: Account) -> bool:
    """As the operation does."""

    async def once() -> bool:
        async with store.unit() as unit:
            return await unit.add(new)

    return await retry_on_conflict(once)


async def fail(store: UserStore, email: str, at: datetime, times: int = 1) -> None:
    """As the operation does."""

    async def once() -> None:
        async with store.unit() as unit:
            await unit.count_failure(email, at)

    for _ in range(times):
        await retry_on_conflict(once)


class TestUserStore:
    """What every adapter does."""

    @pytest.fixture(params=["memory", "postgres", "dynamodb"])
    async def store(
        self, request: pytest.FixtureRequest, clock: ManualClock, new_database: NewDatabase
    ) -> AsyncIterator[UserStore]:
        store: Any
        if request.param == "memory":
            store = MemoryUserStore(clock)
        elif request.param == "dynamodb":
            store = DynamoUserStore(RetryingClient(DynamoModel(TABLES, Limits(metered=False))), clock)
        else:
            store = await open_store(await new_database(), "souk_users", "users", clock, PostgresUserStore)
        yield store
        await store.close()

    async def test_an_account_is_found_as_it_was_given(self, store: UserStore, clock: ManualClock) -> None:
        new = account(1, clock.now())
        assert await add(store, new)
        assert await store.find_user("u1") == new.user
        assert await store.find_user("U1") is None

    async def test_it_is_found_by_address_in_any_case(self, store: UserStore, clock: ManualClock) -> None:
        await add(store, account(1, clock.now()))
        for written in ("User1@Example.org", "user1@example.org", "USER1@EXAMPLE.ORG"):
            known = await store.find_sign_in(written, clock.now())
            assert (known.user_id, known.password_hash, known.failures) == ("u1", "hash 1", 0)

    async def test_an_address_has_one_account_in_any_case(self, store: UserStore, clock: ManualClock) -> None:
        await add(store, account(1, clock.now()))
        assert not await add(store, account(2, clock.now(), email="uSER1@eXAMPLE.org"))
        assert await store.find_user("u2") is None
        assert (await store.find_sign_in("user1@example.org", clock.now())).password_hash == "hash 1"

    async def test_of_many_at_once_one_gets_the_address(self, store: UserStore, clock: ManualClock) -> None:
        added = await asyncio.gather(
            *(add(store, account(number, clock.now(), email="same@example.org")) for number in range(6))
        )
        assert sorted(added) == [False] * 5 + [True]

    async def test_what_fails_leaves_no_account(self, store: UserStore, clock: ManualClock) -> None:
        with suppress(ZeroDivisionError):
            async with store.unit() as unit:
                assert await unit.add(account(1, clock.now()))
                raise ZeroDivisionError
        assert await store.find_user("u1") is None
        assert await add(store, account(1, clock.now()))

    async def test_many_are_found_at_once(self, store: UserStore, clock: ManualClock) -> None:
        for number in range(3):
            await add(store, account(number, clock.now()))
        found = await store.find_users(["u2", "nobody", "u0", "u2"])
        assert sorted(user.email for user in found) == ["User0@Example.org", "User2@Example.org"]
        assert list(await store.find_users([])) == []

    async def test_failures_count_with_and_without_an_account(self, store: UserStore, clock: ManualClock) -> None:
        await add(store, account(1, clock.now()))
        await fail(store, "user1@EXAMPLE.org", clock.now(), times=3)
        await fail(store, "nobody@example.org", clock.now(), times=2)
        assert (await store.find_sign_in("User1@Example.org", clock.now())).failures == 3
        unknown = await store.find_sign_in("Nobody@Example.org", clock.now())
        assert (unknown.user_id, unknown.password_hash, unknown.failures) == (None, None, 2)

    async def test_a_window_begins_with_its_first_failure(self, store: UserStore, clock: ManualClock) -> None:
        start = clock.now()
        moment = timedelta(microseconds=1)
        await fail(store, "a@example.org", start)
        await fail(store, "a@example.org", start + FAILURE_WINDOW - moment)
        assert (await store.find_sign_in("a@example.org", start + FAILURE_WINDOW - moment)).failures == 2
        assert (await store.find_sign_in("a@example.org", start + FAILURE_WINDOW)).failures == 0
        await fail(store, "a@example.org", start + FAILURE_WINDOW)
        assert (await store.find_sign_in("a@example.org", start + FAILURE_WINDOW)).failures == 1

    async def test_a_unit_counts_and_forgets_in_turn(self, store: UserStore, clock: ManualClock) -> None:
        async def count_in_one_unit(before: int, after: int) -> int:
            async with store.unit() as unit:
                for _ in range(before):
                    await unit.count_failure("a@example.org", clock.now())
                if after:
                    await unit.forget_failures("A@example.org")
                for _ in range(after):
                    await unit.count_failure("a@example.org", clock.now())
            return (await store.find_sign_in("a@example.org", clock.now())).failures

        assert await count_in_one_unit(2, 0) == 2
        assert await count_in_one_unit(3, 0) == 5
        assert await count_in_one_unit(1, 2) == 2

    async def test_a_unit_adds_an_address_once(self, store: UserStore, clock: ManualClock) -> None:
        async with store.unit() as unit:
            assert await unit.add(account(1, clock.now()))
            assert not await unit.add(account(2, clock.now(), email="user1@example.org"))
            await unit.count_failure("user1@example.org", clock.now())
        assert await store.find_users(["u1", "u2"]) == [account(1, clock.now()).user]
        assert (await store.find_sign_in("user1@example.org", clock.now())).failures == 1

    async def test_failures_are_forgotten_for_one_address(self, store: UserStore, clock: ManualClock) -> None:
        await fail(store, "a@example.org", clock.now())
        await fail(store, "b@example.org", clock.now())
        async with store.unit() as unit:
            await unit.forget_failures("A@example.org")
            await unit.forget_failures("unknown@example.org")
        assert (await store.find_sign_in("a@example.org", clock.now())).failures == 0
        assert (await store.find_sign_in("b@example.org", clock.now())).failures == 1

    async def test_old_counts_are_removed(self, store: UserStore, clock: ManualClock) -> None:
        await fail(store, "old@example.org", clock.now())
        clock.advance(60)
        await fail(store, "new@example.org", clock.now())
        later = clock.now() + FAILURE_WINDOW - timedelta(seconds=60)
        assert await store.forget_old_failures(later) == 1
        assert await store.forget_old_failures(later) == 0
        assert (await store.find_sign_in("new@example.org", later)).failures == 1

    async def test_failures_at_once_are_all_counted(self, store: UserStore, clock: ManualClock) -> None:
        await asyncio.gather(*(fail(store, "a@example.org", clock.now()) for _ in range(8)))
        assert (await store.find_sign_in("a@example.org", clock.now())).failures == 8


async def test_counts_hold_across_processes(clock: ManualClock, new_database: NewDatabase) -> None:
    url = await new_database()
    stores = [await open_store(url, "souk_users", "users", clock, PostgresUserStore) for _ in range(2)]
    for store in stores:
        await fail(store, "a@example.org", clock.now())
    assert (await stores[0].find_sign_in("a@example.org", clock.now())).failures == 2
    for store in stores:
        await store.close()


async def test_a_memory_store_out_of_reach_says_so(clock: ManualClock) -> None:
    store = MemoryUserStore(clock)
    store.reachable = False
    reads = [
        store.find_user("u"),
        store.find_sign_in("a@b.c", clock.now()),
        store.find_users(["u"]),
        store.forget_old_failures(clock.now()),
    ]
    for read in reads:
        with pytest.raises(SoukError) as caught:
            await read
        assert caught.value.kind is ErrorKind.UNAVAILABLE
