"""What a well-formed history is read as."""

from collections.abc import Callable
from pathlib import Path

import pytest

from souk_topologies.data import sample_month_path
from souk_topologies.replay import Figures, History, Line, Product, TradeOrder, read_history

Make = Callable[..., str]
Write = Callable[..., Path]


@pytest.fixture(scope="module")
def december() -> History:
    return read_history([sample_month_path()])


def test_the_shipped_month_has_the_figures_of_its_readme(december: History) -> None:
    assert december.by_file[0].path == sample_month_path()
    assert december.by_file[0].figures == Figures(
        orders=1559,
        order_lines=41480,
        units=359239,
        amount_minor=82374614,
        returns=326,
        return_lines=728,
        skipped_lines=273,
        other_invoices=0,
        products=2788,
        customers=885,
        wide_orders=46,
    )


def test_the_orders_add_up_to_the_figures(december: History) -> None:
    lines = [line for order in december.orders for line in order.lines]
    assert (len(december.orders), len(lines), len(december.products)) == (1559, 41480, 2788)
    assert sum(line.quantity for line in lines) == december.units == 359239
    assert sum(line.quantity * line.unit_price_minor for line in lines) == december.amount_minor == 82374614
    assert sum(order.total_minor for order in december.orders) == 82374614
    assert {line.product_id for line in lines} == set(december.products)
    assert (december.order_lines, december.returns, december.return_lines) == (41480, 326, 728)
    assert (december.skipped_lines, december.other_invoices) == (273, 0)


def test_the_first_order_of_the_shipped_month(december: History) -> None:
    first = december.orders[0]
    assert (first.order_id, first.customer_id, first.country) == ("536365", "17850", "United Kingdom")
    assert first.placed_at == "2010-12-01 08:26:00"
    assert (len(first.lines), first.total_minor) == (7, 13912)
    assert first.lines[0] == Line("85123A", 6, 255, 2)


def test_each_kind_of_row(row: Make, write_history: Write) -> None:
    path = write_history(
        row(),
        row(quantity="0"),
        row(quantity="-3", price="0.0"),
        row(quantity="2000000", price="0.0"),
        row(quantity="1", price="0.001"),
        row(quantity="1", price="-5.0"),
        row("C536379", "D", "Discount", "-1"),
        row("C536379", "D", "Discount", "-2"),
        row("A563185", "B", "Adjust bad debt", "1", price="11062.06", customer=""),
        row("A563186", "B", "Adjust bad debt", "1", price="-11062.06", customer=""),
        row("536366", "NEVER", quantity="-5", price="0.0", customer=""),
    )
    history = read_history([path])
    assert history.orders == (
        TradeOrder(
            "536365", "17850", "2010-12-01 08:26:00", "United Kingdom", (Line("85123A", 6, 255, 2),), total_minor=1530
        ),
    )
    assert (history.skipped_lines, history.returns, history.return_lines, history.other_invoices) == (6, 1, 2, 2)
    assert list(history.products) == ["85123A"]


def test_a_line_after_another_invoice_joins_its_own(row: Make, write_history: Write) -> None:
    path = write_history(
        row(), row("536366", customer=""), row(code="85123a", date="2010-12-01 08:27:00", country="EIRE")
    )
    first, second = read_history([path]).orders
    assert [(line.product_id, line.line_number) for line in first.lines] == [("85123A", 2), ("85123a", 4)]
    assert (first.placed_at, first.country) == ("2010-12-01 08:26:00", "United Kingdom")
    assert (second.order_id, second.customer_id) == ("536366", None)


def test_one_product_at_two_prices_stays_two_lines(row: Make, write_history: Write) -> None:
    order = read_history([write_history(row(), row(price="3"), row(price="2.5"))]).orders[0]
    assert [line.unit_price_minor for line in order.lines] == [255, 300, 250]


def test_prices_are_exact_where_floats_are_not(row: Make, write_history: Write) -> None:
    path = write_history(row(quantity="3", price="0.1"), row(quantity="1", price="1.15"), row(price="99.99"))
    assert read_history([path]).amount_minor == 30 + 115 + 59994


def test_several_files_in_the_order_given(row: Make, write_history: Write) -> None:
    later = write_history(row("540000"), row("C1"), name="b.csv.gz")
    earlier = write_history(row("530000", customer=""), name="a.CSV")
    history = read_history([later, earlier])
    assert [order.order_id for order in history.orders] == ["540000", "530000"]
    assert [(each.path, each.figures.orders, each.figures.customers) for each in history.by_file] == [
        (later, 1, 1),
        (earlier, 1, 0),
    ]
    assert (history.order_lines, history.return_lines, len(history.products)) == (2, 1, 1)


def test_a_header_alone_is_a_month_without_trade(write_history: Write) -> None:
    history = read_history([write_history()])
    assert (history.orders, dict(history.products), history.amount_minor) == ((), {}, 0)


def test_a_byte_order_mark_and_windows_line_ends(row: Make, write_history: Write) -> None:
    path = write_history(row())
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes().replace(b"\n", b"\r\n"))
    assert read_history([path]).orders[0].lines == (Line("85123A", 6, 255, 2),)


def test_a_code_becomes_an_id(row: Make, write_history: Write) -> None:
    history = read_history([write_history(row(code="BANK CHARGES", description="Bank Charges"))])
    assert history.orders[0].lines[0].product_id == "BANK-CHARGES"
    assert history.products["BANK-CHARGES"] == Product("BANK-CHARGES", "BANK CHARGES", "Bank Charges", 255)


def test_the_name_is_the_longest_lived_and_the_price_the_commonest(row: Make, write_history: Write) -> None:
    path = write_history(
        row("1", description=" LONG LIVED ", date="2010-12-01 08:00:00", price="2.00"),
        row("2", description="SHORT LIVED", date="2010-12-02 08:00:00", price="3.00"),
        row("3", description="SHORT LIVED", date="2010-12-03 08:00:00", price="3.00"),
        row("4", description="SHORT LIVED", date="2010-12-03 09:00:00", price="2.00"),
        row("5", description="", date="2010-12-09 08:00:00", price="2.00"),
        row("6", description="LONG LIVED", date="2010-12-08 08:00:00", price="3.00"),
        row("7", code="NAMELESS", description=" "),
    )
    products = read_history([path]).products
    assert products["85123A"] == Product("85123A", "85123A", "LONG LIVED", 200)
    assert products["NAMELESS"].name == "NAMELESS"


def test_what_is_read_is_frozen(december: History) -> None:
    with pytest.raises(AttributeError):
        december.orders[0].lines[0].quantity = 7  # type: ignore[misc] # the refusal is what is tried
    with pytest.raises(TypeError):
        december.products["x"] = december.products["POST"]  # type: ignore[index] # as above
