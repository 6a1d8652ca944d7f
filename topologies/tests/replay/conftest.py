"""Writes trade histories for the tests of the replay."""

import gzip
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

HEADER = "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country"

WriteHistory = Callable[..., Path]


@pytest.fixture
def write_history(tmp_path: Path) -> WriteHistory:
    """Write rows as they stand below a header; `.csv.gz` names are compressed."""

    def write(*rows: str, name: str = "2010-12.csv", header: str = HEADER) -> Path:
        path = tmp_path / name
        data = "".join(f"{row}\n" for row in (header, *rows)).encode()
        path.write_bytes(gzip.compress(data, mtime=0) if name.endswith(".gz") else data)
        return path

    return write


@pytest.fixture
def row() -> Callable[..., str]:
    """Make one row, an order line if nothing is said."""

    def make(
        invoice: str = "536365",
        code: str = "85123A",
        description: str = "WHITE HEART",
        quantity: str = "6",
        date: str = "2010-12-01 08:26:00",
        price: str = "2.55",
        customer: str = "17850",
        country: str = "United Kingdom",
    ) -> str:
        fields: Sequence[str] = (invoice, code, description, quantity, date, price, customer, country)
        return ",".join(fields)

    return make
