"""The contract of the mails' store, on memory, on PostgreSQL, and on the model of DynamoDB."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import suppress
from typing import Any

import pytest

from souk_chassis.ids import uuid7
from souk_chassis.storage.collisions import retry_on_conflict
from souk_chassis.storage.dynamodb.client import RetryingClient
from souk_chassis.storage.opening import open_store
from souk_chassis.testing.clock import ManualClock
from souk_chassis.testing.dynamodb_model import DynamoModel, Limits
from souk_notifications.domain import Letter, Mail, MailStatus, Receipt
from souk_notifications.ports import MailFilter, MailStore
from souk_notifications.storage.dynamodb import DynamoMailStore
from souk_notifications.storage.memory import MemoryMailStore
from souk_notifications.storage.postgres import BOOKS, IN_ORDER, PostgresMailStore, page_statement
from souk_notifications.tables import TABLES

NewDatabase = Callable[[], Awaitable[str]]
AT = ManualClock().now()


def mail(
    key: str,
    order_id: str | None = None,
    customer_id: str | None = None,
    kind: str = "confirmed",
    to: str | None = None,
) -> Mail:
    status = MailStatus.SENT if to else MailStatus.NO_ADDRESS
    letter = Letter(f"About {key}", "Gr\u00fc\u00dfe,\n'quoted' {and} \\ more\n")
    return Mail(uuid7(), key, kind, order_id, customer_id, to, letter, status, AT)


async def record(store: MailStore, mails: Sequence[Mail]) -> set[str]:
    """As the worker does: again where another writer came in between."""

    async def once() -> set[str]:
        async with store.unit() as unit:
            return await unit.record(mails)

    return await retry_on_conflict(once)


class TestMailStore:
    """What every adapter does."""

    @pytest.fixture(params=["memory", "postgres", "dynamodb"])
    async def store(
        self, request: pytest.FixtureRequest, clock: ManualClock, new_database: NewDatabase
    ) -> AsyncIterator[MailStore]:
        store: Any
        if request.param == "memory":
            store = MemoryMailStore(clock)
        elif request.param == "dynamodb":
            store = DynamoMailStore(RetryingClient(DynamoModel(TABLES, Limits(metered=False))), clock)
        else:
            store = await open_store(
                await new_database(), "souk_notifications", "notifications", clock, PostgresMailStore
            )
        yield store
        await store.close()

    async def test_a_mail_is_read_as_it_was_written(self, store: MailStore) -> None:
        first, second = mail("a", "o1", "ada", to="ada@example.org"), mail("b")
        assert await record(store, [first, second]) == {"a", "b"}
        assert await store.page(MailFilter(), None, 10) == [second, first]

    async def test_a_key_is_written_once(self, store: MailStore) -> None:
        first = mail("a", "o1", to="first@example.org")
        await record(store, [first])
        assert await record(store, [mail("a", "o1", to="again@example.org"), mail("b", "o1")]) == {"b"}
        assert (await store.page(MailFilter(order_id="o1"), None, 10))[-1] == first

    async def test_a_key_twice_in_a_batch_is_written_once(self, store: MailStore) -> None:
        assert await record(store, [mail("a"), mail("a")]) == {"a"}
        assert len(await store.page(MailFilter(), None, 10)) == 1

    async def test_a_key_twice_in_a_unit_is_written_once(self, store: MailStore) -> None:
        first = mail("a")
        async with store.unit() as unit:
            assert await unit.record([first]) == {"a"}
            assert await unit.record([mail("a"), mail("b")]) == {"b"}
        assert (await store.page(MailFilter(), None, 10))[-1] == first

    async def test_no_mails_are_no_work(self, store: MailStore) -> None:
        assert await record(store, []) == set()

    async def test_batches_at_once_in_opposite_orders_write_each_mail_once(self, store: MailStore) -> None:
        keys = [f"k{n:03}" for n in range(100)]
        batches = [[mail(key) for key in keys], [mail(key) for key in reversed(keys)]]
        fresh = await asyncio.gather(*(record(store, batch) for batch in batches))
        assert sorted(fresh[0] | fresh[1]) == keys
        assert not fresh[0] & fresh[1]

    async def test_what_fails_leaves_no_mail(self, store: MailStore) -> None:
        with suppress(ZeroDivisionError):
            async with store.unit() as unit:
                assert await unit.record([mail("a")]) == {"a"}
                raise ZeroDivisionError
        assert await store.page(MailFilter(), None, 10) == []

    async def test_receipts_are_of_those_that_were_written(self, store: MailStore) -> None:
        await record(store, [mail("a", to="a@example.org"), mail("b")])
        assert await store.find_receipts({"a", "b", "c"}) == {
            "a": Receipt("a@example.org", MailStatus.SENT),
            "b": Receipt(None, MailStatus.NO_ADDRESS),
        }
        assert await store.find_receipts(set()) == {}

    async def test_filters_are_all_applied(self, store: MailStore) -> None:
        mails = [mail("1", "o1", "ada"), mail("2", "o2", "ada"), mail("3", "o2", "bob"), mail("4"), mail("5", "o3")]
        await record(store, mails)

        async def keys(wanted: MailFilter) -> list[str]:
            return [found.key for found in await store.page(wanted, None, 10)]

        assert await keys(MailFilter()) == ["5", "4", "3", "2", "1"]
        assert await keys(MailFilter(customer_id="ada")) == ["2", "1"]
        assert await keys(MailFilter(order_id="o2")) == ["3", "2"]
        assert await keys(MailFilter("ada", "o2")) == ["2"]
        assert await keys(MailFilter("ada", "o3")) == []

    @pytest.mark.parametrize(
        "wanted", [MailFilter(), MailFilter("ada"), MailFilter(None, "o1"), MailFilter("ada", "o1")]
    )
    async def test_pages_hold_every_mail_once(self, store: MailStore, wanted: MailFilter) -> None:
        await record(store, [mail(f"k{n}", "o1", "ada") for n in range(7)])
        seen: list[str] = []
        before = None
        for _ in range(4):
            page = await store.page(wanted, before, 2)
            seen += [found.key for found in page]
            before = page[-1].mail_id
        assert seen == [f"k{n}" for n in reversed(range(7))]
        assert await store.page(wanted, before, 2) == []

    async def test_an_order_that_has_more_mails_than_a_page_is_whole_in_the_books(self, store: MailStore) -> None:
        await record(store, [mail(f"k{n}", "o1", "ada", kind="returned") for n in range(70)])
        await record(store, [mail(f"other{n}", f"o1-{n}", "ada") for n in range(9)])
        books = await store.books("", 2)
        assert [(book.order_id, dict(book.kinds)) for book in books] == [
            ("o1", {"returned": 70}),
            ("o1-0", {"confirmed": 1}),
        ]
        assert [book.order_id for book in await store.books("o1", 3)] == ["o1-0", "o1-1", "o1-2"]
        assert len(await store.page(MailFilter("ada", "o1"), None, 100)) == 70

    async def test_books_count_kinds_by_order(self, store: MailStore) -> None:
        await record(
            store,
            [
                mail("1", "o1", kind="confirmed"),
                mail("2", "o1", kind="returned"),
                mail("3", "o1", kind="returned"),
                mail("4", None, kind="welcome"),
                mail("5", "o2", kind="rejected"),
            ],
        )
        books = await store.books("", 10)
        assert [(book.order_id, dict(book.kinds)) for book in books] == [
            ("o1", {"confirmed": 1, "returned": 2}),
            ("o2", {"rejected": 1}),
        ]

    async def test_books_are_in_the_order_of_bytes(self, store: MailStore) -> None:
        orders = ["b", "A", "a-1", "a.1", "a_1", "B", "a1", "10", "9"]
        await record(store, [mail(order_id, order_id) for order_id in orders])
        seen: list[str] = []
        after = ""
        while page := await store.books(after, 2):
            seen += [book.order_id for book in page]
            after = page[-1].order_id
        assert seen == sorted(orders)


@pytest.mark.parametrize("analyzed", [True, False])
async def test_reads_use_their_indexes(clock: ManualClock, new_database: NewDatabase, analyzed: bool) -> None:
    """Also right after a rush, when the planner knows nothing of what is in the table."""
    url = await new_database()
    store = await open_store(url, "souk_notifications", "notifications", clock, PostgresMailStore)
    before = "ffffffff-ffff-7fff-bfff-ffffffffffff"
    filters = [MailFilter(), MailFilter("c7"), MailFilter(None, "o7")]
    reads = [(statement, [50, *values]) for statement, values in (page_statement(one, before) for one in filters)]
    reads.append((BOOKS, ["o5", 500]))
    async with store.reading() as connection, connection.transaction():
        await connection.execute(
            "INSERT INTO mails SELECT gen_random_uuid(), 'k' || n, 'confirmed', 'o' || n, 'c' || n % 500, NULL, 's',"
            " 'b', 'SENT', now() FROM generate_series(1, 20000) AS numbers (n)"
        )
        if analyzed:
            await connection.execute("ANALYZE mails")
        await connection.execute(IN_ORDER)
        plans = [
            "\n".join(row[0] for row in await connection.fetch(f"EXPLAIN {sql}", *values)) for sql, values in reads
        ]
    await store.close()
    for plan, index in zip(plans, ["mails_pkey", "mails_by_customer", "mails_by_order", "mails_by_order"], strict=True):
        assert index in plan
        assert not [step for step in ("Seq Scan", "Sort", "HashAggregate", "Bitmap") if step in plan]
