"""Gathers what the lines say of a product, until its name and price can be told."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import NamedTuple

from souk_topologies.replay.history import Product


class _NameUse(NamedTuple):
    first: str
    last: str
    lines: int

    @property
    def lived(self) -> timedelta:
        return datetime.fromisoformat(self.last) - datetime.fromisoformat(self.first)


class _PriceUse(NamedTuple):
    lines: int
    last: str


class ProductFacts:
    """The names and prices of one product, with how long and how often each was used."""

    __slots__ = ("_names", "_prices", "product_id", "stock_code")

    def __init__(self, product_id: str, stock_code: str) -> None:
        self.product_id = product_id
        self.stock_code = stock_code
        self._names: dict[str, _NameUse] = {}
        self._prices: dict[int, _PriceUse] = {}

    def note(self, description: str, price_minor: int, placed_at: str) -> None:
        """Take in one order line. ISO moments compare as text."""
        lines, last = self._prices.get(price_minor, (0, placed_at))
        self._prices[price_minor] = _PriceUse(lines + 1, max(last, placed_at))
        name = description.strip()
        if name:
            use = self._names.get(name) or _NameUse(placed_at, placed_at, 0)
            self._names[name] = _NameUse(min(use.first, placed_at), max(use.last, placed_at), use.lines + 1)

    def product(self) -> Product:
        """Tell the product.

        The name is the one with the longest time between its first and its last line, then the one on more lines, then
        the one seen first. The price is the one on most lines, then the one used last, then the higher.
        """
        name = max(self._names, key=lambda each: (self._names[each].lived, self._names[each].lines), default="")
        price_minor = max(self._prices, key=lambda each: (*self._prices[each], each))
        return Product(self.product_id, self.stock_code, name or self.stock_code, price_minor)


class ProductIdTakenError(Exception):
    """Two stock codes that would be one product id."""


class ProductBook:
    """Every product met so far, by its stock code."""

    __slots__ = ("_by_code", "_code_of_id")

    def __init__(self) -> None:
        self._by_code: dict[str, ProductFacts] = {}
        self._code_of_id: dict[str, str] = {}

    def facts(self, stock_code: str) -> ProductFacts:
        """Find or open a product.

        Raises:
            ProductIdTakenError: another stock code has the same product id.
        """
        known = self._by_code.get(stock_code)
        if known is not None:
            return known
        product_id = product_id_of(stock_code)
        other = self._code_of_id.setdefault(product_id, stock_code)
        if other != stock_code:
            raise ProductIdTakenError(
                f"StockCode {stock_code!r} and {other!r} would both be the product {product_id!r}"
            )
        self._by_code[stock_code] = facts = ProductFacts(product_id, stock_code)
        return facts

    def products(self) -> Iterator[Product]:
        """Yield the products in the order of first appearance."""
        return (facts.product() for facts in self._by_code.values())


def product_id_of(stock_code: str) -> str:
    """Make a stock code an id of Souk (`A-Za-z0-9._-`): every other character becomes `-`."""
    return "".join(c if (c.isascii() and c.isalnum()) or c in "._-" else "-" for c in stock_code)
