"""The books that the audit reads: both sides of each order, page by page."""

import re
from typing import Any

import pytest

from souk_chassis.errors import ErrorKind, SoukError
from souk_contracts.shop import BookRequest
from souk_payments.domain import Captured, Charge
from souk_payments.operations import UNKNOWN, get_payment_books
from souk_payments.providers.sandbox import Entry

Shop = Any


async def test_an_order_that_only_the_provider_knows_is_in_the_books(shop: Shop) -> None:
    await shop.handle(shop.reserved("known"))
    stray = Entry(Charge("stray", "stray", 700, "GBP", "tok_ok"), Captured("p-stray", 700))
    await shop.deps.provider._books.enter([stray])
    book = (await shop.books())["stray"]
    assert (book.state, book.captured_minor, book.provider_captured_minor, book.charges) == (UNKNOWN, 0, 700, 1)


async def test_a_double_charge_shows(shop: Shop) -> None:
    await shop.handle(shop.reserved())
    again = Entry(Charge("o-1", "another key", 1000, "GBP", "tok_ok"), Captured("p-2", 1000))
    await shop.deps.provider._books.enter([again])
    book = (await shop.books())["o-1"]
    assert (book.captured_minor, book.provider_captured_minor, book.charges) == (1000, 2000, 2)


async def test_pages_hold_every_order_of_either_side_once(shop: Shop) -> None:
    await shop.handle(*(shop.reserved(f"a{i}", "tok_ok" if i % 3 else "tok_declined") for i in range(12)))
    strays = [Entry(Charge(f"a{i}x", "k", 5, "GBP", "tok_ok"), Captured(f"p{i}", 5)) for i in range(0, 12, 2)]
    await shop.deps.provider._books.enter(strays)
    seen: list[str] = []
    cursor = None
    while True:
        page = await get_payment_books(shop.context(), BookRequest(limit=4, cursor=cursor))
        assert len(page.items) <= 4
        seen += [book.order_id for book in page.items]
        cursor = page.next
        if cursor is None:
            break
    assert seen == sorted({f"a{i}" for i in range(12)} | {f"a{i}x" for i in range(0, 12, 2)})


@pytest.mark.parametrize("cursor", ["~", "a=b", "a" * 65])
async def test_a_malformed_cursor_is_refused(shop: Shop, cursor: str) -> None:
    with pytest.raises(SoukError, match=re.escape("invalid_cursor")) as refused:
        await get_payment_books(shop.context(), BookRequest(cursor=cursor))
    assert refused.value.kind is ErrorKind.INVALID
    assert "cursor" in refused.value.fields
