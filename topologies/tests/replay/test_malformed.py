"""Every malformed history is refused whole, with the line that an editor shows."""

import gzip
import os
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest

from souk_topologies.replay import HistoryError, read_history

Make = Callable[..., str]
Write = Callable[..., Path]


def refused(*paths: Path) -> HistoryError:
    with pytest.raises(HistoryError) as caught:
        read_history(paths)
    assert "\n" not in str(caught.value)
    return caught.value


FIELDS = [
    ({"quantity": "six"}, "Quantity 'six' is not a whole number"),
    ({"quantity": "1.5"}, "Quantity '1.5' is not a whole number"),
    ({"quantity": "6.0"}, "Quantity '6.0' is not a whole number"),
    ({"quantity": ""}, "Quantity '' is not a whole number"),
    ({"quantity": "+6"}, "not a whole number"),
    ({"quantity": "1_0"}, "not a whole number"),
    ({"quantity": "\N{FULLWIDTH DIGIT SIX}"}, "not a whole number"),
    ({"quantity": "9" * 5000}, "not a whole number"),
    ({"quantity": "1000001"}, "Quantity 1000001 is above 1000000"),
    ({"price": "NaN"}, "UnitPrice 'NaN' is not a decimal number"),
    ({"price": "inf"}, "UnitPrice 'inf' is not a decimal number"),
    ({"price": "-Infinity"}, "is not a decimal number"),
    ({"price": "1e400"}, "UnitPrice '1e400' is not a decimal number"),
    ({"price": ""}, "is not a decimal number"),
    ({"price": "2."}, "is not a decimal number"),
    ({"price": "2,55"}, "9 fields instead of 8"),
    ({"price": "-0"}, "UnitPrice '-0' is a negative zero"),
    ({"price": "-0.00"}, "UnitPrice '-0.00' is a negative zero"),
    ({"price": "2.555"}, "UnitPrice '2.555' has more than two decimal places"),
    ({"price": "100000000"}, "UnitPrice '100000000' is above 99999999.99"),
    ({"price": "9" * 400}, "is not a decimal number"),
    ({"invoice": ""}, "InvoiceNo is empty"),
    ({"invoice": " "}, "InvoiceNo is empty"),
    ({"invoice": " 536365"}, "InvoiceNo ' 536365' is not fit as an id"),
    ({"invoice": "5" * 65}, "is not fit as an id"),
    ({"invoice": "\N{ARABIC-INDIC DIGIT FIVE}"}, "is not fit as an id"),
    ({"code": ""}, "StockCode is empty"),
    ({"code": "\N{NO-BREAK SPACE}"}, "StockCode is empty"),
    ({"code": "8" * 65}, "is longer than 64 characters"),
    ({"customer": "17 850"}, "CustomerID '17 850' is not fit as an id"),
    ({"date": ""}, "InvoiceDate '' is not a date and time"),
    ({"date": "2010-02-30 08:26:00"}, "is not a date and time"),
    ({"date": "2010-12-01 25:26:00"}, "is not a date and time"),
    ({"date": "12/1/2010 8:26"}, "is not a date and time"),
    ({"date": "2010-12-01 08:26:00+01:00"}, "is not a date and time"),
    ({"description": "a\0b"}, "NUL byte"),
    ({"description": "x" * (1 << 20)}, "longer than 1048575 bytes"),
    ({"description": "x" * 140_000}, "field larger than field limit"),
    ({"description": '"shut"too early'}, "not CSV"),
    ({"country": "UK,more"}, "9 fields instead of 8"),
]


@pytest.mark.parametrize(
    ("field", "detail"), FIELDS, ids=[f"{detail[:40]}-{i}" for i, (_, detail) in enumerate(FIELDS)]
)
def test_a_bad_field_on_the_last_line(field: dict[str, str], detail: str, row: Make, write_history: Write) -> None:
    path = write_history(row(), row("C5"), row(**field))
    fault = refused(path)
    assert (fault.path, fault.line_number) == (path, 4)
    assert detail in fault.detail
    assert str(fault) == f"{path}:4: {fault.detail}"


@pytest.mark.parametrize("invoice", ["C536379", "A563185", "536365"])
def test_rows_that_are_no_order_lines_must_be_well_formed_too(invoice: str, row: Make, write_history: Write) -> None:
    fault = refused(write_history(row(invoice, quantity="-1", price="nan")))
    assert (fault.line_number, fault.detail) == (2, "UnitPrice 'nan' is not a decimal number")


def test_lines_are_counted_as_an_editor_shows_them(row: Make, write_history: Write) -> None:
    path = write_history(row(description='"TWO\nLINES"'), row(description='"THREE\n\nLINES"'), row(quantity="x"))
    assert refused(path).line_number == 7


def test_a_row_over_several_lines_is_named_by_its_last(row: Make, write_history: Write) -> None:
    assert refused(write_history(row(), row(description='"TWO\nLINES"', price="x"))).line_number == 4


def test_a_quote_never_closed_names_where_its_row_begins(row: Make, write_history: Write) -> None:
    fault = refused(write_history(row(), row(description='"OPEN'), row("2"), row("3")))
    assert fault.line_number == 5
    assert "the row begins at line 3" in fault.detail


@pytest.mark.parametrize(
    ("header", "detail"),
    [
        ("InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID", "lacks 'Country'"),
        ("InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country,X", "unknown columns: 'X'"),
        (
            "StockCode,InvoiceNo,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country",
            "header must be InvoiceNo",
        ),
        (
            "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country,Country",
            "must be InvoiceNo",
        ),
        ("invoiceno,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country", "lacks 'InvoiceNo'"),
        ("536365,85123A,WHITE,6,2010-12-01 08:26:00,2.55,17850,United Kingdom", "lacks"),
        ("", "lacks"),
    ],
)
def test_a_header_that_is_another(header: str, detail: str, row: Make, write_history: Write) -> None:
    fault = refused(write_history(row(), header=header))
    assert fault.line_number == 1
    assert detail in fault.detail


@pytest.mark.parametrize(("line", "count"), [("", 0), ("536365,85123A", 2)])
def test_a_row_with_too_few_fields(line: str, count: int, row: Make, write_history: Write) -> None:
    fault = refused(write_history(row(), line, row()))
    assert (fault.line_number, fault.detail) == (3, f"{count} fields instead of 8")


def test_bad_utf_8_names_its_line(row: Make, write_history: Write) -> None:
    path = write_history(row(), row(description="CAFE"), row())
    path.write_bytes(path.read_bytes().replace(b"CAFE", b"CAF\xe9"))
    fault = refused(path)
    assert (fault.line_number, fault.detail) == (3, "not UTF-8: byte 0xe9")


def test_two_codes_that_would_be_one_product(row: Make, write_history: Write) -> None:
    fault = refused(write_history(row(code="BANK CHARGES"), row(code="BANK/CHARGES")))
    assert fault.line_number == 3
    assert fault.detail == "StockCode 'BANK/CHARGES' and 'BANK CHARGES' would both be the product 'BANK-CHARGES'"


def test_an_order_with_two_customers(row: Make, write_history: Write) -> None:
    fault = refused(write_history(row(), row(customer="12345")))
    assert (fault.line_number, fault.detail) == (3, "invoice 536365 has two customers: 17850 and 12345")
    fault = refused(write_history(row(), row(customer="")))
    assert (fault.line_number, fault.detail) == (3, "invoice 536365 has two customers: 17850 and a guest")


def test_an_order_of_2000_lines_is_the_widest(row: Make, write_history: Write) -> None:
    assert len(read_history([write_history(*[row()] * 2000)]).orders[0].lines) == 2000
    fault = refused(write_history(*[row()] * 2001))
    assert (fault.line_number, fault.detail) == (2002, "invoice 536365 has more than 2000 lines")


def test_a_total_of_99999999_99_is_the_highest(row: Make, write_history: Write) -> None:
    highest = row(quantity="1", price="99999999.98")
    penny = row(quantity="1", price="0.01")
    assert read_history([write_history(highest, penny)]).amount_minor == 9_999_999_999
    fault = refused(write_history(highest, penny, penny))
    assert (fault.line_number, fault.detail) == (4, "invoice 536365 comes to more than 99999999.99")


@pytest.mark.parametrize("invoice", ["536365", "C536365", "A536365"])
def test_an_invoice_in_two_files(invoice: str, row: Make, write_history: Write) -> None:
    first = write_history(row(invoice), name="a.csv")
    fault = refused(first, write_history(row("1"), row(invoice), name="b.csv"))
    assert (fault.path.name, fault.line_number) == ("b.csv", 3)
    assert fault.detail == f"invoice {invoice} stands in {first} too"


def test_the_same_file_twice(row: Make, write_history: Write) -> None:
    path = write_history(row())
    by_another_way = path.parent / "." / ".." / path.parent.name / path.name
    link = path.parent / "link.csv"
    os.link(path, link)
    for again in (path, by_another_way, link):
        fault = refused(path, again)
        assert (fault.path, fault.line_number) == (again, None)
        assert "is given twice" in fault.detail


@pytest.mark.parametrize("name", ["x.csv", "x.csv.gz"])
def test_an_empty_file(name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    path.touch()
    fault = refused(path)
    assert (fault.line_number, fault.detail) == (None, "the file is empty")
    assert str(fault) == f"{path}: the file is empty"


def test_what_is_no_history_at_all(tmp_path: Path) -> None:
    (tmp_path / "x.txt").write_text("x")
    (tmp_path / "folder.csv").mkdir()
    assert (refused(tmp_path / "none.csv").line_number, refused(tmp_path / "none.csv").detail) == (
        None,
        "No such file or directory",
    )
    assert (refused(tmp_path / "folder.csv").line_number, refused(tmp_path / "folder.csv").detail) == (
        None,
        "is a directory",
    )
    assert refused(tmp_path / "x.txt").detail == "is neither .csv nor .csv.gz"


def test_plain_text_named_gz(row: Make, write_history: Write, tmp_path: Path) -> None:
    path = write_history(row()).rename(tmp_path / "plain.csv.gz")
    fault = refused(path)
    assert fault.line_number is None
    assert "not gzip" in fault.detail


def test_gzip_named_csv(row: Make, write_history: Write, tmp_path: Path) -> None:
    path = write_history(row(), name="x.csv.gz").rename(tmp_path / "x.csv")
    assert refused(path).line_number == 1


def test_gzip_data_cut_short_names_the_first_line_not_read(row: Make, tmp_path: Path, write_history: Write) -> None:
    whole = write_history(*[row(str(number)) for number in range(1, 3000)], name="x.csv.gz")
    whole.write_bytes(whole.read_bytes()[:-600])
    fault = refused(whole)
    assert fault.detail == "the gzip data is cut short"
    readable = gzip_prefix(whole.read_bytes())
    assert 1 < readable.count(b"\n") < 3000
    assert fault.line_number == readable.count(b"\n") + 1


def gzip_prefix(data: bytes) -> bytes:
    return zlib.decompressobj(wbits=31).decompress(data)


def test_gzip_without_its_last_bytes(row: Make, write_history: Write) -> None:
    path = write_history(row(), name="x.csv.gz")
    path.write_bytes(path.read_bytes()[:-4])
    fault = refused(path)
    assert (fault.line_number, fault.detail) == (3, "the gzip data is cut short")


@pytest.mark.parametrize("place", [-6, -40])
def test_corrupt_gzip(place: int, row: Make, write_history: Write) -> None:
    path = write_history(*[row(str(number)) for number in range(1, 500)], name="x.csv.gz")
    data = bytearray(path.read_bytes())
    data[place] ^= 0xFF
    path.write_bytes(data)
    fault = refused(path)
    assert fault.line_number is not None
    assert fault.path == path


def test_gzip_followed_by_something_else(row: Make, write_history: Write) -> None:
    path = write_history(row(), name="x.csv.gz")
    path.write_bytes(gzip.compress(gzip.decompress(path.read_bytes())) + b"more")
    fault = refused(path)
    assert fault.line_number == 3
    assert "not gzip, or corrupt" in fault.detail
