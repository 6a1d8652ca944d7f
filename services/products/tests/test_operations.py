"""The use cases, in memory; and those that gather calls, on both stores."""

import asyncio
from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from souk_chassis import wire
from souk_chassis.errors import ErrorKind, SoukError
from souk_chassis.money import Money
from souk_chassis.operation import Created
from souk_chassis.testing.clock import ManualClock
from souk_contracts.products import (
    MAX_SHARDS,
    InventoryChange,
    Product,
    ProductContent,
    ProductQuery,
    ProductRef,
    QuoteRequest,
)
from souk_contracts.shop import MAX_STOCK, BookRequest
from souk_products.operations import (
    adjust_inventory,
    get_product,
    get_reservation_books,
    get_stock_books,
    list_products,
    put_product,
    quote,
)
from souk_products.ports import ProductsStore
from souk_products.stock_movements import reserve


def content(product_id: str = "a", **facts: Any) -> ProductContent:
    """A product to put."""
    return ProductContent(**{"product_id": product_id, "name": "Thing", "price": Money(250), **facts})


async def test_a_new_product_is_created_and_shown(service: Any, clock: ManualClock) -> None:
    made = await put_product(service.ctx, content(inventory=3, description="Nice", currency="GBP"))
    expected = Product(
        product_id="a",
        name="Thing",
        description="Nice",
        price=Money(250),
        currency="GBP",
        inventory=3,
        updated_at=clock.now(),
    )
    assert made == Created(expected)
    assert await get_product(service.ctx, ProductRef(product_id="a")) == expected


async def test_a_new_product_without_inventory_has_none(service: Any) -> None:
    assert isinstance(await put_product(service.ctx, content()), Created)
    assert await service.now() == {"a": 0}


async def test_a_change_keeps_the_stock_and_moves_the_time(service: Any, clock: ManualClock) -> None:
    await put_product(service.ctx, content(inventory=3))
    clock.advance(60)
    changed = await put_product(service.ctx, content(name="Other", price=Money(300)))
    assert isinstance(changed, Product)
    assert (changed.name, changed.price, changed.inventory, changed.updated_at) == ("Other", 300, 3, clock.now())
    assert await get_product(service.ctx, ProductRef(product_id="a")) == changed


async def test_an_inventory_for_a_known_product_is_a_correction(service: Any) -> None:
    await put_product(service.ctx, content(inventory=3))
    changed = await put_product(service.ctx, content(inventory=10))
    assert isinstance(changed, Product)
    assert changed.inventory == 10
    [book] = (await get_stock_books(service.ctx, BookRequest())).items
    assert (book.start, book.corrected, book.now) == (3, 7, 10)


@pytest.mark.parametrize(
    ("facts", "code", "field"),
    [({"price": Money(0)}, "price_out_of_range", "price"), ({"currency": "USD"}, "wrong_currency", "currency")],
)
async def test_a_product_that_can_not_be_is_refused(service: Any, facts: Any, code: str, field: str) -> None:
    with pytest.raises(SoukError) as caught:
        await put_product(service.ctx, content(**facts))
    assert (caught.value.kind, caught.value.code, set(caught.value.fields)) == (ErrorKind.INVALID, code, {field})


async def test_puts_at_once_are_as_if_one_after_another(store: ProductsStore, on: Callable[[Any], Any]) -> None:
    service = on(store)
    puts = [content("a", inventory=5), content("b"), content("a", name="New"), content("b", inventory=2)]
    answers = await asyncio.gather(*(put_product(service.ctx, each) for each in puts))
    assert [isinstance(answer, Created) for answer in answers] == [True, True, False, False]
    shown = [answer.value if isinstance(answer, Created) else answer for answer in answers]
    assert [(each.product_id, each.name, each.inventory) for each in shown] == [
        ("a", "Thing", 5),
        ("b", "Thing", 0),
        ("a", "New", 5),
        ("b", "Thing", 2),
    ]
    assert await get_product(service.ctx, ProductRef(product_id="a")) == shown[2]
    assert await get_product(service.ctx, ProductRef(product_id="b")) == shown[3]
    books = (await get_stock_books(service.ctx, BookRequest())).items
    assert [(book.start, book.corrected, book.now) for book in books] == [(5, 0, 5), (0, 2, 2)]


async def test_the_stock_is_corrected(service: Any) -> None:
    await put_product(service.ctx, content(inventory=3))
    assert (await adjust_inventory(service.ctx, InventoryChange(product_id="a", delta=4))).inventory == 7
    assert (await adjust_inventory(service.ctx, InventoryChange(product_id="a", delta=-7))).inventory == 0
    [book] = (await get_stock_books(service.ctx, BookRequest())).items
    assert (book.start, book.corrected, book.now) == (3, -3, 0)


@pytest.mark.parametrize(
    ("product_id", "delta", "kind", "code"),
    [
        ("none", 1, ErrorKind.NOT_FOUND, "product_not_found"),
        ("a", -4, ErrorKind.CONFLICT, "stock_below_zero"),
        ("full", 1, ErrorKind.INVALID, "stock_out_of_range"),
    ],
)
async def test_a_correction_that_can_not_be_changes_nothing(
    service: Any, product_id: str, delta: int, kind: ErrorKind, code: str
) -> None:
    await put_product(service.ctx, content("a", inventory=3))
    await put_product(service.ctx, content("full", inventory=MAX_STOCK))
    with pytest.raises(SoukError) as caught:
        await adjust_inventory(service.ctx, InventoryChange(product_id=product_id, delta=delta))
    assert (caught.value.kind, caught.value.code) == (kind, code)
    assert await service.now() == {"a": 3, "full": MAX_STOCK}


async def test_stock_that_is_spread_stays_what_it_was(service: Any) -> None:
    await put_product(service.ctx, content(inventory=3))
    for delta, shards, inventory in ((4, 3, 7), (0, 2, 7), (-7, 1, 0)):
        change = InventoryChange(product_id="a", delta=delta, shards=shards)
        assert (await adjust_inventory(service.ctx, change)).inventory == inventory
        assert await service.now() == {"a": inventory}


@pytest.mark.parametrize("shards", [0, MAX_SHARDS + 1])
def test_shards_out_of_range_are_refused(shards: int) -> None:
    with pytest.raises(msgspec.ValidationError, match="shards"):
        wire.decode(wire.encode({"productId": "a", "delta": 0, "shards": shards}), InventoryChange)


async def test_corrections_at_once_never_go_below_zero(store: ProductsStore, on: Callable[[Any], Any]) -> None:
    service = on(store)
    await put_product(service.ctx, content(inventory=10))
    takes = [adjust_inventory(service.ctx, InventoryChange(product_id="a", delta=-3)) for _ in range(8)]
    answers = await asyncio.gather(*takes, return_exceptions=True)
    refused = [answer for answer in answers if isinstance(answer, SoukError)]
    assert [error.code for error in refused] == ["stock_below_zero"] * 5
    assert sorted(answer.inventory for answer in answers if not isinstance(answer, BaseException)) == [1, 4, 7]


async def test_there_is_no_unknown_product(service: Any) -> None:
    with pytest.raises(SoukError) as caught:
        await get_product(service.ctx, ProductRef(product_id="none"))
    assert caught.value.code == "product_not_found"


async def test_the_catalogue_is_read_by_the_page(service: Any) -> None:
    for product_id, name in {"1": "Cup", "2": "apple", "3": "Bowl", "4": "Cup red"}.items():
        await put_product(service.ctx, content(product_id, name=name))
    first = await list_products(service.ctx, ProductQuery(limit=2))
    assert [product.name for product in first.items] == ["apple", "Bowl"]
    second = await list_products(service.ctx, ProductQuery(limit=2, cursor=first.next))
    assert ([product.name for product in second.items], second.next) == (["Cup", "Cup red"], None)
    found = await list_products(service.ctx, ProductQuery(q="RED cu"))
    assert [product.product_id for product in found.items] == ["4"]


async def test_a_cursor_that_no_list_gave_is_refused(service: Any) -> None:
    with pytest.raises(SoukError) as caught:
        await list_products(service.ctx, ProductQuery(cursor="none"))
    assert (caught.value.code, set(caught.value.fields)) == ("invalid_cursor", {"cursor"})


async def test_a_quotation_has_the_prices_of_those_that_exist(store: ProductsStore, on: Callable[[Any], Any]) -> None:
    service = on(store)
    await put_product(service.ctx, content("a", price=Money(250)))
    await put_product(service.ctx, content("b", price=Money(1)))
    wanted = [("a", "none", "a"), ("b",), (), ("a", "b")]
    answers = await asyncio.gather(*(quote(service.ctx, QuoteRequest(product_ids=ids)) for ids in wanted))
    prices = [sorted((each.product_id, int(each.price)) for each in answer.prices) for answer in answers]
    assert prices == [[("a", 250)], [("b", 1)], [], [("a", 250), ("b", 1)]]
    assert {answer.currency for answer in answers} == {"GBP"}


async def test_the_books_are_read_by_the_page(service: Any) -> None:
    for product_id in "cab":
        await put_product(service.ctx, content(product_id, inventory=9))
    async with service.store.unit() as unit:
        await reserve(unit, {"o2": {"a": 1}, "o1": {"b": 2}})
    first = await get_stock_books(service.ctx, BookRequest(limit=2))
    last = await get_stock_books(service.ctx, BookRequest(limit=2, cursor=first.next))
    assert [book.product_id for book in (*first.items, *last.items)] == ["a", "b", "c"]
    assert last.next is None
    page = await get_reservation_books(service.ctx, BookRequest(limit=1))
    rest = await get_reservation_books(service.ctx, BookRequest(limit=1, cursor=page.next))
    assert [(b.order_id, b.state, b.units) for b in (*page.items, *rest.items)] == [
        ("o1", "HELD", 2),
        ("o2", "HELD", 1),
    ]
    assert rest.next is None
