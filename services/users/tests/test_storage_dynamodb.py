"""What DynamoDB's store of users has beside the contract: many writers at once, and processes that die."""

import asyncio
import random
from datetime import datetime, timedelta
from typing import Any

import pytest

from souk_chassis.errors import ErrorKind, SoukError
from souk_chassis.storage.collisions import retry_on_conflict
from souk_chassis.storage.dynamodb.client import DynamoClient, RetryingClient
from souk_chassis.storage.dynamodb.errors import answer_lost
from souk_chassis.testing.clock import ManualClock
from souk_chassis.testing.contexts import TRACEPARENT
from souk_chassis.testing.dynamodb_faults import Crash, FaultyClient
from souk_chassis.testing.dynamodb_model import DynamoModel, Latency, Limits
from souk_chassis.testing.virtual_time import VirtualClock, run_virtually
from souk_contracts.users import UserRegistered
from souk_users.domain import FAILURE_WINDOW, Account, User
from souk_users.storage.dynamodb import DynamoUserStore
from souk_users.tables import EMAILS, FAILED, TABLES, USERS

LATENCY = Latency(read=(0.002, 0.005), write=(0.004, 0.008), transaction=(0.010, 0.020))
AT = ManualClock().now()
MOMENT = timedelta(microseconds=1)


def on(client: DynamoClient, seed: int = 0) -> DynamoUserStore:
    """A process of its own."""
    return DynamoUserStore(RetryingClient(client), VirtualClock(), random.Random(seed))


@pytest.fixture
def model() -> DynamoModel:
    return DynamoModel(TABLES, Limits(metered=False))


async def register(store: DynamoUserStore, user_id: str, email: str = "ada@example.org") -> bool:
    """As the operation does: the account and its event in one unit."""

    async def once() -> bool:
        async with store.unit() as unit:
            if not await unit.add(Account(User(user_id, email, "Ada", AT), f"hash of {user_id}")):
                return False
            unit.publish(UserRegistered(user_id=user_id, email=email, name="Ada"), TRACEPARENT)
            return True

    return await retry_on_conflict(once)


async def fail(store: DynamoUserStore, at: datetime, email: str = "ada@example.org") -> None:
    async def once() -> None:
        async with store.unit() as unit:
            await unit.count_failure(email, at)

    await retry_on_conflict(once)


async def failures(store: DynamoUserStore, now: datetime) -> int:
    return (await store.find_sign_in("ada@example.org", now)).failures


# --- accounts


@pytest.mark.parametrize("writers", [2, 16])
def test_of_many_processes_one_gets_the_address(writers: int) -> None:
    async def work() -> None:
        model = DynamoModel(TABLES, latency=LATENCY, dice=random.Random(writers))
        stores = [on(model, seed) for seed in range(writers)]
        won = await asyncio.gather(*(register(store, f"u{number}") for number, store in enumerate(stores)))
        [winner] = [number for number, added in enumerate(won) if added]
        assert (await stores[0].find_sign_in("ADA@example.org", AT)).user_id == f"u{winner}"
        found = await stores[0].find_users([f"u{number}" for number in range(writers)])
        assert [user.user_id for user in found] == [f"u{winner}"]
        assert await stores[0].outbox_size() == 1
        assert model.counts["TransactionConflict"] + model.counts["ConditionalCheckFailed"] > 0

    run_virtually(work())


@pytest.mark.parametrize("done", [False, True])
async def test_a_process_that_dies_leaves_all_of_an_account_or_nothing(done: bool) -> None:
    died = 0
    for dies_at in range(1, 10):
        model = DynamoModel(TABLES, Limits(metered=False))
        try:
            await register(on(FaultyClient(model, dies_at, done=done)), "first")
        except Crash:
            died += 1
        else:
            break
        kept = len(model.tables[EMAILS.name].items)
        assert len(model.tables[USERS.name].items) == await on(model).outbox_size() == kept <= 1
        assert await register(on(model), "second") == (kept == 0)
        assert len(model.tables[USERS.name].items) == await on(model).outbox_size() == 1
    assert died == 2


@pytest.mark.parametrize("losses", [1, 3])
def test_a_lost_answer_opens_one_account(model: DynamoModel, losses: int) -> None:
    async def work() -> None:
        store = on(Losing(model, "TransactWriteItems", losses))
        assert await register(store, "u1")
        assert (len(model.tables[USERS.name].items), await store.outbox_size()) == (1, 1)

    run_virtually(work())


async def test_as_many_are_found_as_are_asked_for(model: DynamoModel) -> None:
    """More than one batch; find_contacts asks for 1,000 at most."""
    store = on(model)
    for number in range(230):
        await register(store, f"u{number}", f"u{number}@example.org")
    found = await store.find_users([f"u{number}" for number in range(1_000)])
    assert sorted(user.user_id for user in found) == sorted(f"u{number}" for number in range(230))


async def test_a_profile_has_no_password_in_it(model: DynamoModel) -> None:
    await register(on(model), "u1")
    assert "hash of u1" in str(model.tables[EMAILS.name].items)
    assert "hash of u1" not in str(model.tables[USERS.name].items)


# --- failed sign-ins


@pytest.mark.parametrize("guesses", [2, 50])
def test_guesses_at_once_are_all_counted(guesses: int) -> None:
    """In a first window, in one that goes on, and in one that follows another."""

    async def work() -> None:
        model = DynamoModel(TABLES, latency=LATENCY, dice=random.Random(guesses))
        stores = [on(model, seed) for seed in range(guesses)]
        for round_, at in enumerate((AT, AT + MOMENT, AT + FAILURE_WINDOW + MOMENT)):
            await asyncio.gather(*(fail(store, at) for store in stores))
            assert await failures(stores[0], at) == guesses * (2 if round_ == 1 else 1)
        assert not model.counts["TransactWriteItems"]

    run_virtually(work())


def test_counting_waits_for_a_partition_that_is_busy() -> None:
    """One address takes 1,000 write units a second: what is above is counted later, and not lost."""

    async def work() -> None:
        model = DynamoModel(TABLES, latency=LATENCY)
        await fail(on(model), AT)
        await asyncio.gather(*(fail(on(model, seed), AT) for seed in range(1_500)))
        assert await failures(on(model), AT) == 1_501
        assert model.counts["ProvisionedThroughputExceededException"] > 0

    run_virtually(work())


async def test_a_window_that_ends_meanwhile_is_begun_anew(model: DynamoModel) -> None:
    later = AT + FAILURE_WINDOW
    await fail(on(model), AT)
    client = FaultyClient(model)
    client.meanwhile["PutItem"] = lambda: fail(on(model), later)
    await fail(on(client), later)
    assert await failures(on(model), later) == 2


@pytest.mark.parametrize("done", [False, True])
async def test_a_process_that_dies_counts_one_failure_or_none(done: bool) -> None:
    died = 0
    for dies_at in range(1, 10):
        model = DynamoModel(TABLES, Limits(metered=False))
        await fail(on(model), AT)
        try:
            await fail(on(FaultyClient(model, dies_at, done=done)), AT)
        except Crash:
            died += 1
        else:
            break
        assert await failures(on(model), AT) == 1 + (done and dies_at == 2)
    assert died == 2


async def test_a_count_whose_answer_is_lost_is_not_told_as_kept(model: DynamoModel) -> None:
    """It may count: whoever guesses gets no answer from it, and more guesses not at all."""
    await fail(on(model), AT)
    with pytest.raises(SoukError) as lost:
        await fail(on(Losing(model, "UpdateItem", 1)), AT)
    assert lost.value.kind is ErrorKind.TIMEOUT_UNKNOWN
    assert await failures(on(model), AT) == 2


async def test_a_count_is_removed_by_dynamodb_when_its_window_is_over(model: DynamoModel) -> None:
    await fail(on(model), AT + MOMENT)
    await fail(on(model), AT + timedelta(minutes=1))
    [item] = model.tables[FAILED.name].items.values()
    assert FAILED.expires is not None
    expires_s = int(item[FAILED.expires]["N"])
    assert (AT + FAILURE_WINDOW).timestamp() < expires_s <= (AT + FAILURE_WINDOW).timestamp() + 1


async def test_a_window_that_begins_meanwhile_is_not_forgotten_with_the_old(model: DynamoModel) -> None:
    later = AT + FAILURE_WINDOW
    await fail(on(model), AT)
    client = FaultyClient(model)
    client.meanwhile["DeleteItem"] = lambda: fail(on(model), later)
    assert await on(client).forget_old_failures(later) == 0
    assert await failures(on(model), later) == 1


async def test_many_old_counts_are_removed(model: DynamoModel) -> None:
    store = on(model)
    for number in range(120):
        await fail(store, AT, f"a{number}@example.org")
    await fail(store, AT + FAILURE_WINDOW)
    assert await store.forget_old_failures(AT + FAILURE_WINDOW) == 120
    assert await failures(store, AT + FAILURE_WINDOW) == 1


class Losing:
    """A client that does what it is told, and loses so many answers to an operation."""

    def __init__(self, inner: DynamoModel, operation: str, losses: int) -> None:
        self.inner = inner
        self.operation = operation
        self.left = losses

    async def call(self, operation: str, request: Any) -> Any:
        answer = await self.inner.call(operation, request)
        if operation == self.operation and self.left:
            self.left -= 1
            raise answer_lost()
        return answer

    async def close(self) -> None:
        """There is nothing to release."""
