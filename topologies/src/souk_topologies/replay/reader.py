"""Reads a whole trade history before anything of it is placed, so that a fault on the last line places nothing.

What the data set's README leaves open is decided so:
- An invoice stands in one file. The same number in two files is refused: it is far more often a file given twice
  under two names than an order cut in two, and merging would double every order of it without a word.
- An order has one customer. Order lines of one invoice with two customers, or with one and a guest, are refused.
- The lines of an invoice need not stand together: a line after another invoice belongs to its own invoice all the same.
"""

from collections.abc import Sequence
from pathlib import Path
from types import MappingProxyType

from souk_topologies.replay.history import Figures, FileFigures, History, HistoryError, Line, TradeOrder
from souk_topologies.replay.product_facts import ProductBook, ProductIdTakenError
from souk_topologies.replay.rows import MAX_AMOUNT_MINOR, Kind, Row, read_rows

MAX_ORDER_LINES = 2_000
WIDE_ORDER_LINES = 100


def read_history(paths: Sequence[Path]) -> History:
    """Read `.csv` and `.csv.gz` files of a trade history, in the order given, in one pass.

    Memory grows with the orders, about 120 bytes a line, and not with the length of the files.

    Raises:
        HistoryError: a file cannot be read, is given twice, or is malformed somewhere.
    """
    _refuse_repeats(paths)
    gathering = _Gathering()
    by_file = tuple(FileFigures(path, gathering.take(path)) for path in paths)
    figures = [each.figures for each in by_file]
    products = gathering.book.products()
    return History(
        orders=gathering.orders(),
        products=MappingProxyType({product.product_id: product for product in products}),
        order_lines=sum(each.order_lines for each in figures),
        units=sum(each.units for each in figures),
        amount_minor=sum(each.amount_minor for each in figures),
        returns=sum(each.returns for each in figures),
        return_lines=sum(each.return_lines for each in figures),
        skipped_lines=sum(each.skipped_lines for each in figures),
        other_invoices=sum(each.other_invoices for each in figures),
        by_file=by_file,
    )


def _refuse_repeats(paths: Sequence[Path]) -> None:
    seen: dict[tuple[int, int], Path] = {}
    for path in paths:
        try:
            found = path.stat()
        except OSError as fault:
            raise HistoryError(path, None, fault.strerror or str(fault)) from None
        identity = (found.st_dev, found.st_ino)
        if identity in seen:
            raise HistoryError(path, None, f"is given twice (first as {seen[identity]})")
        seen[identity] = path


class _OpenOrder:
    """An order that may still get lines."""

    __slots__ = ("country", "customer_id", "lines", "placed_at", "total_minor")

    def __init__(self, row: Row) -> None:
        self.customer_id = row.customer_id
        self.placed_at = row.placed_at
        self.country = row.country
        self.lines: list[Line] = []
        self.total_minor = 0

    def close(self, order_id: str) -> TradeOrder:
        return TradeOrder(order_id, self.customer_id, self.placed_at, self.country, tuple(self.lines), self.total_minor)


class _FileTally:
    """What one file has held so far."""

    __slots__ = ("customers", "lines", "orders", "others", "products", "returns", "units")

    def __init__(self) -> None:
        self.lines = dict.fromkeys(Kind, 0)
        self.units = 0
        self.orders: list[_OpenOrder] = []
        self.returns: set[str] = set()
        self.others: set[str] = set()
        self.products: set[str] = set()
        self.customers: set[str] = set()

    def figures(self) -> Figures:
        return Figures(
            orders=len(self.orders),
            order_lines=self.lines[Kind.ORDER_LINE],
            units=self.units,
            amount_minor=sum(order.total_minor for order in self.orders),
            returns=len(self.returns),
            return_lines=self.lines[Kind.RETURN],
            skipped_lines=self.lines[Kind.SKIPPED],
            other_invoices=len(self.others),
            products=len(self.products),
            customers=len(self.customers),
            wide_orders=sum(len(order.lines) > WIDE_ORDER_LINES for order in self.orders),
        )


class _Gathering:
    """The orders and products of all the files read so far."""

    def __init__(self) -> None:
        self.book = ProductBook()
        self._open: dict[str, _OpenOrder] = {}
        self._file_of_invoice: dict[str, Path] = {}

    def take(self, path: Path) -> Figures:
        tally = _FileTally()
        for row in read_rows(path):
            self._check_file(path, row)
            tally.lines[row.kind] += 1
            if row.kind is Kind.ORDER_LINE:
                self._take_line(path, row, tally)
            elif row.kind is Kind.RETURN:
                tally.returns.add(row.invoice)
            elif row.kind is Kind.OTHER:
                tally.others.add(row.invoice)
        return tally.figures()

    def orders(self) -> tuple[TradeOrder, ...]:
        return tuple(order.close(order_id) for order_id, order in self._open.items())

    def _check_file(self, path: Path, row: Row) -> None:
        first = self._file_of_invoice.setdefault(row.invoice, path)
        if first is not path:
            raise HistoryError(path, row.line_number, f"invoice {row.invoice} stands in {first} too")

    def _take_line(self, path: Path, row: Row, tally: _FileTally) -> None:
        order = self._open.get(row.invoice)
        if order is None:
            self._open[row.invoice] = order = _OpenOrder(row)
            tally.orders.append(order)
        try:
            facts = self.book.facts(row.stock_code)
        except ProductIdTakenError as fault:
            raise HistoryError(path, row.line_number, str(fault)) from None
        total_minor = order.total_minor + row.quantity * row.price_minor
        fault_detail = _order_fault(order, row, total_minor)
        if fault_detail:
            raise HistoryError(path, row.line_number, f"invoice {row.invoice} {fault_detail}")
        order.lines.append(Line(facts.product_id, row.quantity, row.price_minor, row.line_number))
        order.total_minor = total_minor
        facts.note(row.description, row.price_minor, row.placed_at)
        tally.units += row.quantity
        tally.products.add(facts.product_id)
        if row.customer_id is not None:
            tally.customers.add(row.customer_id)


def _order_fault(order: _OpenOrder, row: Row, total_minor: int) -> str | None:
    if row.customer_id != order.customer_id:
        return f"has two customers: {order.customer_id or 'a guest'} and {row.customer_id or 'a guest'}"
    if len(order.lines) == MAX_ORDER_LINES:
        return f"has more than {MAX_ORDER_LINES} lines"
    if total_minor > MAX_AMOUNT_MINOR:
        return "comes to more than 99999999.99"
    return None
