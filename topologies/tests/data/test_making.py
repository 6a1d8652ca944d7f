"""How goods, names and prices are chosen from a history."""

import gzip
from pathlib import Path

import pytest

from souk_topologies.data import CatalogueItem
from souk_topologies.data.making import NO_GOODS, catalogue_bytes, catalogue_of, main
from souk_topologies.replay import read_history

HEADER = "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country"


def history_file(folder: Path, *lines: tuple[str, int, str, str]) -> Path:
    """Write one order for each (code, quantity, price, customer)."""
    rows = [
        f"{number},{code},RED {code} LANTERN,{quantity},2010-12-01 08:26:00,{price},{customer},EIRE"
        for number, (code, quantity, price, customer) in enumerate(lines, 1)
    ]
    path = folder / "2010-12.csv"
    path.write_text("\n".join([HEADER, *rows]))
    return path


@pytest.mark.parametrize(
    ("lines", "price_minor"),
    [
        ([(2, "2.95", "1"), (12, "2.55", "1"), (12, "2.55", "2"), (1, "5.91", ""), (1, "5.91", "")], 295),
        ([(11, "5.91", ""), (12, "2.55", "1"), (12, "2.55", "1")], 591),
        ([(12, "2.55", "1"), (48, "2.10", ""), (48, "2.10", "")], 210),
        ([(1, "3.00", "1"), (1, "2.00", "1")], 200),
    ],
    ids=["small and known first", "then small", "then any", "the lower of two"],
)
def test_the_price_is_what_a_buyer_of_a_few_pays(
    lines: list[tuple[int, str, str]], price_minor: int, tmp_path: Path
) -> None:
    path = history_file(tmp_path, *[("85123A", *line) for line in lines])
    assert [item.price_minor for item in catalogue_of(read_history([path]))] == [price_minor]


def test_what_is_no_goods_is_left_out(tmp_path: Path) -> None:
    codes = [*sorted(NO_GOODS), "gift_0001_10", "85123a", "85123A", "84795b"]
    items = catalogue_of(read_history([history_file(tmp_path, *[(code, 1, "1.5", "1") for code in codes])]))
    assert items == (
        CatalogueItem("84795b", "Red 84795b lantern", 150),
        CatalogueItem("85123A", "Red 85123a lantern", 150),
    )


def test_the_same_months_give_the_same_bytes(tmp_path: Path) -> None:
    path = history_file(tmp_path, ("22423", 1, "12.75", "1"), ("21034", 1, "0.05", ""))
    first, second = tmp_path / "first.csv.gz", tmp_path / "second.csv.gz"
    main(first, [path])
    main(second, [path])
    assert first.read_bytes() == second.read_bytes() == catalogue_bytes(catalogue_of(read_history([path])))
    assert first.read_bytes()[4:8] == bytes(4), "no time in the gzip header"
    assert gzip.decompress(first.read_bytes()).decode().splitlines() == [
        "product_id,name,price",
        "21034,Red 21034 lantern,0.05",
        "22423,Red 22423 lantern,12.75",
    ]
