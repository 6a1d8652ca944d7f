"""Prices of an order's lines: asked of products, or the last known ones while products can't be asked."""

from collections import OrderedDict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from souk_chassis.context import Context
from souk_chassis.errors import SoukError
from souk_contracts.products import Quote, QuoteRequest

REMEMBERED_PRICES = 100_000
"""How many last known prices one process keeps."""


@dataclass(frozen=True, slots=True)
class Prices:
    """Prices in minor units by product. A product that does not exist is not in it. `cached` marks last known ones."""

    by_product: Mapping[str, int]
    cached: bool = False


class LastKnownPrices:
    """The last price that each product was quoted at, least recently quoted first to go."""

    def __init__(self, size: int = REMEMBERED_PRICES) -> None:
        self._size = size
        self._prices: OrderedDict[str, int] = OrderedDict()

    def remember(self, prices: Mapping[str, int]) -> None:
        """Keep these prices."""
        for product_id, price in prices.items():
            self._prices[product_id] = price
            self._prices.move_to_end(product_id)
        while len(self._prices) > self._size:
            self._prices.popitem(last=False)

    def recall(self, product_ids: Iterable[str]) -> dict[str, int] | None:
        """The prices of all these products, or None where one is not known."""
        found = {product_id: self._prices.get(product_id) for product_id in product_ids}
        known = {product_id: price for product_id, price in found.items() if price is not None}
        return known if len(known) == len(found) else None


async def ask_prices(ctx: Context[Any], product_ids: tuple[str, ...], last_known: LastKnownPrices) -> Prices:
    """The prices now. While products can't be asked, the last known ones, marked; raises SoukError where one of them
    is not known."""
    try:
        quotation = await ctx.call(Quote, QuoteRequest(product_ids=product_ids))
    except SoukError as error:
        if not error.rule.retryable:
            raise
        recalled = last_known.recall(product_ids)
        if recalled is None:
            raise
        ctx.log.warning("last known prices used", ctx.traceparent, code=error.code)
        return Prices(recalled, cached=True)
    prices = {quoted.product_id: int(quoted.price) for quoted in quotation.prices}
    last_known.remember(prices)
    return Prices(prices)
