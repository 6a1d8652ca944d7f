"""The contract of the products store, on memory and on PostgreSQL."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest

from souk_chassis.money import Money
from souk_chassis.testing.clock import ManualClock
from souk_products.domain import Checkpoint, Movement, Reservation, ReservationState, fold
from souk_products.ports import ProductRecord, ProductsStore

NOW = datetime(2025, 1, 1, tzinfo=UTC)
HELD = ReservationState.HELD


async def put(store: ProductsStore, **stock: int) -> None:
    """Make products named after their ids."""
    async with store.unit() as unit:
        await unit.put_products([record(product_id) for product_id in stock], stock)


def record(product_id: str, name: str | None = None, price: int = 100) -> ProductRecord:
    """A product, with some of its facts left to us."""
    return ProductRecord(product_id, name or f"Product {product_id}", "", Money(price), NOW)


async def listed(store: ProductsStore, *words: str, after: str | None = None, limit: int = 100) -> list[str]:
    """The ids that a search finds."""
    found = await store.list_products([fold(word) for word in words], after, limit)
    assert found is not None
    return [each.product.product_id for each in found]


async def test_a_new_product_has_its_stock_and_a_change_keeps_it(store: ProductsStore) -> None:
    async with store.unit() as unit:
        assert await unit.put_products([record("b"), record("a")], {"a": 5, "b": 0}) == {"a", "b"}
    async with store.unit() as unit:
        assert await unit.put_products([record("a", "Renamed", 250)], {"a": 77}) == set()
    found = await store.find_product("a")
    assert found is not None
    assert found.product == record("a", "Renamed", 250)
    assert found.on_hand == 5
    assert await store.find_product("none") is None


async def test_a_unit_that_fails_leaves_nothing(store: ProductsStore) -> None:
    await put(store, a=5)

    async def fail() -> None:
        async with store.unit() as unit:
            await unit.put_products([record("b")], {"b": 1})
            await unit.keep([Reservation("o1", HELD, {"a": 2})], {"a": 2})
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await fail()
    assert [book.product_id for book in await store.stock_books("", 10)] == ["a"]
    assert await store.reservation_books("", 10) == []


async def test_the_ledger_adds_up(store: ProductsStore) -> None:
    await put(store, a=10)
    async with store.unit() as unit:
        await unit.move_stock([Movement("a", corrected=5, sold=7, returned=2)])
    [book] = await store.stock_books("", 10)
    assert (book.start, book.corrected, book.sold, book.returned, book.now) == (10, 5, 7, 2, 10)


@pytest.mark.parametrize("movement", [Movement("a", corrected=-11), Movement("a", sold=11), Movement("none", sold=1)])
async def test_no_movement_takes_stock_below_zero_or_out_of_nothing(store: ProductsStore, movement: Movement) -> None:
    await put(store, a=10, b=10)
    with pytest.raises(RuntimeError):
        async with store.unit() as unit:
            await unit.move_stock([Movement("b", sold=1), movement])
    assert [book.now for book in await store.stock_books("", 10)] == [10, 10]


async def test_keeping_a_reservation_takes_stock_and_never_below_zero(store: ProductsStore) -> None:
    await put(store, a=2)
    async with store.unit() as unit:
        assert await unit.keep([Reservation("o1", HELD, {"a": 2})], {"a": 2}) == {"o1"}
    with pytest.raises(RuntimeError):
        async with store.unit() as unit:
            await unit.keep([Reservation("o2", HELD, {"a": 1})], {"a": 1})
    assert [(book.order_id, book.units) for book in await store.reservation_books("", 10)] == [("o1", 2)]


async def test_an_order_has_one_reservation(store: ProductsStore) -> None:
    async with store.unit() as unit:
        await unit.keep([Reservation("o1", ReservationState.CANCELLED)], {})
    async with store.unit() as unit:
        assert await unit.known_orders(["o1", "o2"]) == {"o1"}
        kept = await unit.keep([Reservation("o2", HELD, {}), Reservation("o1", HELD, {})], {})
    assert kept == {"o2"}
    assert [book.state for book in await store.reservation_books("", 10)] == ["CANCELLED", "HELD"]


async def test_a_reservation_is_read_as_it_was_written(store: ProductsStore) -> None:
    from souk_contracts.products import ShortItem

    short = (ShortItem(product_id="a", requested=2, available=1),)
    rejected = Reservation("o1", ReservationState.REJECTED, short_items=short)
    changed = Reservation("o2", HELD, {"b": 3, "a": 2}, {"a": 1})
    async with store.unit() as unit:
        await unit.keep([rejected, Reservation("o2", HELD, {"b": 3, "a": 2})], {})
        await unit.change_reservations([changed])
    async with store.unit() as unit:
        assert await unit.lock_reservations(["o1", "o2", "o3"]) == {"o1": rejected, "o2": changed}
    assert [book.units for book in await store.reservation_books("", 10)] == [0, 4]


async def test_a_return_is_noted_once(store: ProductsStore) -> None:
    async with store.unit() as unit:
        assert await unit.note_returns({"r1": "o1", "r2": "o1"}) == {"r1", "r2"}
    async with store.unit() as unit:
        assert await unit.note_returns({"r2": "o1", "r3": "o2"}) == {"r3"}


async def test_lists_are_by_folded_name_then_id(store: ProductsStore) -> None:
    names = {"3": "banana", "1": "Apple", "2": "apple", "4": "Ärger", "5": "Zebra"}
    async with store.unit() as unit:
        await unit.put_products([record(key, name) for key, name in names.items()], dict.fromkeys(names, 0))
    assert await listed(store) == ["1", "2", "3", "5", "4"]
    assert await listed(store, after="2", limit=2) == ["3", "5"]
    assert await store.list_products([], "none", 2) is None


@pytest.mark.parametrize(
    ("words", "ids"),
    [
        (["BOX"], ["85123A", "r_d"]),
        (["box", "red"], ["r_d"]),
        (["85123a"], ["85123A"]),
        (["r_d"], ["r_d"]),
        (["100%"], ["85123A"]),
        (["%"], ["85123A"]),
        (["\\"], ["back"]),
        (["box", "none"], []),
        (["straße"], ["back"]),
    ],
)
async def test_a_search_finds_words_in_names_and_ids_in_any_order(
    store: ProductsStore, words: Sequence[str], ids: list[str]
) -> None:
    names = {"r_d": "Red Box", "85123A": "box of 100% white", "back": "STRASSE \\ way", "rxd": "other"}
    async with store.unit() as unit:
        await unit.put_products([record(key, name) for key, name in names.items()], dict.fromkeys(names, 0))
    assert sorted(await listed(store, *words)) == sorted(ids)


async def test_prices_of_those_that_exist(store: ProductsStore) -> None:
    await put(store, a=1, b=0)
    assert await store.prices(["a", "none", "a"]) == {"a": Money(100)}
    assert await store.prices([]) == {}


async def test_books_are_read_by_the_page(store: ProductsStore) -> None:
    await put(store, a=1, B=2, c=3)
    async with store.unit() as unit:
        await unit.keep([Reservation(order_id, HELD, {"a": 1}) for order_id in ("o3", "o1", "O2")], {})
    assert [book.product_id for book in await store.stock_books("", 2)] == ["B", "a"]
    assert [book.product_id for book in await store.stock_books("a", 2)] == ["c"]
    assert [book.order_id for book in await store.reservation_books("", 2)] == ["O2", "o1"]
    assert [book.order_id for book in await store.reservation_books("o1", 2)] == ["o3"]


async def test_the_checkpoint_only_advances(store: ProductsStore) -> None:
    assert await store.checkpoint() is None
    older, newer = Checkpoint(NOW, "o1"), Checkpoint(NOW, "o2")
    for each in (newer, older):
        async with store.unit() as unit:
            await unit.advance_checkpoint(each)
    assert await store.checkpoint() == newer


async def test_held_reservations_are_walked_in_the_order_of_their_making(
    store: ProductsStore, clock: ManualClock
) -> None:
    for order_ids in (["o2", "o9"], ["o1"], ["o5"]):
        async with store.unit() as unit:
            await unit.keep([Reservation(order_id, HELD, {}) for order_id in order_ids], {})
        clock.advance(60)
    async with store.unit() as unit:
        await unit.change_reservations([Reservation("o9", HELD).release()])
    first = await store.held_since(None, NOW + timedelta(seconds=61), 10)
    assert [each.order_id for each in first] == ["o2", "o1"]
    assert [each.order_id for each in await store.held_since(None, NOW + timedelta(seconds=61), 1)] == ["o2"]
    assert [each.order_id for each in await store.held_since(first[0], clock.now(), 10)] == ["o1", "o5"]


async def test_watched_orders(store: ProductsStore) -> None:
    async with store.unit() as unit:
        await unit.watch(["o2", "o1", "o3"])
        await unit.watch(["o1"])
        await unit.unwatch(["o3", "none"])
    assert await store.watched("", 10) == ["o1", "o2"]
    assert await store.watched("o1", 10) == ["o2"]
    assert await store.watched("", 1) == ["o1"]
