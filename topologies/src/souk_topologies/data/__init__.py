"""A real shop's goods and one month of its orders, shipped so that a fresh Souk has something to sell and to replay.

Source and licence (CC BY 4.0) stand in the README.md beside this file.
"""

import csv
import gzip
from pathlib import Path

import msgspec

CATALOGUE_COLUMNS = ("product_id", "name", "price")

_HERE = Path(__file__).parent


class CatalogueItem(msgspec.Struct, frozen=True, gc=False):
    """Something for sale. `price_minor` is in pence (GBP)."""

    product_id: str
    name: str
    price_minor: int


def catalogue() -> tuple[CatalogueItem, ...]:
    """Read the shipped goods, in the order of their ids. Services and charges (postage, fees) are not among them."""
    with gzip.open(_HERE / "catalogue.csv.gz", "rt", encoding="utf-8", newline="") as stream:
        table = csv.reader(stream, strict=True)
        next(table)
        # Written with two places by the maker, so that the digits alone are pence.
        return tuple(CatalogueItem(product_id, name, int(price.replace(".", ""))) for product_id, name, price in table)


def sample_month_path() -> Path:
    """Answer where the shipped month (December 2010, 1,559 orders) lies, for `read_history`."""
    return _HERE / "2010-12.csv.gz"
