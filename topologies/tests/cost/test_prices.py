"""The shipped file of prices is whole and without leftovers; a file that is not is refused with a sentence."""

from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from souk_topologies.cost import TOPOLOGIES, Assumptions, CostError, Load, PriceList, estimate, read_prices
from souk_topologies.cost.database import INSTANCES

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
    plain = Assumptions()
    variants = [
        plain,
        replace(plain, api="rest"),
        replace(plain, events_on_sns=True),
        replace(plain, nat_gateways=Decimal(0), interface_endpoints=Decimal(1)),
    ]
    used = {
        part.price.name
        for assumed in variants
        for topology in TOPOLOGIES
        for part in estimate(topology, Load(Decimal(1_000_000)), prices, assumed).parts
    }
    assert used | {instance.price for instance in INSTANCES} == prices.prices.keys()


def test_every_source_is_used_and_none_is_from_after_the_file(prices: PriceList) -> None:
    assert {price.source for price in prices.prices.values()} == prices.sources.keys()
    assert prices.oldest_source < prices.as_of.isoformat()
    for name, source in prices.sources.items():
        assert source.page.startswith("https://aws.amazon.com/"), name
        assert source.dated == "undated" or date.fromisoformat(source.dated) <= prices.as_of, name


def test_the_file_bears_its_date_in_its_name(prices: PriceList) -> None:
    here = Path(__file__).parents[2] / "src/souk_topologies/cost"
    assert max(path.name for path in here.glob("prices-*")) == f"prices-{prices.as_of}.toml"


def test_a_price_list_older_than_a_year_warns(prices: PriceList) -> None:
    assert prices.warnings(prices.as_of + timedelta(days=365)) == []
    [warning] = prices.warnings(prices.as_of + timedelta(days=366))
    assert str(prices.as_of) in warning


def test_a_file_of_ones_own(write: Callable[..., Path]) -> None:
    price = read_prices("us-east-1", write())["thing"]
    assert (price.unit, price.cost(Decimal(23_200_000))) == ("requests", Decimal("4.64"))


def test_tiers(write: Callable[..., Path]) -> None:
    tiers = 'tiers = [{ up_to = 10, usd = "3" }, { up_to = 20, usd = "2" }, { usd = 0.5 }]\nunit = "x"\nsource = "page"'
    price = read_prices("us-east-1", write(tiers))["thing"]
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
        estimate("ecs", Load(Decimal(1)), read_prices("us-east-1", write()), Assumptions())
