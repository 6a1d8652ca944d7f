"""Reads one file of a trade history into checked rows.

A row says what it is (README of the data set, "How a row is read"); what it is worth to an order is the reader's
matter. Every row must be well formed. Limits of quantity and price hold for order lines alone: nothing else is placed.
"""

import csv
import enum
import gzip
import re
import sys
import zlib
from collections.abc import Iterator
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import BinaryIO, cast

import msgspec

from souk_topologies.replay.history import HistoryError

COLUMNS = ("InvoiceNo", "StockCode", "Description", "Quantity", "InvoiceDate", "UnitPrice", "CustomerID", "Country")
MAX_QUANTITY = 1_000_000
MAX_AMOUNT_MINOR = 9_999_999_999
MAX_LINE_BYTES = 1 << 20
MAX_ID_LENGTH = 64

_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
# Eighteen digits keep int() quick, and far above every limit.
_QUANTITY = re.compile(r"-?[0-9]{1,18}")
_PRICE = re.compile(r"(-?)([0-9]{1,18})(?:\.([0-9]{1,18}))?")
_MOMENT = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2}")
_SHOWN_CHARACTERS = 60


class Kind(enum.Enum):
    """What a row means."""

    ORDER_LINE = enum.auto()
    SKIPPED = enum.auto()
    RETURN = enum.auto()
    OTHER = enum.auto()


class Row(msgspec.Struct, frozen=True, gc=False):
    """One well-formed row. `price_minor` is cut to whole pence: exact for an order line."""

    line_number: int
    kind: Kind
    invoice: str
    stock_code: str
    description: str
    quantity: int
    price_minor: int
    placed_at: str
    customer_id: str | None
    country: str


class _MalformedError(Exception):
    """A field that is not what its column holds; the caller adds the place."""


def read_rows(path: Path) -> Iterator[Row]:
    """Yield the rows of a `.csv` or `.csv.gz` file one by one.

    Raises:
        HistoryError: the file or a row of it is malformed.
    """
    with _opened(path) as stream:
        table = csv.reader(_text_lines(path, stream), strict=True)
        begins_at = 1
        try:
            _check_header(next(table, None))
            begins_at = table.line_num + 1
            for fields in table:
                yield _row(fields, table.line_num)
                begins_at = table.line_num + 1
        except _MalformedError as fault:
            raise HistoryError(path, table.line_num or None, str(fault)) from None
        except csv.Error as fault:
            raise HistoryError(path, table.line_num, f"not CSV: {fault} (the row begins at line {begins_at})") from None


def _opened(path: Path) -> BinaryIO:
    if path.is_dir():
        raise HistoryError(path, None, "is a directory")
    name = path.name.lower()
    try:
        if name.endswith(".csv.gz"):
            return cast("BinaryIO", gzip.open(path, "rb"))
        if name.endswith(".csv"):
            return path.open("rb")
    except OSError as fault:
        raise HistoryError(path, None, fault.strerror or str(fault)) from None
    raise HistoryError(path, None, "is neither .csv nor .csv.gz")


def _text_lines(path: Path, stream: BinaryIO) -> Iterator[str]:
    """Decode line by line, so that a fault can name its line; a text stream decodes in blocks."""
    number = 0
    encoding = "utf-8-sig"  # a spreadsheet may put a byte order mark first
    try:
        while raw := stream.readline(MAX_LINE_BYTES):
            number += 1
            if len(raw) == MAX_LINE_BYTES:
                raise HistoryError(path, number, f"the line is longer than {MAX_LINE_BYTES - 1} bytes")
            if b"\0" in raw:
                raise HistoryError(path, number, "the line has a NUL byte")
            yield raw.decode(encoding)
            encoding = "utf-8"
    except UnicodeDecodeError as fault:
        raise HistoryError(path, number, f"not UTF-8: byte {fault.object[fault.start]:#04x}") from None
    except EOFError:
        raise HistoryError(path, number + 1, "the gzip data is cut short") from None
    except (gzip.BadGzipFile, zlib.error) as fault:
        detail = f"not gzip, or corrupt: {fault}"
        raise HistoryError(path, number + 1 if number else None, detail) from None
    except OSError as fault:
        raise HistoryError(path, number + 1, fault.strerror or str(fault)) from None


def _check_header(header: list[str] | None) -> None:
    if header is None:
        raise _MalformedError("the file is empty")
    if tuple(header) == COLUMNS:
        return
    missing = [name for name in COLUMNS if name not in header]
    unknown = [name for name in header if name not in COLUMNS]
    if missing:
        raise _MalformedError(f"the header lacks {_shown(', '.join(missing))}")
    if unknown:
        raise _MalformedError(f"the header has unknown columns: {_shown(', '.join(unknown))}")
    raise _MalformedError(f"the header must be {','.join(COLUMNS)}")


def _row(fields: list[str], line_number: int) -> Row:
    if len(fields) != len(COLUMNS):
        raise _MalformedError(f"{len(fields)} fields instead of {len(COLUMNS)}")
    invoice, stock_code, description, quantity_text, placed_at, price_text, customer, country = fields
    _check_id(invoice, "InvoiceNo")
    _check_stock_code(stock_code)
    if customer:
        _check_id(customer, "CustomerID")
    quantity = _quantity(quantity_text)
    price_minor, places = _price(price_text)
    kind = _kind(invoice, quantity, price_minor)
    if kind is Kind.ORDER_LINE:
        _check_limits(quantity, price_minor, places, price_text)
    return Row(
        line_number=line_number,
        kind=kind,
        invoice=invoice,
        stock_code=stock_code,
        description=description,
        quantity=quantity,
        price_minor=price_minor,
        placed_at=_moment(placed_at),
        customer_id=sys.intern(customer) if customer else None,
        country=sys.intern(country),
    )


def _kind(invoice: str, quantity: int, price_minor: int) -> Kind:
    if invoice.isdigit():
        return Kind.ORDER_LINE if quantity > 0 and price_minor >= 1 else Kind.SKIPPED
    return Kind.RETURN if invoice.startswith("C") else Kind.OTHER


def _check_id(text: str, column: str) -> None:
    if not text.strip():
        raise _MalformedError(f"{column} is empty")
    if not _ID.fullmatch(text):
        raise _MalformedError(f"{column} {_shown(text)} is not fit as an id: 1 to {MAX_ID_LENGTH} of A-Za-z0-9._-")


def _check_stock_code(text: str) -> None:
    if not text.strip():
        raise _MalformedError("StockCode is empty")
    if len(text) > MAX_ID_LENGTH:
        raise _MalformedError(f"StockCode {_shown(text)} is longer than {MAX_ID_LENGTH} characters")


def _check_limits(quantity: int, price_minor: int, places: int, price_text: str) -> None:
    if quantity > MAX_QUANTITY:
        raise _MalformedError(f"Quantity {quantity} is above {MAX_QUANTITY}")
    if places > 2:
        raise _MalformedError(f"UnitPrice {_shown(price_text)} has more than two decimal places")
    if price_minor > MAX_AMOUNT_MINOR:
        raise _MalformedError(f"UnitPrice {_shown(price_text)} is above 99999999.99")


@lru_cache(maxsize=4096)
def _quantity(text: str) -> int:
    if not _QUANTITY.fullmatch(text):
        raise _MalformedError(f"Quantity {_shown(text)} is not a whole number")
    return int(text)


@lru_cache(maxsize=4096)
def _price(text: str) -> tuple[int, int]:
    """Answer the price cut to whole pence, and how many decimal places it was written with."""
    match = _PRICE.fullmatch(text)
    if not match:
        raise _MalformedError(f"UnitPrice {_shown(text)} is not a decimal number")
    sign, whole, decimals = match[1], match[2], match[3] or ""
    if sign and not (whole + decimals).strip("0"):
        raise _MalformedError(f"UnitPrice {_shown(text)} is a negative zero")
    minor = int(whole + decimals[:2].ljust(2, "0"))
    return (-minor if sign else minor), len(decimals)


@lru_cache(maxsize=4096)
def _moment(text: str) -> str:
    """Answer the text itself: one string for all the lines of an order."""
    try:
        if not _MOMENT.fullmatch(text):
            raise ValueError(text)
        # The form is checked above, and the data has no zone to keep.
        datetime.fromisoformat(text)
    except ValueError:
        raise _MalformedError(f"InvoiceDate {_shown(text)} is not a date and time like 2010-12-01 08:26:00") from None
    return text


def _shown(text: str) -> str:
    """Quote a piece of the file on one line and at bounded length."""
    return repr(text if len(text) <= _SHOWN_CHARACTERS else text[:_SHOWN_CHARACTERS] + "...")
