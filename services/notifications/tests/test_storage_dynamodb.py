"""What DynamoDB's store of mails has beside the contract: batches wider than a transaction, many writers, deaths."""

import asyncio
import random
from collections.abc import Sequence
from dataclasses import replace

import pytest

from souk_chassis.errors import SoukError
from souk_chassis.ids import uuid7
from souk_chassis.storage.collisions import CollisionError
from souk_chassis.storage.dynamodb.client import DynamoClient, RetryingClient
from souk_chassis.storage.dynamodb.tables import TRANSACTION_ITEMS
from souk_chassis.testing.clock import ManualClock
from souk_chassis.testing.contexts import TRACEPARENT
from souk_chassis.testing.dynamodb_faults import Crash, FaultyClient
from souk_chassis.testing.dynamodb_model import DynamoModel, Latency, Limits
from souk_chassis.testing.queues import Noted
from souk_chassis.testing.virtual_time import VirtualClock, run_virtually
from souk_notifications.domain import Letter, Mail, MailStatus, Receipt
from souk_notifications.ports import MailFilter
from souk_notifications.storage.dynamodb import DynamoMailStore
from souk_notifications.tables import MAILS, TABLES

LATENCY = Latency(read=(0.002, 0.005), write=(0.004, 0.008), transaction=(0.010, 0.020))
CONSUMER = "notifications-order-confirmed"
AT = ManualClock().now()


def on(client: DynamoClient, seed: int = 0) -> DynamoMailStore:
    """A process of its own."""
    return DynamoMailStore(RetryingClient(client), VirtualClock(), random.Random(seed))


@pytest.fixture
def model() -> DynamoModel:
    return DynamoModel(TABLES, Limits(metered=False))


def mails_of(orders: int, body: str = "Thank you.") -> list[Mail]:
    letter = Letter("Your order", body)
    return [
        Mail(uuid7(), f"order:o{n}:confirmed", "confirmed", f"o{n}", f"c{n % 7}", None, letter, MailStatus.SENT, AT)
        for n in range(orders)
    ]


async def consume(store: DynamoMailStore, mails: Sequence[Mail]) -> int:
    """As a consumer does it whose messages SQS may hand out again: what was had before is passed over.

    Returns how many mails were new.
    """
    while True:
        try:
            async with store.unit() as unit:
                ids = {f"event of {mail.key}": mail for mail in mails}
                fresh = await unit.first_time(CONSUMER, ids)
                return len(await unit.record([ids[each] for each in ids if each in fresh]))
        except SoukError as error:
            assert isinstance(error, CollisionError)  # noqa: PT017 - as the worker: again at once


async def noted(store: DynamoMailStore, mails: Sequence[Mail]) -> int:
    """How many of their events are noted as had."""
    ids = [f"event of {mail.key}" for mail in mails]
    unit = store._make_unit()
    return len(ids) - len(await unit.first_time(CONSUMER, ids))


async def mailed(store: DynamoMailStore) -> dict[str, int]:
    """Mails by order, after a look whether each list has them all."""
    books = {book.order_id: sum(book.kinds.values()) for book in await store.books("", 5_000)}
    assert len(await store.page(MailFilter(), None, 5_000)) == sum(books.values())
    return books


# --- batches


@pytest.mark.parametrize("count", [1, 49, 50, 51, 99, 100, 101, 1_280])
async def test_a_batch_of_any_width_is_written_and_noted(model: DynamoModel, count: int) -> None:
    """A unit of a consumer has up to 10 messages of 128 events."""
    mails = mails_of(count)
    store = on(model)
    assert await consume(store, mails) == count
    assert await mailed(store) == {f"o{n}": 1 for n in range(count)}
    assert await noted(store, mails) == count
    assert await consume(store, mails) == 0


@pytest.mark.parametrize("done", [False, True])
@pytest.mark.parametrize("count", [40, 130])
async def test_a_process_that_dies_leaves_what_a_repeat_completes(count: int, done: bool) -> None:
    """No event is noted whose mail is missing, whenever it dies."""
    mails = mails_of(count)
    died = 0
    for dies_at in range(1, 30):
        model = DynamoModel(TABLES, Limits(metered=False))
        try:
            await consume(on(FaultyClient(model, dies_at, done=done)), mails)
        except Crash:
            died += 1
        else:
            break
        written = len(model.tables[MAILS.name].items)
        assert await noted(on(model), mails) <= written
        assert await consume(on(model), mails) == count - written
        assert await noted(on(model), mails) == count == len(await mailed(on(model)))
    assert died == (3 if count == 40 else 8)


async def test_a_small_unit_is_one_transaction(model: DynamoModel) -> None:
    await consume(on(model), mails_of(TRANSACTION_ITEMS // 2 - 1))
    assert model.counts["TransactWriteItems"] == 1


async def test_events_are_kept_no_later_than_the_notes(model: DynamoModel) -> None:
    """The service publishes none as yet. A repeat must not pass over what would have been published."""
    mails = mails_of(120)
    for dies_at in range(1, 30):
        model = DynamoModel(TABLES, Limits(metered=False))
        store = on(FaultyClient(model, dies_at))
        try:
            async with store.unit() as unit:
                await unit.first_time(CONSUMER, [f"event of {mail.key}" for mail in mails])
                await unit.record(mails)
                unit.publish(Noted(note="a"), TRACEPARENT)
        except Crash:
            assert not await noted(on(model), mails) or await on(model).outbox_size() == 1
        else:
            break
    assert await on(model).outbox_size() == 1
    assert await noted(on(model), mails) == 120


async def test_mails_near_the_size_of_an_item_go_in_several_transactions(model: DynamoModel) -> None:
    mails = mails_of(25, body="x" * 390_000)
    store = on(model)
    assert await consume(store, mails) == 25
    assert await store.page(MailFilter(), None, 30) == mails[::-1]
    assert len((await store.find_receipts([mail.key for mail in mails])).keys()) == 25


# --- many at once


@pytest.mark.parametrize("writers", [2, 8])
def test_one_batch_at_once_is_written_once(writers: int) -> None:
    """SQS may hand out a message to several: each mail is there once, and none overwritten."""

    async def work() -> None:
        model = DynamoModel(TABLES, latency=LATENCY, dice=random.Random(writers))
        mails = mails_of(150)
        batches = [
            [replace(mail, mail_id=uuid7(), to=f"{writer}@example.org") for mail in mails] for writer in range(writers)
        ]
        await asyncio.gather(*(consume(on(model, n), batch) for n, batch in enumerate(batches)))
        store = on(model)
        assert await mailed(store) == {f"o{n}": 1 for n in range(150)}
        receipts = await store.find_receipts([mail.key for mail in mails])
        assert {mail.key: mail.to for mail in await store.page(MailFilter(), None, 500)} == {
            key: receipt.to for key, receipt in receipts.items()
        }

    run_virtually(work())


async def test_a_mail_that_is_recorded_meanwhile_stays_as_it_is(model: DynamoModel) -> None:
    [mail] = mails_of(1)
    client = FaultyClient(model)

    async def record_first() -> None:
        """By another event that calls for the same mail: no note of the inbox says so."""
        async with on(model).unit() as unit:
            await unit.record([replace(mail, to="first@example.org")])

    client.meanwhile["TransactWriteItems"] = record_first
    assert await consume(on(client), [replace(mail, to="second@example.org")]) == 0
    assert await on(model).find_receipts([mail.key]) == {mail.key: Receipt("first@example.org", MailStatus.SENT)}


def test_mails_of_many_orders_are_spread() -> None:
    """20,000 mails within DynamoDB's limits: no slot of an index is hotter than it may be."""

    async def work() -> None:
        model = DynamoModel(TABLES, latency=LATENCY)
        mails = [replace(mail, customer_id=None) for mail in mails_of(20_000)]
        parts = [mails[start : start + 250] for start in range(0, len(mails), 250)]
        began_s = asyncio.get_running_loop().time()
        await asyncio.gather(*(consume(on(model, n), part) for n, part in enumerate(parts)))
        took_s = asyncio.get_running_loop().time() - began_s
        assert len(model.tables[MAILS.name].items) == 20_000
        assert took_s < 4.0
        assert model.meter.usage[f"{MAILS.name}/byTime"].busiest_write_s <= 1_000

    run_virtually(work())


# --- lists


async def test_a_page_asks_each_slot_for_little(model: DynamoModel) -> None:
    store = on(model)
    mails = mails_of(1_000)
    await consume(store, mails)
    model.counts.clear()
    assert await store.page(MailFilter(), mails[700].mail_id, 51) == mails[649:700][::-1]
    assert model.counts["Query"] == 32
    assert [book.order_id for book in await store.books("o5", 300)] == sorted(f"o{n}" for n in range(1_000))[446:746]
    assert model.counts["Query"] <= 32 + 2 * 32
