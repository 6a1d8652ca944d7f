"""The shipped catalogue and month are what their README says."""

import gzip
import re
from pathlib import Path

import souk_topologies.data as shipped
from souk_topologies.data import CatalogueItem, catalogue, sample_month_path
from souk_topologies.data.making import NO_GOODS, VOUCHER_PREFIX, catalogue_bytes
from souk_topologies.replay.reader import read_history

FOLDER = Path(shipped.__file__).parent


def test_well_known_goods() -> None:
    goods = {item.product_id: item for item in catalogue()}
    assert goods["85123A"] == CatalogueItem("85123A", "White hanging heart t-light holder", 295)
    assert goods["22423"] == CatalogueItem("22423", "Regency cakestand 3 tier", 1275)


def test_every_item_can_be_sold() -> None:
    items = catalogue()
    ids = [item.product_id for item in items]
    assert ids == sorted(set(ids))
    for item in items:
        assert re.fullmatch(r"[A-Za-z0-9._-]{1,64}", item.product_id)
        assert 1 <= item.price_minor <= 1_000_000
        assert item.name == item.name.strip() != ""
        assert not re.search(r"[A-Z]{4,}", item.name), "shouted"


def test_no_postage_fee_or_voucher_is_among_the_goods() -> None:
    for item in catalogue():
        assert item.product_id not in NO_GOODS
        assert not item.product_id.startswith(VOUCHER_PREFIX)
        assert not re.search(
            r"postage|voucher|\bfee\b|^manual$|bank charges|next day|packing|^samples?$", item.name, re.IGNORECASE
        )


def test_all_goods_of_the_shipped_month_are_there() -> None:
    goods = {item.product_id for item in catalogue()}
    left_out = {
        product.stock_code
        for product in read_history([sample_month_path()]).products.values()
        if product.product_id not in goods
    }
    typed_small = {code for code in left_out if code != code.upper() and code.upper() in goods}
    assert left_out - typed_small == {
        "AMAZONFEE", "BANK CHARGES", "C2", "DOT", "M", "POST", "gift_0001_40", "gift_0001_50", "m",
    }  # fmt: skip


def test_the_shipped_file_is_what_the_maker_writes() -> None:
    data = (FOLDER / "catalogue.csv.gz").read_bytes()
    assert data[4:8] == bytes(4), "the time in the gzip header is zero"
    assert gzip.decompress(data) == gzip.decompress(catalogue_bytes(catalogue()))


def test_the_readme_names_source_licence_and_number() -> None:
    readme = (FOLDER / "README.md").read_text()
    assert "https://doi.org/10.24432/C5BW33" in readme
    assert "CC BY 4.0" in readme
    assert f"{len(catalogue()):,} goods" in readme
    for code in NO_GOODS:
        assert f"`{code}`" in readme
