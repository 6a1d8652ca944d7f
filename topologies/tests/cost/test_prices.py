"""The shipped file of prices is whole and without leftovers; a file that is not is refused with a sentence."""

from collections.abc import Callable
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from souk_topologies.cli.costing import oldest_source
from souk_topologies.cost.data import CostError, PriceList, read_assumptions, read_prices
from souk_topologies.cost.estimate import TOPOLOGIES, estimate
from topologies.tests.cost.conftest import MILLION, SHOP, assume

FILE = """
as_of = {as_of}
currency = "USD"

[sources.page]
page = "https://example.org/pricing"
read = "https://example.org/read"
dated = "2026-01-02"

[regions.us-east-1.thing]
{price}
"""
GOOD = 'usd = "0.20"\nper = 1_000_000\nunit = "requests"\nsource = "page"'


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    def to_file(price: str = GOOD, as_of: str = "2026-11-23") -> Path:
        path = tmp_path / "prices.toml"
        path.write_text(FILE.format(as_of=as_of, price=price), "utf-8")
        return path

    return to_file


def test_every_price_is_used_and_every_price_used_is_there(prices: PriceList) -> None:
    variants = [{}, {"api": "rest"}, {"events_on_sns": True}, {"nat_gateways": 0, "interface_endpoints": 1}]
    used = {
        part.price
        for changed in variants
        for topology in TOPOLOGIES
        for part in estimate(topology, MILLION, SHOP, prices.regions["us-east-1"], assume(**changed)).parts
    }
    databases = {f"rds_{name}_hour" for name in read_assumptions()["database_vcpu"].value}
    assert used | databases == prices.regions["us-east-1"].keys()
    assert read_assumptions()["database_lasting_vcpu"].value.keys() == read_assumptions()["database_vcpu"].value.keys()


def test_every_source_is_used_and_none_is_from_after_the_file(prices: PriceList) -> None:
    assert {price.source for price in prices.regions["us-east-1"].values()} == prices.sources.keys()
    assert oldest_source(prices) < prices.as_of.isoformat()
    for name, source in prices.sources.items():
        assert source["page"].startswith("https://aws.amazon.com/"), name
        assert source["read"].startswith("https://"), name
        assert source["dated"] == "undated" or date.fromisoformat(source["dated"]) <= prices.as_of, name


def test_a_file_of_ones_own(write: Callable[..., Path]) -> None:
    price = read_prices("us-east-1", write()).regions["us-east-1"]["thing"]
    assert (price.unit, price.cost(Decimal(23_200_000))) == ("requests", Decimal("4.64"))


def test_tiers(write: Callable[..., Path]) -> None:
    tiers = 'tiers = [{ up_to = 10, usd = "3" }, { up_to = 20, usd = "2" }, { usd = 0.5 }]\nunit = "x"\nsource = "page"'
    price = read_prices("us-east-1", write(tiers)).regions["us-east-1"]["thing"]
    assert [price.cost(Decimal(n)) for n in (0, 10, 15, 20, 22)] == [0, 30, 40, 50, 51]


@pytest.mark.parametrize(
    ("price", "said"),
    [
        (GOOD.replace('source = "page"', ""), "source"),
        (GOOD.replace('unit = "requests"', ""), "unit"),
        (GOOD.replace('unit = "requests"', 'unit = ""'), "length"),
        (GOOD.replace('"page"', '"hearsay"'), "hearsay"),
        (GOOD.replace("0.20", "-0.20"), "can't be"),
        (GOOD.replace("0.20", "NaN"), "can't be"),
        (GOOD.replace("1_000_000", "0"), "per"),
        (GOOD + "\ncolour = 1", "colour"),
        (GOOD + '\ntiers = [{ usd = "1" }]', "either"),
        (GOOD.replace('usd = "0.20"', ""), "either"),
        (GOOD.replace('usd = "0.20"', 'tiers = [{ usd = "1", up_to = 5 }]'), "ascend"),
        (
            GOOD.replace('usd = "0.20"', 'tiers = [{ usd = "1", up_to = 5 }, { usd = "1", up_to = 4 }, { usd = "1" }]'),
            "asc",
        ),
        (GOOD.replace('usd = "0.20"', 'tiers = [{ usd = "1" }, { usd = "1" }]'), "ascend"),
        ("= 3", "TOML"),
    ],
)
def test_a_wrong_file_is_refused(price: str, said: str, write: Callable[..., Path]) -> None:
    with pytest.raises(CostError, match=said):
        read_prices("us-east-1", write(price))


def test_what_else_is_refused(write: Callable[..., Path], tmp_path: Path) -> None:
    with pytest.raises(CostError, match="no prices for eu-west-1, only for us-east-1"):
        read_prices("eu-west-1", write())
    with pytest.raises(CostError, match="as_of"):
        read_prices("us-east-1", write(as_of="3"))
    with pytest.raises(CostError, match="can't be read"):
        read_prices("us-east-1", tmp_path / "nothing.toml")
    with pytest.raises(CostError, match="can't be read"):
        read_prices("us-east-1", tmp_path)
    (tmp_path / "binary").write_bytes(b"\xff\xfe")
    with pytest.raises(CostError, match="TOML"):
        read_prices("us-east-1", tmp_path / "binary")
    (tmp_path / "large").write_bytes(b"#" * 1_048_577)
    with pytest.raises(CostError, match="larger"):
        read_prices("us-east-1", tmp_path / "large")
    with pytest.raises(CostError, match="no fargate_vcpu_hour"):
        estimate("ecs", MILLION, SHOP, read_prices("us-east-1", write()).regions["us-east-1"], assume())
