"""A generated history, written as CSV, is read back exactly."""

import csv
import gzip
import io
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from souk_topologies.replay import Line, TradeOrder, read_history

HEADER = ["InvoiceNo", "StockCode", "Description", "Quantity", "InvoiceDate", "UnitPrice", "CustomerID", "Country"]

# Any text but what no CSV of UTF-8 can hold; a NUL is refused.
TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12)
IDS = st.text("ABCxyz019._-", min_size=1, max_size=64)
MOMENTS = st.datetimes().map(lambda moment: moment.strftime("%Y-%m-%d %H:%M:%S").rjust(19, "0"))


@dataclass(frozen=True)
class Sold:
    code: str
    description: str
    quantity: int
    price_minor: int


SOLD = st.builds(Sold, IDS, TEXT, st.integers(1, 1_000_000), st.integers(1, 999))


@dataclass(frozen=True)
class Order:
    customer: str | None
    placed_at: str
    country: str
    sold: tuple[Sold, ...]


ORDERS = st.builds(Order, st.none() | IDS, MOMENTS, TEXT, st.lists(SOLD, min_size=1, max_size=6).map(tuple))
NOISE = st.sampled_from(
    [
        ["C1", "D", "Discount", "-1", "2010-12-01 09:00:00", "2.5", "", "EIRE"],
        ["A1", "B", "debt", "1", "2010-12-01 09:00:00", "-11062.06", "", "EIRE"],
        ["0", "X", "?", "-20", "2010-12-01 09:00:00", "0.0", "", "EIRE"],
    ]
)


def spelled(price_minor: int, short: bool) -> str:
    """Write a price with two places, or as a spreadsheet does: `2.5`, `3.0`."""
    exact = f"{price_minor // 100}.{price_minor % 100:02d}"
    return exact[:-1] if short and exact.endswith("0") else exact


@given(
    orders=st.dictionaries(st.integers(1, 10**9).map(str), ORDERS, max_size=6),
    noise=st.lists(NOISE, max_size=4),
    line_end=st.sampled_from(["\n", "\r\n"]),
    short=st.booleans(),
    compressed=st.booleans(),
    data=st.data(),
)
def test_read_back_exactly(
    orders: dict[str, Order],
    noise: list[list[str]],
    line_end: str,
    short: bool,
    compressed: bool,
    data: st.DataObject,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    rows: list[tuple[str | None, int, list[str]]] = [(None, 0, fields) for fields in noise]
    for invoice, order in orders.items():
        for index, sold in enumerate(order.sold):
            price = spelled(sold.price_minor, short)
            agreed = [sold.code, sold.description, str(sold.quantity), order.placed_at, price]
            rows.append((invoice, index, [invoice, *agreed, order.customer or "", order.country]))
    rows = data.draw(st.permutations(rows))

    text = io.StringIO(newline="")
    writer = csv.writer(text, quoting=csv.QUOTE_ALL, lineterminator=line_end)
    writer.writerow(HEADER)
    expected: dict[str, list[Line]] = {}
    for owner, index, fields in rows:
        writer.writerow(fields)
        if owner is not None:
            sold = orders[owner].sold[index]
            line_number = text.getvalue().count("\n")
            line = Line(sold.code, sold.quantity, sold.price_minor, line_number)
            expected.setdefault(owner, []).append(line)
    path = written(tmp_path_factory.mktemp("history"), text.getvalue(), compressed)

    history = read_history([path])

    assert history.orders == tuple(
        TradeOrder(
            invoice,
            orders[invoice].customer,
            orders[invoice].placed_at,
            orders[invoice].country,
            tuple(lines),
            sum(line.quantity * line.unit_price_minor for line in lines),
        )
        for invoice, lines in expected.items()
    )
    everything = [sold for order in orders.values() for sold in order.sold]
    assert history.units == sum(sold.quantity for sold in everything)
    assert history.amount_minor == sum(sold.quantity * sold.price_minor for sold in everything)
    assert set(history.products) == {sold.code for sold in everything}
    for code, product in history.products.items():
        uses = [sold for sold in everything if sold.code == code]
        assert product.name in ({sold.description.strip() for sold in uses} - {""} or {code})
        prices = [sold.price_minor for sold in uses]
        assert prices.count(product.price_minor) == max(map(prices.count, prices))
    kinds = [fields[0] for fields in noise]
    assert (history.return_lines, history.skipped_lines) == (kinds.count("C1"), kinds.count("0"))
    assert (history.returns, history.other_invoices) == (int("C1" in kinds), int("A1" in kinds))


def written(folder: Path, text: str, compressed: bool) -> Path:
    path = folder / ("x.csv.gz" if compressed else "x.csv")
    path.write_bytes(gzip.compress(text.encode(), mtime=0) if compressed else text.encode())
    return path
