"""The contract of the orders' store, on memory, on PostgreSQL and on a model of DynamoDB."""

import asyncio
import random
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from souk_chassis.money import Money
from souk_chassis.storage.collisions import retry_on_conflict
from souk_contracts.order_status import OrderStatus as S
from souk_contracts.orders import OrderSummary
from souk_contracts.products import ShortItem
from souk_orders.domain import Draft, Line, Move, Placed, ReturnNote, Step, move_to
from souk_orders.ports import OrderStore

NOW = datetime(2025, 1, 1, tzinfo=UTC)
KEY = ("user:ada", "k1")
Walk = Callable[..., Awaitable[None]]


async def place(store: OrderStore, *drafts: Draft) -> Sequence[Placed]:
    """One batch in one unit of work."""
    return await store.place(drafts)


async def ids(store: OrderStore) -> list[str]:
    """Every order that is stored."""
    return [book.order_id for book in await store.books("", 100, NOW)]


def short(placed: Sequence[Placed]) -> list[tuple[str, bytes, bool]]:
    """Order, fingerprint and freshness."""
    return [(each.order_id, each.fingerprint, each.fresh) for each in placed]


async def test_a_new_order_is_stored_as_it_came(store: OrderStore, draft: Any) -> None:
    lines = (Line("b", 3, 101), Line("a", 1_000_000, 1), Line("b", 1, 100))
    given = draft("o1", lines=lines, email="żółć@example.org", customer_id=None, prices_cached=True)
    assert await place(store, given) == [Placed("o1", 1_000_403, "GBP", True, b"o1", NOW, fresh=True)]
    found = await store.details("o1")
    assert found is not None
    head, details = found
    assert (head.order_id, head.customer_id, head.email) == ("o1", None, "żółć@example.org")
    assert (head.status, head.total_minor, head.currency) == (S.PENDING, 1_000_403, "GBP")
    assert (details.total, details.prices_cached, details.short_items) == (Money(1_000_403), True, ())
    assert [(i.item_id, i.product_id, i.quantity, i.unit_price, i.returned) for i in details.items] == [
        (1, "b", 3, Money(101), 0),
        (2, "a", 1_000_000, Money(1), 0),
        (3, "b", 1, Money(100), 0),
    ]
    assert [(step.status, step.at, step.reason) for step in details.history] == [(S.PENDING, NOW, None)]
    assert (details.created_at, details.updated_at) == (NOW, NOW)


async def test_what_is_not_there_is_not_found(store: OrderStore) -> None:
    assert await store.details("none") is None
    assert await store.progress("none") is None
    assert await store.find_placed("none", KEY) is None
    assert await store.find_placed(None, None) is None
    assert await store.states(["none"]) == []
    async with store.unit() as unit:
        assert await unit.lock(["none"]) == {}
        assert await unit.place([]) == []
        await unit.move([])


async def test_a_repeated_id_gets_what_was_stored_first(store: OrderStore, draft: Any) -> None:
    await place(store, draft("o1"))
    again = await place(store, draft("o1", fingerprint=b"other", lines=(Line("pear", 9, 9),)), draft("o2"))
    assert short(again) == [("o1", b"o1", False), ("o2", b"o2", True)]
    assert again[0].total_minor == 50
    details = await store.details("o1")
    assert details is not None
    assert [line.product_id for line in details[1].items] == ["apple"]


async def test_a_repeated_key_gets_the_order_that_it_was_first_used_for(store: OrderStore, draft: Any) -> None:
    await place(store, draft("o1", key=KEY))
    again = await place(store, draft("o2", key=KEY, fingerprint=b"o1"), draft("o3", key=("user:bob", "k1")))
    assert short(again) == [("o1", b"o1", False), ("o3", b"o3", True)]
    assert await ids(store) == ["o1", "o3"]
    by_key = await store.find_placed(None, KEY)
    assert by_key is not None
    assert short([by_key]) == [("o1", b"o1", False)]


async def test_a_key_and_an_id_may_come_together(store: OrderStore, draft: Any) -> None:
    both = draft("o1", key=KEY)
    assert short(await place(store, both)) == [("o1", b"o1", True)]
    assert short(await place(store, both)) == [("o1", b"o1", False)]
    for order_id, key in (("o1", None), (None, KEY), ("none", KEY), ("o1", ("user:bob", "none"))):
        found = await store.find_placed(order_id, key)
        assert found is not None
        assert found.order_id == "o1"


@pytest.mark.parametrize("key", [None, KEY])
async def test_each_new_order_goes_with_its_event(store: OrderStore, draft: Any, key: Any) -> None:
    await place(store, draft("o1", key=key), draft("o2"), draft("o1", key=key))
    assert await store.outbox_size() == 2
    await place(store, draft("o1", key=key), draft("o3"), draft("o2", fingerprint=b"differs"))
    assert await store.outbox_size() == 3


async def test_duplicates_within_one_batch_are_one_order(store: OrderStore, draft: Any) -> None:
    batch = [draft("o1", key=KEY), draft("o1", key=KEY), draft("o2"), draft("o9", key=KEY), draft("o2")]
    assert short(await place(store, *batch)) == [
        ("o1", b"o1", True),
        ("o1", b"o1", False),
        ("o2", b"o2", True),
        ("o1", b"o1", False),
        ("o2", b"o2", False),
    ]
    assert await ids(store) == ["o1", "o2"]


@pytest.mark.parametrize("together", [True, False])
async def test_a_key_that_came_with_a_taken_id_leaves_no_trace(store: OrderStore, draft: Any, together: bool) -> None:
    batch = [draft("o1"), draft("o1", key=KEY, fingerprint=b"differs"), draft("o2", key=KEY)]
    placed = await place(store, *batch) if together else [answer for one in batch for answer in await place(store, one)]
    assert short(placed) == [("o1", b"o1", True), ("o1", b"o1", False), ("o2", b"o2", True)]
    assert short(await place(store, draft("o3", key=KEY))) == [("o2", b"o2", False)]


async def test_a_key_outlives_a_different_body_for_its_order(store: OrderStore, draft: Any) -> None:
    await place(store, draft("o1", key=KEY))
    assert short(await place(store, draft("o1", key=KEY, fingerprint=b"differs"))) == [("o1", b"o1", False)]
    assert short(await place(store, draft("o2", key=KEY))) == [("o1", b"o1", False)]


async def test_a_unit_that_fails_stores_neither_order_nor_key(store: OrderStore, draft: Any) -> None:
    async def fail() -> None:
        async with store.unit() as unit:
            await unit.place([draft("o1", key=KEY)])
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await fail()
    assert await ids(store) == []
    assert short(await place(store, draft("o2", key=KEY))) == [("o2", b"o2", True)]


async def test_two_processes_that_place_the_same_agree(two_pools: Sequence[OrderStore], draft: Any) -> None:
    rng = random.Random(7)
    for number in range(12):
        pool = [f"{number}-{n}" for n in range(6)]
        keys = [None, None, *((f"user:{number}", f"k{n}") for n in range(4))]

        def batch(who: int, pool: list[str] = pool, keys: Sequence[Any] = keys) -> list[Draft]:
            return [draft(rng.choice(pool), key=rng.choice(keys), fingerprint=f"{who}/{n}".encode()) for n in range(10)]

        batches = batch(0), batch(1)
        answers = await asyncio.gather(*(place(s, *b) for s, b in zip(two_pools, batches, strict=True)))
        drafts, placed = [*batches[0], *batches[1]], [*answers[0], *answers[1]]
        told = list(zip(drafts, placed, strict=True))
        fresh = {placed.order_id: placed.fingerprint for _, placed in told if placed.fresh}
        assert len(fresh) == sum(placed.fresh for _, placed in told)
        assert all(placed.fingerprint == fresh[placed.order_id] for _, placed in told)
        assert {order_id for order_id in await ids(two_pools[0]) if order_id.startswith(f"{number}-")} == set(fresh)
        for key in {drafted.key for drafted, _ in told if drafted.key}:
            owner = await two_pools[0].find_placed(None, key)
            owners = {d.order_id for d, placed in told if placed.fresh and d.key == key}
            assert owners == ({owner.order_id} if owner else set())


async def test_an_order_moves_and_its_history_grows(store: OrderStore, draft: Any, walk: Walk) -> None:
    await place(store, draft("o1"), draft("o2"), draft("o3"))
    later = NOW + timedelta(seconds=1, microseconds=7)
    shortage = (ShortItem(product_id="apple", requested=2, available=1),)
    async with store.unit() as unit:
        heads = await unit.lock(["o2", "o1", "none"])
        assert sorted(heads) == ["o1", "o2"]
        reserved = move_to(heads["o1"], Step(S.RESERVED, later))
        await unit.move(
            [move_to(heads["o2"], Step(S.REJECTED, later, "short of apple"), short_items=shortage), reserved]
        )
    await walk(store, "o1", Step(S.CANCELLED, later, 'a "reason"'))
    progress = await store.progress("o1")
    assert progress is not None
    assert progress.head.status is S.CANCELLED
    assert progress.history == (
        Step(S.PENDING, NOW),
        Step(S.RESERVED, later),
        Step(S.CANCELLED, later, 'a "reason"'),
    )
    found = await store.details("o2")
    assert found is not None
    [line] = found[1].short_items
    assert (line.product_id, line.requested, line.available) == ("apple", 2, 1)
    assert (found[1].updated_at, found[1].history[-1].reason) == (later, "short of apple")
    states = {state.order_id: state.status for state in await store.states(["o3", "o1", "none", "o2"])}
    assert states == {"o1": S.CANCELLED, "o2": S.REJECTED, "o3": S.PENDING}


async def test_a_move_that_fails_leaves_the_order_where_it_was(store: OrderStore, draft: Any) -> None:
    await place(store, draft("o1"))

    async def fail() -> None:
        async with store.unit() as unit:
            await unit.move([Move("o1", (Step(S.RESERVED, NOW),))])
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await fail()
    progress = await store.progress("o1")
    assert progress is not None
    assert [step.status for step in progress.history] == [S.PENDING]


async def test_returns_add_up_by_line(store: OrderStore, draft: Any) -> None:
    await place(store, draft("o1", lines=(Line("a", 5, 10), Line("b", 1, 7), Line("a", 2, 9))))
    later = NOW + timedelta(hours=1)
    for by_line, refund_minor in (({0: 2}, 20), ({0: 1, 2: 2}, 28)):
        async with store.unit() as unit:
            await unit.lock(["o1"])
            await unit.record_return("o1", by_line, refund_minor, later)
    async with store.unit() as unit:
        assert list((await unit.lines(["o1"]))["o1"]) == [Line("a", 5, 10, 3), Line("b", 1, 7, 0), Line("a", 2, 9, 2)]
    [book] = await store.books("", 10, later)
    assert (book.total_minor, book.returned_minor, book.units, book.returned_units) == (75, 48, 8, 5)
    found = await store.details("o1")
    assert found is not None
    assert [line.returned for line in found[1].items] == [3, 0, 2]
    assert found[1].updated_at == later


async def test_a_return_is_found_by_its_key(store: OrderStore, draft: Any) -> None:
    await place(store, draft("o1"), draft("o2"))
    note = ReturnNote("r1", "o1", 120, S.RETURNED, NOW, "key", b"print")
    async with store.unit() as unit:
        await unit.note_return(note)
        await unit.note_return(note._replace(return_id="r2", key=None))
        await unit.note_return(note._replace(return_id="r3", order_id="o2"))
    async with store.unit() as unit:
        assert await unit.find_return("o1", "key") == note
        assert await unit.find_return("o1", "other") is None

    async def fail() -> None:
        async with store.unit() as unit:
            await unit.note_return(note._replace(return_id="r4", key="lost"))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await fail()
    async with store.unit() as unit:
        assert await unit.find_return("o1", "lost") is None


async def listed(store: OrderStore, size: int, **filters: Any) -> list[OrderSummary]:
    """Every page, put together."""
    given: dict[str, Any] = {"customer_id": None, "status": None, **filters}
    items: list[OrderSummary] = []
    before = None
    while page := await store.page(before=before, limit=size, **given):
        assert len(page) <= size
        items += page
        before = (page[-1].created_at, page[-1].order_id)
    return items


@pytest.mark.parametrize("size", [1, 2, 3, 7, 50])
async def test_paging_over_equal_times_loses_and_doubles_nothing(store: OrderStore, draft: Any, size: int) -> None:
    times = {f"{letter}{n}": NOW + timedelta(microseconds=n // 3) for letter in "aB_" for n in range(7)}
    await place(store, *(draft(order_id, created_at=at) for order_id, at in times.items()))
    newest_first = sorted(times, key=lambda order_id: (times[order_id], order_id), reverse=True)
    assert [item.order_id for item in await listed(store, size)] == newest_first


async def test_lists_are_filtered_by_customer_and_by_state(store: OrderStore, draft: Any, walk: Walk) -> None:
    owners = {"o1": "ada", "o2": "bob", "o3": "ada", "o4": None}
    await place(store, *(draft(order_id, customer_id=owner) for order_id, owner in owners.items()))
    for order_id in ("o1", "o2"):
        await walk(store, order_id, Step(S.RESERVED, NOW))
    for filters, expected in (
        ({"customer_id": "ada"}, ["o3", "o1"]),
        ({"status": S.RESERVED}, ["o2", "o1"]),
        ({"customer_id": "ada", "status": S.RESERVED}, ["o1"]),
        ({"customer_id": "none"}, []),
        ({}, ["o4", "o3", "o2", "o1"]),
    ):
        for size in (1, 10):
            assert [item.order_id for item in await listed(store, size, **filters)] == expected
    [first] = await store.page("bob", None, None, 1)
    assert first == OrderSummary(
        order_id="o2", customer_id="bob", status=S.RESERVED, total=Money(50), currency="GBP", created_at=NOW
    )


async def test_books_come_by_id_in_pages(store: OrderStore, draft: Any, walk: Walk) -> None:
    await place(store, draft("b"), draft("a", lines=(Line("x", 7, 3),)), draft("B"), draft("c"))
    await walk(store, "a", Step(S.RESERVED, NOW + timedelta(seconds=4)))
    later = NOW + timedelta(seconds=10, milliseconds=500)
    assert [book.order_id for book in await store.books("", 2, later)] == ["B", "a"]
    assert [book.order_id for book in await store.books("a", 2, later)] == ["b", "c"]
    assert await store.books("c", 2, later) == []
    [book] = await store.books("B", 1, later)
    assert (book.status, book.total_minor, book.returned_minor) == (S.RESERVED, 21, 0)
    assert (book.units, book.returned_units, book.age_s, book.idle_s) == (7, 0, 10.5, 6.5)


async def test_overdue_orders_are_open_old_and_not_looked_at_lately(store: OrderStore, draft: Any, walk: Walk) -> None:
    lines = (Line("a", 1, 2), Line("b", 3, 4))
    await place(store, *(draft(each) for each in ("late", "moved", "ended", "late2")), draft("new", created_at=NOW))
    await place(store, draft("wide", lines=lines, payment_method="tok_slow"))
    at = NOW + timedelta(seconds=30)
    await walk(store, "moved", Step(S.RESERVED, at))
    await walk(store, "ended", Step(S.RESERVED, NOW), Step(S.CANCELLED, NOW))

    async def look(before: datetime, now: datetime, limit: int = 10) -> dict[str, Any]:
        async with store.unit() as unit:
            return {each.head.order_id: each for each in await unit.overdue(before, now, limit)}

    assert await look(NOW, at) == {}
    first = await look(NOW + timedelta(seconds=1), at, 3)
    assert sorted(first) == ["late", "late2", "new"]
    second = await look(NOW + timedelta(seconds=1), at)
    assert sorted(second) == ["wide"]
    assert second["wide"].lines == lines
    assert second["wide"].payment_method == "tok_slow"
    assert second["wide"].head.total_minor == 14
    assert await look(at, at) == {}
    everything = await look(at + timedelta(microseconds=1), at + timedelta(seconds=30))
    assert sorted(everything) == ["late", "late2", "moved", "new", "wide"]
    assert everything["moved"].head.status is S.RESERVED


async def test_open_orders_are_counted_up_to_a_limit(store: OrderStore, draft: Any, walk: Walk) -> None:
    assert await store.count_open(10) == 0
    await place(store, *(draft(f"o{n}") for n in range(5)))
    await walk(store, "o1", Step(S.RESERVED, NOW))
    await walk(store, "o2", Step(S.REJECTED, NOW))
    assert await store.count_open(10) == 4
    assert await store.count_open(3) == 3


async def test_an_order_of_1114_lines(store: OrderStore, draft: Any) -> None:
    lines = tuple(Line(f"p{n % 900}", 1 + n % 5, 1 + n) for n in range(1114))
    await place(store, draft("wide", lines=lines), draft("o2"))
    found = await store.details("wide")
    assert found is not None
    assert [(i.product_id, i.quantity, int(i.unit_price)) for i in found[1].items] == [
        (line.product_id, line.quantity, line.unit_price_minor) for line in lines
    ]
    async with store.unit() as unit:
        read = await unit.lines(["o2", "none", "wide"])
    assert {key: tuple(each) for key, each in read.items()} == {"o2": (Line("apple", 2, 25),), "wide": lines}
    [book] = (await store.books("o2", 1, NOW))[:1]
    assert (book.order_id, book.units) == ("wide", sum(line.quantity for line in lines))


async def test_the_largest_total_is_kept_to_the_penny(store: OrderStore, draft: Any) -> None:
    await place(store, draft("o1", lines=(Line("a", 1, 9_999_999_999),)))
    found = await store.details("o1")
    assert found is not None
    assert (str(found[1].total), str(found[1].items[0].unit_price)) == ("99999999.99", "99999999.99")
    async with store.unit() as unit:
        await unit.record_return("o1", {0: 1}, 9_999_999_999, NOW)
    [book] = await store.books("", 1, NOW)
    assert book.returned_minor == 9_999_999_999


async def test_two_processes_ask_after_each_overdue_order_once(
    two_pools: Sequence[OrderStore], draft: Any, clock: Any
) -> None:
    await place(two_pools[0], *(draft(f"o{number}") for number in range(40)))
    clock.advance(60)
    now = clock.now()

    async def ask(store: OrderStore) -> list[str]:
        async def once() -> list[str]:
            async with store.unit() as unit:
                return [late.head.order_id for late in await unit.overdue(now - timedelta(seconds=30), now, 25)]

        return await retry_on_conflict(once)

    found = [order_id for ids in await asyncio.gather(*map(ask, two_pools)) for order_id in ids]
    found += await ask(two_pools[0])
    assert sorted(found) == sorted(f"o{number}" for number in range(40))


async def test_times_are_kept_to_the_microsecond(store: OrderStore, draft: Any) -> None:
    at = datetime(2011, 12, 9, 12, 50, 0, 123457, tzinfo=UTC)
    await place(store, draft("o1", created_at=at))
    found = await store.find_placed("o1", None)
    assert found is not None
    assert found.created_at == at


async def test_old_keys_are_forgotten_and_their_orders_are_not(store: OrderStore, draft: Any) -> None:
    await place(
        store, *(draft(f"o{n}", key=("user:ada", f"k{n}"), created_at=NOW + timedelta(days=n)) for n in range(4))
    )
    before = NOW + timedelta(days=3)
    assert [await store.forget_keys(before, 2) for _ in range(3)] == [2, 1, 0]
    found = [await store.find_placed(None, ("user:ada", f"k{n}")) for n in range(4)]
    assert [placed.order_id if placed else None for placed in found] == [None, None, None, "o3"]
    assert await store.find_placed("o0", None) is not None
