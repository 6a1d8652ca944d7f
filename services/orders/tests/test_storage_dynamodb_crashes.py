"""A process that works on DynamoDB's store dies at each of its calls in turn, before it or after it; then another does
the same again, as a queue or a caller makes it."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from souk_chassis.storage.dynamodb.outbox import inbox_key
from souk_chassis.testing.dynamodb_faults import Crash, FaultyClient
from souk_contracts.order_status import OrderStatus as S
from souk_contracts.orders import OrderOverdue, OrderRejected, OrderReturned
from souk_contracts.products import ShortItem
from souk_orders.domain import Line, ReturnNote, Step, move_to
from souk_orders.facts import head_facts
from souk_orders.storage.dynamodb import DynamoOrderStore
from souk_orders.tables import EVENTS

NOW = datetime(2025, 1, 1, tzinfo=UTC)
WIDE = tuple(Line(f"{number:064}", 2, 1) for number in range(1_114))
Work = Callable[[DynamoOrderStore], Awaitable[Any]]


async def crashed(dynamo: Any, prepare: Work, work: Work, after_crash: Work, at_end: Work) -> int:
    """Crash `work` at each of its calls in turn, on tables of its own, look, repeat it in another process, look again.

    Returns how many crashes there were. The last turn is without one.
    """
    crashes = 0
    for dies_at in range(1, 200):
        for done in (False, True):
            model = dynamo.unmetered()
            await prepare(dynamo.on(model))
            try:
                await work(dynamo.on(FaultyClient(model, dies_at, done=done)))
                survived = True
            except Crash:
                crashes += 1
                survived = False
            await after_crash(dynamo.on(model))
            if survived:
                await at_end(dynamo.on(model))
                return crashes
            await work(dynamo.on(model))
            await at_end(dynamo.on(model))
    raise AssertionError("it never came to an end")


async def nothing(store: DynamoOrderStore) -> None:
    """There is nothing to prepare."""


async def stored(store: DynamoOrderStore) -> list[str]:
    return [book.order_id for book in await store.books("", 5_000, NOW)]


async def test_a_crash_while_orders_are_placed_leaves_each_whole_or_none(dynamo: Any, draft: Any) -> None:
    """A transaction an order: two wide ones, and four with keys."""
    batch = [draft(f"w{n:02}", lines=WIDE) for n in range(2)]
    batch += [draft(f"o{n:03}", key=("user:ada", f"k{n}")) for n in range(4)]

    async def place(store: DynamoOrderStore) -> None:
        placed = await store.place(batch)
        assert [each.order_id for each in placed] == [each.order_id for each in batch]

    async def whole(store: DynamoOrderStore) -> None:
        ids = await stored(store)
        assert await store.outbox_size() == len(ids)
        assert await store.count_open(1_000) == len(ids)
        for order_id in ids[-2:]:  # the wide ones come last
            found = await store.details(order_id)
            assert found is not None
            assert len(found[1].items) == (len(WIDE) if order_id.startswith("w") else 1)
        for each in batch[2:]:
            by_key = await store.find_placed(None, each.key)
            assert (by_key is not None) == (each.order_id in ids)

    async def all_there(store: DynamoOrderStore) -> None:
        await whole(store)
        assert await stored(store) == sorted(each.order_id for each in batch)

    assert await crashed(dynamo, nothing, place, whole, all_there) > 6


async def test_a_crash_while_news_is_handled_moves_each_order_once(dynamo: Any, draft: Any) -> None:
    """A unit of 48 orders, with an event each, and a note that each event was had: one transaction."""
    ids = [f"o{number:03}" for number in range(48)]
    short = (ShortItem(product_id="apple", requested=2, available=1),)

    async def prepare(store: DynamoOrderStore) -> None:
        await store.place([draft(order_id) for order_id in ids])

    async def hear(store: DynamoOrderStore) -> None:
        async with store.unit() as unit:
            fresh = sorted(await unit.first_time("orders", ids))  # the events bear the orders' ids here
            heads = await unit.lock(fresh, {S.PENDING})
            await unit.move([move_to(each, Step(S.REJECTED, NOW), short_items=short) for each in heads.values()])
            for head in heads.values():
                unit.publish(OrderRejected(**head_facts(head), short_items=short), "")

    async def agree(store: DynamoOrderStore) -> None:
        moved = {state.order_id for state in await store.states(ids) if state.status is S.REJECTED}
        assert await store.outbox_size() == 48 + len(moved)
        had = await store.tables.get_many(EVENTS, [inbox_key("orders", each) for each in ids])
        assert (len(moved), len(had)) in {(0, 0), (48, 48)}

    async def all_moved(store: DynamoOrderStore) -> None:
        await agree(store)
        assert await store.outbox_size() == 96
        for order_id in ids[::10]:
            progress = await store.progress(order_id)
            assert progress is not None
            assert [step.status for step in progress.history] == [S.PENDING, S.REJECTED]

    assert await crashed(dynamo, prepare, hear, agree, all_moved) > 5


async def test_a_crash_while_items_come_back_refunds_once(dynamo: Any, draft: Any, walk: Any) -> None:
    async def prepare(store: DynamoOrderStore) -> None:
        await store.place([draft("o1", lines=WIDE)])
        await walk(store, "o1", Step(S.RESERVED, NOW), Step(S.CONFIRMED, NOW))

    async def take_back(store: DynamoOrderStore) -> None:
        async with store.unit() as unit:
            head = (await unit.lock(["o1"]))["o1"]
            if await unit.find_return("o1", "key") is not None:
                return
            count = len((await unit.lines(["o1"]))["o1"])
            await unit.record_return("o1", dict.fromkeys(range(count), 2), 2 * count, NOW)
            await unit.note_return(ReturnNote("r1", "o1", 2 * count, S.RETURNED, NOW, "key", b"print"))
            await unit.move([move_to(head, Step(S.RETURNED, NOW))])
            unit.publish(OrderReturned(**head_facts(head), return_id="r1", amount_minor=2 * count, items=()), "")

    async def agree(store: DynamoOrderStore) -> None:
        [book] = await store.books("", 1, NOW)
        done = book.status is S.RETURNED
        assert (book.returned_units, book.returned_minor) == ((2_228, 2_228) if done else (0, 0))
        assert await store.outbox_size() == 1 + done
        async with store.unit() as unit:
            assert (await unit.find_return("o1", "key") is not None) == done

    async def back(store: DynamoOrderStore) -> None:
        await agree(store)
        assert await store.outbox_size() == 2

    assert await crashed(dynamo, prepare, take_back, agree, back) > 5


async def test_a_crash_while_overdue_orders_are_asked_after_asks_again_or_has_asked(dynamo: Any, draft: Any) -> None:
    ids = [f"o{number:03}" for number in range(150)]
    later = NOW + timedelta(minutes=1)

    async def prepare(store: DynamoOrderStore) -> None:
        await store.place([draft(order_id) for order_id in ids])

    async def ask(store: DynamoOrderStore) -> None:
        """A look has room for 90."""
        for _ in range(2):
            async with store.unit() as unit:
                for late in await unit.overdue(later - timedelta(seconds=30), later, 200):
                    event = OrderOverdue(**head_facts(late.head), payment_method=late.payment_method, items=())
                    unit.publish(event, "")

    async def look(store: DynamoOrderStore) -> None:
        assert await store.count_open(1_000) == 150

    async def each_once(store: DynamoOrderStore) -> None:
        await look(store)
        assert await store.outbox_size() == 300

    assert await crashed(dynamo, prepare, ask, look, each_once) > 5


async def test_a_crash_while_keys_are_forgotten_forgets_the_rest_later(dynamo: Any, draft: Any) -> None:
    keys = [("user:ada", f"k{number}") for number in range(5)]
    before = NOW + timedelta(days=30)

    async def prepare(store: DynamoOrderStore) -> None:
        await store.place([draft(f"o{key[1]}", key=key) for key in keys])
        await store.place([draft("new", key=("user:ada", "new"), created_at=before)])

    async def forget(store: DynamoOrderStore) -> None:
        await store.forget_keys(before, 100)

    async def orders_stay(store: DynamoOrderStore) -> None:
        assert len(await stored(store)) == 6
        assert await store.find_placed(None, ("user:ada", "new")) is not None

    async def forgotten(store: DynamoOrderStore) -> None:
        await orders_stay(store)
        assert [await store.find_placed(None, key) for key in keys] == [None] * 5

    assert await crashed(dynamo, prepare, forget, orders_stay, forgotten) > 5
