"""Prices: asked for, remembered, and recalled while nobody answers."""

import asyncio
from typing import Any

import pytest

from souk_chassis.errors import ErrorKind, SoukError, forbidden, timeout_unknown, too_many, unavailable
from souk_orders.pricing import LastKnownPrices, Prices, Pricing


async def test_prices_are_asked_for_and_remembered(desk: Any) -> None:
    pricing = Pricing()
    assert await pricing.ask(desk.as_(), ("apple", "none")) == Prices({"apple": 25})
    assert pricing.last_known.recall(["apple"]) == {"apple": 25}
    assert pricing.last_known.recall(["apple", "none"]) is None


@pytest.mark.parametrize("trouble", [unavailable, timeout_unknown, too_many])
async def test_last_known_prices_are_used_and_marked(desk: Any, trouble: Any) -> None:
    pricing = Pricing()
    await pricing.ask(desk.as_(), ("apple", "pear"))
    desk.products.prices["apple"] = 99
    desk.products.failure = trouble("away", "Not now.")
    assert await pricing.ask(desk.as_(), ("apple",)) == Prices({"apple": 25}, cached=True)
    [line] = desk.log.lines
    assert (line["level"], line["message"], line["code"]) == ("warning", "last known prices used", "away")
    desk.products.failure = None
    assert await pricing.ask(desk.as_(), ("apple",)) == Prices({"apple": 99})
    assert pricing.last_known.recall(["apple"]) == {"apple": 99}


async def test_one_unknown_price_is_no_answer(desk: Any) -> None:
    pricing = Pricing()
    await pricing.ask(desk.as_(), ("apple",))
    desk.products.failure = unavailable("away", "Not now.")
    with pytest.raises(SoukError) as error:
        await pricing.ask(desk.as_(), ("apple", "pear"))
    assert error.value.kind is ErrorKind.UNAVAILABLE


async def test_a_refusal_is_not_papered_over(desk: Any) -> None:
    pricing = Pricing()
    await pricing.ask(desk.as_(), ("apple",))
    desk.products.failure = forbidden("not_allowed", "No.")
    with pytest.raises(SoukError) as error:
        await pricing.ask(desk.as_(), ("apple",))
    assert error.value.kind is ErrorKind.FORBIDDEN
    assert desk.log.lines == []


async def test_orders_that_come_at_once_are_asked_for_together(desk: Any) -> None:
    pricing = Pricing()
    baskets = [("apple",), ("apple", "pear"), ("none",)]
    answers = await asyncio.gather(*(pricing.ask(desk.as_(), basket) for basket in baskets))
    assert [set(asked) for asked in desk.products.asked] == [{"apple", "pear", "none"}]
    assert all(answer.by_product.keys() == {"apple", "pear"} for answer in answers)


async def test_a_slow_answer_holds_up_its_own_orders_alone(desk: Any) -> None:
    pricing, asked, slow = Pricing(), asyncio.Event(), asyncio.Event()

    async def be_slow() -> None:
        asked.set()
        await slow.wait()

    desk.products.before_answer = be_slow
    first = asyncio.create_task(pricing.ask(desk.as_(), ("apple",)))
    await asked.wait()
    desk.products.before_answer = None
    assert (await asyncio.wait_for(pricing.ask(desk.as_(), ("pear",)), 10)).by_product.keys() == {"pear"}
    assert not first.done()
    slow.set()
    assert (await first).by_product.keys() == {"apple"}
    await pricing.close()


def test_the_least_recently_quoted_price_goes_first() -> None:
    known = LastKnownPrices(size=2)
    known.remember({"a": 1, "b": 2})
    known.remember({"a": 3})
    known.remember({"c": 4})
    assert known.recall(["b"]) is None
    assert known.recall(["a", "c"]) == {"a": 3, "c": 4}
    assert known.recall([]) == {}
