"""Makes `catalogue.csv.gz` from a trade history: `python -m souk_topologies.data.making catalogue.csv.gz MONTH...`.

It ships so that anyone can see, and repeat, what was done to the data.
"""

import csv
import gzip
import io
import sys
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path

from souk_topologies.data import CATALOGUE_COLUMNS, CatalogueItem
from souk_topologies.data.naming import readable_name
from souk_topologies.replay.history import History, Product
from souk_topologies.replay.reader import read_history

# Postage, carriage, packing, discounts, samples, hand-made entries, fees, bad debt, commission, a voucher.
NO_GOODS = frozenset(
    ["POST", "DOT", "C2", "23444", "23574", "D", "S", "M", "m", "AMAZONFEE", "B", "CRUK", "22016", "BANK CHARGES"]
)
VOUCHER_PREFIX = "gift_"
# A dozen and more is where this wholesaler's lower prices begin.
SMALL_QUANTITY_BELOW = 12


def catalogue_of(history: History) -> tuple[CatalogueItem, ...]:
    """Choose the goods of a history, name and price them, in the order of their ids."""
    prices = _customer_prices(history)
    codes = {product.stock_code for product in history.products.values()}
    items = [
        CatalogueItem(product.product_id, readable_name(product.name), prices[product.product_id])
        for product in history.products.values()
        if _is_goods(product) and not _is_case_twin(product, codes)
    ]
    return tuple(sorted(items, key=lambda item: item.product_id))


def _is_goods(product: Product) -> bool:
    return product.stock_code not in NO_GOODS and not product.stock_code.startswith(VOUCHER_PREFIX)


def _is_case_twin(product: Product, codes: set[str]) -> bool:
    """Tell whether the code is another one typed in small letters (`85123a`): the same thing on the shelf."""
    upper = product.stock_code.upper()
    return upper != product.stock_code and upper in codes


def _customer_prices(history: History) -> dict[str, int]:
    """Answer the most common price (pence) of each product, small quantities to known customers going first.

    Guests here are the retailer's web orders, at about twice the price. Where a product was never sold so, small
    quantities to anyone count, then every line. Of two prices equally common the lower is taken.
    """
    tallies: dict[str, tuple[Counter[int], Counter[int], Counter[int]]] = defaultdict(
        lambda: (Counter(), Counter(), Counter())
    )
    for product_id, price_minor, small, known in _sales(history):
        to_known, to_anyone, every = tallies[product_id]
        every[price_minor] += 1
        if small:
            to_anyone[price_minor] += 1
        if small and known:
            to_known[price_minor] += 1
    return {product_id: _commonest(next(filter(None, tally))) for product_id, tally in tallies.items()}


def _sales(history: History) -> Iterator[tuple[str, int, bool, bool]]:
    for order in history.orders:
        for line in order.lines:
            small = line.quantity < SMALL_QUANTITY_BELOW
            yield line.product_id, line.unit_price_minor, small, order.customer_id is not None


def _commonest(tally: Counter[int]) -> int:
    return min(tally, key=lambda price_minor: (-tally[price_minor], price_minor))


def catalogue_bytes(items: tuple[CatalogueItem, ...]) -> bytes:
    """Write items as gzip'd CSV: the same items give the same bytes, whenever it is done."""
    table = io.StringIO()
    writer = csv.writer(table, lineterminator="\n")
    writer.writerow(CATALOGUE_COLUMNS)
    writer.writerows(
        (item.product_id, item.name, f"{item.price_minor // 100}.{item.price_minor % 100:02d}") for item in items
    )
    return gzip.compress(table.getvalue().encode(), compresslevel=9, mtime=0)


def main(target: Path, months: list[Path]) -> None:
    """Write the catalogue of some months.

    Raises:
        HistoryError: a month cannot be read.
    """
    target.write_bytes(catalogue_bytes(catalogue_of(read_history(months))))


if __name__ == "__main__":
    main(Path(sys.argv[1]), [Path(name) for name in sys.argv[2:]])
