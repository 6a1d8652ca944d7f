"""The types of a trade history: what a shop sold, as its own books tell it.

They are frozen and small, because nine months hold 313,000 lines at once. No I/O stands here.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import TypeAlias

import msgspec


class Line(msgspec.Struct, frozen=True, gc=False):
    """One line of an order: `quantity` units at the agreed `unit_price_minor` (pence).

    `line_number` is the physical line of the file on which the row ends, counted from 1 with the header.
    """

    product_id: str
    quantity: int
    unit_price_minor: int
    line_number: int


class TradeOrder(msgspec.Struct, frozen=True, gc=False):
    """One order, with its lines in the order of the file.

    `order_id` is the invoice number. `customer_id` is None for a guest. `placed_at` is local time without a zone, as
    written (`2010-12-01 08:26:00`). `placed_at` and `country` are those of the first line. `total_minor` is in pence.
    """

    order_id: str
    customer_id: str | None
    placed_at: str
    country: str
    lines: tuple[Line, ...]
    total_minor: int


class Product(msgspec.Struct, frozen=True, gc=False):
    """A product that stands in at least one order.

    `stock_code` is the code as written, `product_id` the same as an id of Souk. `name` is the description that was in
    use for the longest time, or the stock code where every line left it empty. `price_minor` (pence) is the most common
    agreed unit price.
    """

    product_id: str
    stock_code: str
    name: str
    price_minor: int


Catalogue: TypeAlias = Mapping[str, Product]
"""Products by their `product_id`, in the order of first appearance."""


class Figures(msgspec.Struct, frozen=True, gc=False):
    """What one file holds: the columns of the table in the data set's README. `amount_minor` is in pence."""

    orders: int
    order_lines: int
    units: int
    amount_minor: int
    returns: int
    return_lines: int
    skipped_lines: int
    other_invoices: int
    products: int
    customers: int
    wide_orders: int


class FileFigures(msgspec.Struct, frozen=True):
    """The figures of one file."""

    path: Path
    figures: Figures


class History(msgspec.Struct, frozen=True):
    """A trade history, read whole. Counts are sums over the files; `amount_minor` is in pence.

    `orders` stand in the order of first appearance; `by_file` in the order in which the files were given.
    """

    orders: tuple[TradeOrder, ...]
    products: Catalogue
    order_lines: int
    units: int
    amount_minor: int
    returns: int
    return_lines: int
    skipped_lines: int
    other_invoices: int
    by_file: tuple[FileFigures, ...]


class HistoryError(Exception):
    """A history that cannot be read as one. Nothing of it may be placed.

    `line_number` is the physical line as an editor counts it (the last one of a row that spans several), or None where
    the fault is the file's as a whole. Gzip data that breaks off names the first line that could not be read.
    """

    def __init__(self, path: Path, line_number: int | None, detail: str) -> None:
        place = f"{path}" if line_number is None else f"{path}:{line_number}"
        super().__init__(f"{place}: {detail}")
        self.path = path
        self.line_number = line_number
        self.detail = detail
