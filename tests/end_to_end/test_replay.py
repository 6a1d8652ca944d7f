"""`souk replay` of the month that Souk ships: a real shop's orders, to the penny."""

import asyncio
import gzip
import json
import signal
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import aiohttp
import pytest

from souk_topologies.data import sample_month_path
from tests.end_to_end.conftest import Replayed, replay_month
from tests.topology.client import Client
from tests.topology.running import SOUK, Shop, clean_environment, data_dir, souk

MONTH = {
    "orders": 1559,
    "order_lines": 41480,
    "units": 359239,
    "amount": "823746.14",
    "returns": 326,
    "skipped_lines": 273,
    "other_invoices": 0,
}
"""The figures of December 2010, from the data set's README."""
FEW = 200


@dataclass(frozen=True)
class Interrupted:
    """A shop of little stock, whose replay was stopped in the middle and went on."""

    shop: Shop
    status: int
    err: str
    placed: int
    result: dict[str, Any]


@pytest.fixture(scope="session")
def scarce_shop() -> Iterator[Interrupted]:
    """The month with 200 units of each product, interrupted by Ctrl-C."""
    with data_dir() as folder:
        shop = Shop(folder)
        shop.environment["SOUK_MAX_OPEN_ORDERS"] = "100"  # slow enough to be stopped in the middle
        shop.up()
        try:
            status, err = interrupt_replay(shop)
            placed = len(order_ids(shop))
            again = replay_month(folder, "--stock", str(FEW))
            assert again.status == 0, again.err
            yield Interrupted(shop, status, err, placed, json.loads(again.out.splitlines()[-1]))
        finally:
            shop.down()


def interrupt_replay(shop: Shop) -> tuple[int, str]:
    """Start the replay, and press Ctrl-C as soon as orders are there. Returns its status and its stderr."""
    command = [str(SOUK), "replay", "--json", "--stock", str(FEW), "--data-dir", str(shop.folder)]
    with subprocess.Popen(
        [*command, str(sample_month_path())],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=clean_environment(),
        text=True,
        # Where the tests run in the background of a shell, Ctrl-C is ignored, and so it would be there.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    ) as running:
        deadline = time.monotonic() + 60
        while not order_ids(shop, 1):
            assert running.poll() is None, running.communicate()
            assert time.monotonic() < deadline
            time.sleep(0.02)
        running.send_signal(signal.SIGINT)
        _, err = running.communicate(timeout=30)
    return running.returncode, err


def order_ids(shop: Shop, limit: int = 5_000) -> list[str]:
    """The orders that the shop has."""
    request = Request(f"{shop.url}/books/orders?limit={limit}", headers={"authorization": f"Bearer {shop.admin}"})
    with urlopen(request, timeout=30) as answer:
        return [book["orderId"] for book in json.load(answer)["items"]]


def test_every_figure_to_the_penny(busy_shop: Replayed) -> None:
    assert busy_shop.said.status == 0, busy_shop.said.err
    result = busy_shop.result
    assert {name: result[name] for name in MONTH} == MONTH
    assert (result["confirmed"], result["rejected"], result["cancelled"]) == (1559, 0, 0)
    assert result["confirmed_amount"] == MONTH["amount"]
    assert set(result) == {*MONTH, "confirmed", "rejected", "cancelled", "confirmed_amount", "seconds"}
    assert "100%" in busy_shop.said.err or "1559/1559" in busy_shop.said.err


async def test_run_again_it_repeats_nothing(busy_shop: Replayed) -> None:
    before = await busy_shop.shop.row_counts()
    again = replay_month(busy_shop.shop.folder)
    assert again.status == 0, again.err
    assert json.loads(again.out.splitlines()[-1]) | {"seconds": 0} == busy_shop.result | {"seconds": 0}
    assert await busy_shop.shop.row_counts() == before


def test_the_books_agree(busy_shop: Replayed, scarce_shop: Interrupted) -> None:
    busy_shop.shop.audit()
    scarce_shop.shop.audit()


async def test_an_order_is_as_the_history_tells(busy: Client) -> None:
    order = (await busy.ask("GET", "/orders/536365")).expect(200)
    assert (order["customerId"], order["total"], order["status"]) == ("17850", "139.12", "CONFIRMED")
    assert [(line["productId"], line["quantity"], line["unitPrice"]) for line in order["items"]][:2] == [
        ("85123A", 6, "2.55"),
        ("71053", 6, "3.39"),
    ]


def test_ctrl_c_stops_it_in_the_middle_and_it_goes_on(scarce_shop: Interrupted) -> None:
    assert scarce_shop.status in {1, 130}, scarce_shop.err
    assert scarce_shop.err.rstrip().splitlines()[-1].startswith("souk: interrupted"), scarce_shop.err[-500:]
    assert "Traceback" not in scarce_shop.err
    assert 0 < scarce_shop.placed < MONTH["orders"]  # type: ignore[operator] # the number of orders is a number
    assert {name: scarce_shop.result[name] for name in MONTH} == MONTH
    assert sorted(order_ids(scarce_shop.shop)) == sorted(set(order_ids(scarce_shop.shop)))
    assert len(order_ids(scarce_shop.shop)) == MONTH["orders"]


async def test_little_stock_rejects_many_each_for_named_items(
    scarce_shop: Interrupted, session: aiohttp.ClientSession
) -> None:
    shop = Client(scarce_shop.shop.url, scarce_shop.shop.admin, session)
    result = scarce_shop.result
    rejected = await shop.items("/orders", {"status": "REJECTED", "limit": "200"})
    confirmed = await shop.items("/orders", {"status": "CONFIRMED", "limit": "200"})
    assert (len(rejected), len(confirmed)) == (result["rejected"], result["confirmed"])
    assert result["rejected"] > 200
    assert result["rejected"] + result["confirmed"] == MONTH["orders"]
    pennies = sum(int(order["total"].replace(".", "")) for order in confirmed)
    assert pennies == int(result["confirmed_amount"].replace(".", ""))
    for summaries in (rejected[start : start + 32] for start in range(0, len(rejected), 32)):
        orders = await asyncio.gather(*(shop.ask("GET", f"/orders/{each['orderId']}") for each in summaries))
        for order in orders:
            assert_short(order.expect(200))


def assert_short(order: dict[str, Any]) -> None:
    """A rejected order names products of its own, of which it wanted more than there was."""
    assert order["shortItems"], order
    for short in order["shortItems"]:
        wanted = sum(line["quantity"] for line in order["items"] if line["productId"] == short["productId"])
        assert short["requested"] == wanted
        assert 0 <= short["available"] < wanted


async def test_nothing_was_sold_beyond_its_stock(scarce_shop: Interrupted, session: aiohttp.ClientSession) -> None:
    shop = Client(scarce_shop.shop.url, scarce_shop.shop.admin, session)
    books = await shop.items("/books/stock")
    assert len(books) > 2_000
    assert all(book["start"] == FEW and 0 <= book["now"] <= FEW for book in books)
    assert all(book["now"] == FEW - book["sold"] for book in books)
    held = sum(book["units"] for book in await shop.items("/books/reservations"))
    assert sum(book["sold"] for book in books) == held


async def test_a_malformed_file_is_refused_before_anything_is_placed(quiet_shop: Shop, tmp_path: Path) -> None:
    before = await quiet_shop.row_counts()
    rows = gzip.decompress(sample_month_path().read_bytes()).decode().splitlines(keepends=True)
    rows[40_000] = rows[40_000].replace(",", ";")
    month = tmp_path / "month.csv"
    month.write_text("".join(rows), newline="")
    refused = souk("replay", "--json", str(month), at=quiet_shop.folder)
    assert (refused.status, refused.out) == (2, ""), refused
    assert refused.err.startswith("souk: ")
    assert refused.err.count("\n") == 1
    assert f"{month}:40001: " in refused.err
    missing = souk("replay", str(tmp_path / "nothing.csv"), at=quiet_shop.folder)
    assert (missing.status, missing.err.count("\n")) == (2, 1), missing
    assert await quiet_shop.row_counts() == before
