"""Prices of an order's lines: asked of products, or the last known ones while products can't be asked."""

from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec

from souk_chassis.context import Context
from souk_chassis.errors import SoukError
from souk_chassis.storage.group_commit import GroupCommit
from souk_contracts.products import Quote, QuoteRequest
from souk_contracts.shop import MAX_LINES

REMEMBERED_PRICES = 100_000
"""How many last known prices one process keeps."""
PATIENCE_S = 0.05
"""How long further orders wait for an answer that is under way before they are asked for without it, in seconds."""


class Prices(msgspec.Struct, frozen=True):
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


class _Asked(msgspec.Struct, frozen=True):
    ctx: Context[Any]
    product_ids: tuple[str, ...]


class Pricing:
    """The prices of orders' lines. Orders that come at once are asked for together: one call for all of them."""

    def __init__(self, last_known: LastKnownPrices | None = None) -> None:
        self.last_known = last_known or LastKnownPrices()
        self._quotes: GroupCommit[_Asked, Mapping[str, int]] = GroupCommit(
            self._quote,
            weigh=lambda asked: len(asked.product_ids),
            max_weight=MAX_LINES,
            patience_s=PATIENCE_S,
        )

    async def ask(self, ctx: Context[Any], product_ids: tuple[str, ...]) -> Prices:
        """The prices now. While products can't be asked, the last known ones, marked; raises SoukError where one of
        them is not known."""
        try:
            return Prices(await self._quotes(_Asked(ctx, product_ids)))
        except SoukError as error:
            if not error.rule.retryable:
                raise
            recalled = self.last_known.recall(product_ids)
            if recalled is None:
                raise
            ctx.log.warning("last known prices used", ctx.traceparent, code=error.code)
            return Prices(recalled, cached=True)

    async def close(self) -> None:
        """Ask for no more."""
        await self._quotes.close()

    async def _quote(self, asked: Sequence[_Asked]) -> Sequence[Mapping[str, int]]:
        """One call, in the name and the trace of the order that can wait longest; prices are everybody's to know."""
        ctx = max((each.ctx for each in asked), key=lambda ctx: ctx.call_info.deadline.at_s)
        product_ids = dict.fromkeys(product_id for each in asked for product_id in each.product_ids)
        quotation = await ctx.call(Quote, QuoteRequest(product_ids=tuple(product_ids)))
        prices = {quoted.product_id: int(quoted.price) for quoted in quotation.prices}
        self.last_known.remember(prices)
        return [prices] * len(asked)
