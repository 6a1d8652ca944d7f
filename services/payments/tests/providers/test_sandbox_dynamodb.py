"""The sandbox's books on DynamoDB: crashes at every call, many processes at once, and commits that meet."""

import asyncio
import random
from collections.abc import Mapping
from copy import deepcopy
from functools import partial
from typing import Any

import pytest

from souk_chassis.errors import ErrorKind, SoukError
from souk_chassis.storage.collisions import CollisionError
from souk_chassis.storage.dynamodb.client import DynamoClient, RetryingClient
from souk_chassis.storage.dynamodb.errors import throttled
from souk_chassis.testing.clock import ManualClock
from souk_chassis.testing.dynamodb_faults import Crash, FaultyClient
from souk_chassis.testing.dynamodb_model import DynamoModel, Latency, Limits
from souk_chassis.testing.virtual_time import VirtualClock, run_virtually
from souk_payments.domain import Captured, Charge, Declined, Refund
from souk_payments.ports import ProviderBook
from souk_payments.providers.sandbox import Entry
from souk_payments.providers.sandbox_dynamodb import BOOK_TRIES, ENTRIES, DynamoBooks
from souk_payments.tables import SANDBOX_BOOKS, SANDBOX_TABLES

LATENCY = Latency(read=(0.002, 0.005), write=(0.004, 0.008), transaction=(0.010, 0.020))
MOST_CALLS = 100
"""More than any work here has."""


class Refusing:
    """Fails the first `failures` transactions with an error, and passes on all other calls."""

    def __init__(self, inner: DynamoClient, error: SoukError, failures: int) -> None:
        self.inner, self.error, self.failures = inner, error, failures

    async def call(self, operation: str, request: Mapping[str, Any]) -> dict[str, Any]:
        if operation == "TransactWriteItems" and self.failures:
            self.failures -= 1
            raise self.error
        return await self.inner.call(operation, request)

    async def close(self) -> None:
        """There is nothing to release."""


class Torn:
    """Reads of many items that show a transaction half: the totals after it, and its refund not yet."""

    def __init__(self, inner: DynamoClient) -> None:
        self.inner = inner

    async def call(self, operation: str, request: Mapping[str, Any]) -> dict[str, Any]:
        answer = await self.inner.call(operation, request)
        for name, items in answer.get("Responses", {}).items() if operation == "BatchGetItem" else ():
            answer["Responses"][name] = [item for item in items if "refundId" not in item]
        return answer

    async def close(self) -> None:
        """There is nothing to release."""


def unmetered() -> DynamoModel:
    return DynamoModel(SANDBOX_TABLES, Limits(metered=False))


def books_on(client: DynamoClient) -> DynamoBooks:
    """Another process of the provider."""
    return DynamoBooks(client, ManualClock(), random.Random(1))


def charged(order_id: str, key: str = "", amount_minor: int = 1000) -> Entry:
    key = key or order_id
    return Entry(Charge(order_id, key, amount_minor, "GBP", "tok_ok"), Captured(f"p-{order_id}-{key}", amount_minor))


def refund(order_id: str, key: str, amount_minor: int = 300) -> Refund:
    return Refund(key, order_id, f"p-{order_id}", amount_minor, "GBP")


@pytest.mark.parametrize("done", [False, True], ids=["before", "after"])
async def test_a_crash_at_any_call_leaves_what_a_repeat_answers_alike(done: bool) -> None:
    ids = [f"o-{number:03}" for number in range(120)]
    entries = [charged(order_id) for order_id in ids]
    declined = [Entry(Charge(f"no-{n}", "k", 5, "GBP", "no"), Declined("card_declined")) for n in range(10)]
    refunds = [*(refund(order_id, "a") for order_id in ids), *(refund("o-001", f"b-{n}", 1) for n in range(60))]
    for dies_at in range(1, MOST_CALLS):
        model = unmetered()
        dying, books = books_on(FaultyClient(model, dies_at, done=done)), books_on(model)
        try:
            await dying.enter([*entries, *declined])
            await dying.give(refunds)
        except Crash:
            pass
        else:
            break
        assert await books.enter([*entries, *declined]) == [each.outcome for each in [*entries, *declined]]
        answers = await books.give(refunds)
        assert len(set(answers)) == len(refunds)
        assert await books.give(refunds) == answers
        page = await books.page("", 500)
        assert [book.order_id for book in page] == ids
        assert {(book.captured_minor, book.charges) for book in page} == {(1000, 1)}
        assert [book.refunded_minor for book in page] == [300, 360, *[300] * 118]
    assert 1 < dies_at < MOST_CALLS - 1


def test_many_processes_give_back_no_more_than_was_captured() -> None:
    """Sixteen, all at the same ten orders, with charges among them; what one gives another does not give again."""

    async def work() -> None:
        model = DynamoModel(SANDBOX_TABLES, latency=LATENCY)
        books = [DynamoBooks(RetryingClient(model), VirtualClock(), random.Random(n)) for n in range(16)]
        ids = [f"o-{number}" for number in range(10)]
        same = await asyncio.gather(*(each.enter([charged(order_id) for order_id in ids]) for each in books))
        assert all(answers == same[0] for answers in same)

        async def give(number: int, order_id: str) -> Any:
            return await books[number].give([refund(order_id, f"k-{number // 2}")])

        turns = [(number, order_id) for order_id in ids for number in range(16)]
        random.Random(1).shuffle(turns)
        while turns:  # those that met too many others are asked again, as a caller does
            answers = await asyncio.gather(*(give(*turn) for turn in turns))
            turns = [turn for turn, [answer] in zip(turns, answers, strict=True) if _is_unknown(answer)]
        page = await books[0].page("", 100)
        assert page == [ProviderBook(order_id, 1000, 900, 1) for order_id in ids]
        for order_id in ids:
            rows = await books[0]._tables.query(SANDBOX_BOOKS, order_id, ("entry", ">", "refund#"))
            assert sum(row.get("amountMinor", 0) for row in rows) == 900
        assert model.counts["TransactionConflict"] > 0

    run_virtually(work())


def _is_unknown(answer: Any) -> bool:
    return isinstance(answer, SoukError) and answer.kind is ErrorKind.TIMEOUT_UNKNOWN


async def test_a_refund_is_not_refused_for_what_it_took_itself() -> None:
    model = unmetered()
    await books_on(model).enter([charged("a")])
    [given] = await books_on(model).give([refund("a", "k", 800)])
    torn = books_on(Torn(model))
    assert await torn.give([refund("a", "k", 800)]) == [given]
    [refused] = await torn.give([refund("a", "other", 800)])
    assert isinstance(refused, SoukError)
    assert refused.code == "more_than_captured"


async def test_what_another_took_meanwhile_is_not_given() -> None:
    model = unmetered()
    client = FaultyClient(model)
    await books_on(model).enter([charged("a")])
    client.meanwhile["TransactWriteItems"] = partial(books_on(model).give, [refund("a", "other", 800)])
    answers = await books_on(client).give([refund("a", "k", 800), refund("a", "small", 200)])
    assert [getattr(answer, "code", "given") for answer in answers] == ["more_than_captured", "given"]
    assert await books_on(model).page("", 10) == [ProviderBook("a", 1000, 1000, 1)]


async def test_a_refund_that_another_gave_meanwhile_is_given_once() -> None:
    model = unmetered()
    client = FaultyClient(model)
    await books_on(model).enter([charged("a")])
    client.meanwhile["TransactWriteItems"] = partial(books_on(model).give, [refund("a", "k")])
    assert await books_on(client).give([refund("a", "k")]) == await books_on(model).give([refund("a", "k")])
    assert await books_on(model).page("", 10) == [ProviderBook("a", 1000, 300, 1)]


async def test_a_key_that_another_used_meanwhile_gets_its_answer() -> None:
    model = unmetered()
    client = FaultyClient(model)
    client.meanwhile["TransactWriteItems"] = partial(books_on(model).enter, [charged("a")])
    mine = Entry(charged("a").charge, Captured("p-mine", 1000))
    other_amount = charged("a", amount_minor=5)
    answers = await books_on(client).enter([mine, charged("b"), other_amount])
    assert answers[:2] == [charged("a").outcome, charged("b").outcome]
    assert getattr(answers[2], "code", "") == "key_reused"
    assert [book.charges for book in await books_on(model).page("", 10)] == [1, 1]


async def test_many_keys_of_one_order_add_up() -> None:
    model = unmetered()
    entries = [charged("a", f"k-{number}") for number in range(3 * ENTRIES)]
    assert await books_on(model).enter([*entries, *entries]) == [each.outcome for each in [*entries, *entries]]
    assert await books_on(model).page("", 10) == [ProviderBook("a", 1000 * len(entries), 0, len(entries))]
    assert await books_on(model).outcome("a") in [each.outcome for each in entries]


@pytest.mark.parametrize(("error", "failures"), [(throttled(), 1), (CollisionError(), BOOK_TRIES)])
def test_trouble_with_one_commit_is_told_to_its_callers_alone(error: SoukError, failures: int) -> None:
    async def work() -> None:
        model = unmetered()
        books = books_on(Refusing(model, error, failures))
        [unknown] = await books.enter([charged("a")])
        assert _is_unknown(unknown)
        assert await books.outcome("a") is None
        assert await books.enter([charged("a")]) == [charged("a").outcome]

    run_virtually(work())


async def test_one_part_that_fails_spoils_no_other() -> None:
    model = unmetered()
    entries = [charged(f"o-{number:03}") for number in range(2 * ENTRIES)]
    answers = await books_on(Refusing(deepcopy(model), throttled(), 1)).enter(entries)
    assert sorted(map(_is_unknown, answers)) == [False] * ENTRIES + [True] * ENTRIES
