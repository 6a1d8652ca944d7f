"""`souk cost` as it is typed."""

import json
import re
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import NamedTuple

import pytest

from souk_chassis.testing.clock import ManualClock
from souk_topologies.cli import costing
from souk_topologies.cli.main import main

DOCS = Path(__file__).parents[3] / "docs"


class Told(NamedTuple):
    status: int
    out: str
    err: str


Souk = Callable[..., Told]


@pytest.fixture
def souk(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Souk:
    """Runs `souk cost` on the day after the prices' date, unless told another day."""

    def run(*args: str, today: datetime = datetime(2026, 11, 24, tzinfo=UTC)) -> Told:
        monkeypatch.setattr(costing, "SystemClock", lambda: ManualClock(today))
        monkeypatch.setattr(sys, "argv", ["souk", "cost", *args])
        status = 0
        try:
            main()
        except SystemExit as ended:
            status = int(ended.code or 0)
        captured = capsys.readouterr()
        return Told(status, captured.out, captured.err)

    return run


def test_a_million_orders(souk: Souk) -> None:
    told = souk("--orders-per-month", "1000000")
    assert (told.status, told.err) == (0, "")
    assert re.findall(r"^(lambda|ecs|eks) ", told.out, re.MULTILINE) == ["lambda", "ecs", "eks"]
    assert "as of 2026-11-23" in told.out
    assert re.search(r"^  DynamoDB: writes +[\d,]+ WRU +0\.625 per million +[\d.]+$", told.out, re.MULTILINE)
    assert souk().out == told.out


def test_the_how_to_shows_what_the_command_says(souk: Souk) -> None:
    """Its figures are within a tenth, or a dollar: another queue or another step is no reason to write it anew."""
    page = (DOCS / "how-to/estimate-the-cost.md").read_text("utf-8")
    runs = re.findall(r"```console\n\$ souk cost (--topology lambda.*?)\n(.*?)```", page, re.DOTALL)
    assert [given for given, _ in runs] == ["--topology lambda", "--topology lambda --orders-per-month 0"]
    for given, shown in runs:
        said = amounts(souk(*given.split()).out)
        assert amounts(shown) == {part: pytest.approx(said[part], rel=0.1, abs=1) for part in amounts(shown)}
    for each in json.loads(souk("--json").out)["estimates"]:
        shown = re.search(rf"^\| {each['topology']} \| (.*) \| (.*) \| (.*) \|$", page, re.MULTILINE)
        assert shown
        names = ("idle_usd", "usd", "per_thousand_orders_usd")
        assert [float(figure) for figure in shown.groups()] == pytest.approx([float(each[n]) for n in names], rel=0.1)


def amounts(text: str) -> dict[str, float]:
    """The last column, by the first."""
    return {
        part: float(usd.replace(",", "")) for part, usd in re.findall(r"^  (.+?)  .* ([\d.,]+)$", text, re.MULTILINE)
    }


def test_json(souk: Souk) -> None:
    told = souk("--orders-per-month", "1000000", "--topology", "lambda", "--json")
    found = json.loads(told.out)
    [made] = found["estimates"]
    assert (found["region"], found["currency"], found["prices_as_of"]) == ("us-east-1", "USD", "2026-11-23")
    assert found["load"]["orders_per_month"] == "1000000"
    assert sum(Decimal(part["usd"]) for part in made["parts"]) == pytest.approx(
        Decimal(made["usd"]), abs=Decimal("0.15")
    )
    assert {part["source"] for part in made["parts"]} <= found["sources"].keys()
    assert all(each["unit"] and each["reason"] for each in found["assumptions"])
    writes = next(part for part in made["parts"] if part["part"] == "DynamoDB: writes")
    assert (writes["unit"], writes["per"]) == ("WRU", 1_000_000)
    assert Decimal(writes["usd"]) == round(Decimal(writes["quantity"]) * Decimal("0.625") / 1_000_000, 2)
    assert writes["tiers"] == [{"usd": "0.625", "up_to": None}]


def test_orders_a_second_are_orders_a_month(souk: Souk) -> None:
    by_second = souk("--orders-per-second", "100", "--json").out
    assert json.loads(by_second)["load"]["orders_per_month"] == "262800000"
    assert by_second == souk("--orders-per-month", "262800000", "--json").out


def test_an_idle_shop(souk: Souk) -> None:
    told = souk("--orders-per-month", "0", "--topology", "lambda", "--json")
    [made] = json.loads(told.out)["estimates"]
    assert made["usd"] == made["idle_usd"]
    assert made["per_thousand_orders_usd"] is None
    assert "per 1,000 orders" not in souk("--orders-per-month", "0").out


def test_more_than_the_databases_can_be_parted_into(souk: Souk) -> None:
    told = souk("--orders-per-second", "20000", "--topology", "ecs")
    assert told.status == 0
    assert re.search(r"note: \d+ database instances are needed, and Souk has \d+ databases", told.out)


def test_old_prices_are_warned_of(souk: Souk) -> None:
    later = datetime(2027, 11, 24, tzinfo=UTC)
    told = souk("--topology", "lambda", today=later)
    assert (told.status, told.err.count("\n")) == (0, 1)
    assert told.err.startswith("souk: the prices are of 2026-11-23")
    assert json.loads(souk("--json", today=later).out)["warnings"]


def test_assumptions_are_printed_and_taken(souk: Souk, tmp_path: Path) -> None:
    mine = tmp_path / "mine.toml"
    mine.write_text(souk("--assumptions").out.replace("zones = 2", "zones = 3"), "utf-8")
    found = json.loads(souk("--assume", str(mine), "--json").out)
    assert next(each["value"] for each in found["assumptions"] if each["name"] == "zones") == "3"


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["--orders-per-month", "many"], "is not a number"),
        (["--orders-per-month", "-1"], "-1"),
        (["--orders-per-month", "NaN"], "NaN"),
        (["--orders-per-month", "1e999999999"], "1e999999999"),
        (["--orders-per-month", "1", "--orders-per-second", "1"], "not both"),
        (["--orders-per-second", "100000"], "100,000,000,000"),
        (["--lines", "0"], "lines"),
        (["--lines", "2001"], "2001"),
        (["--reads-per-order", "-1"], "reads-per-order"),
        (["--peak", "0.9"], "0.9"),
        (["--region", "mars"], "no prices for mars, only for us-east-1"),
        (["--topology", "moon"], "moon"),
        (["--prices", "nothing.toml"], "nothing.toml can't be read"),
        (["--assume", "nothing.toml"], "nothing.toml can't be read"),
        (["--assume", str(Path(__file__))], "TOML"),
    ],
)
def test_used_wrongly(souk: Souk, args: list[str], said: str) -> None:
    told = souk(*args)
    assert (told.status, told.out) == (2, "")
    assert told.err.startswith("souk: ")
    assert told.err.count("\n") == 1
    assert said in told.err
