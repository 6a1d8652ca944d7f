"""Prices: asked for, remembered, and recalled while nobody answers."""

from typing import Any

import pytest

from souk_chassis.errors import ErrorKind, SoukError, forbidden, timeout_unknown, too_many, unavailable
from souk_orders.pricing import LastKnownPrices, Prices, ask_prices


async def test_prices_are_asked_for_and_remembered(desk: Any) -> None:
    known = LastKnownPrices()
    assert await ask_prices(desk.as_(), ("apple", "none"), known) == Prices({"apple": 25})
    assert known.recall(["apple"]) == {"apple": 25}
    assert known.recall(["apple", "none"]) is None


@pytest.mark.parametrize("trouble", [unavailable, timeout_unknown, too_many])
async def test_last_known_prices_are_used_and_marked(desk: Any, trouble: Any) -> None:
    known = LastKnownPrices()
    await ask_prices(desk.as_(), ("apple", "pear"), known)
    desk.products.prices["apple"] = 99
    desk.products.failure = trouble("away", "Not now.")
    assert await ask_prices(desk.as_(), ("apple",), known) == Prices({"apple": 25}, cached=True)
    [line] = desk.log.lines
    assert (line["level"], line["message"], line["code"]) == ("warning", "last known prices used", "away")
    desk.products.failure = None
    assert await ask_prices(desk.as_(), ("apple",), known) == Prices({"apple": 99})
    assert known.recall(["apple"]) == {"apple": 99}


async def test_one_unknown_price_is_no_answer(desk: Any) -> None:
    known = LastKnownPrices()
    await ask_prices(desk.as_(), ("apple",), known)
    desk.products.failure = unavailable("away", "Not now.")
    with pytest.raises(SoukError) as error:
        await ask_prices(desk.as_(), ("apple", "pear"), known)
    assert error.value.kind is ErrorKind.UNAVAILABLE


async def test_a_refusal_is_not_papered_over(desk: Any) -> None:
    known = LastKnownPrices()
    await ask_prices(desk.as_(), ("apple",), known)
    desk.products.failure = forbidden("not_allowed", "No.")
    with pytest.raises(SoukError) as error:
        await ask_prices(desk.as_(), ("apple",), known)
    assert error.value.kind is ErrorKind.FORBIDDEN
    assert desk.log.lines == []


def test_the_least_recently_quoted_price_goes_first() -> None:
    known = LastKnownPrices(size=2)
    known.remember({"a": 1, "b": 2})
    known.remember({"a": 3})
    known.remember({"c": 4})
    assert known.recall(["b"]) is None
    assert known.recall(["a", "c"]) == {"a": 3, "c": 4}
    assert known.recall([]) == {}
