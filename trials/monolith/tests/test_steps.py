"""The three steps of docs/how-to/decompose-a-monolith.md: with the real command, over HTTP, on a real PostgreSQL."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import pytest

from souk_chassis.hosts.listening import free_port
from tests.topology.client import ANONYMOUS, Client
from tests.topology.running import Shop, running_shop

CHECKOUT = Path(__file__).resolve().parents[3]
APP = "trials.monolith.app:app"


@pytest.fixture
def database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The monolith's own, which it also has where it is mounted."""
    monkeypatch.setenv("CORNER_DB", str(tmp_path / "corner.db"))
    monkeypatch.setenv("PYTHONPATH", str(CHECKOUT))
    return tmp_path / "corner.db"


@dataclass
class Monolith:
    url: str
    process: "subprocess.Popen[bytes]"


@pytest.fixture
def monolith(database: Path) -> Iterator[Monolith]:
    """It runs as it always did."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        command = [sys.executable, "-m", "uvicorn", APP, "--fd", str(listener.fileno()), "--log-level", "error"]
        process = subprocess.Popen(command, pass_fds=[listener.fileno()], cwd=CHECKOUT, env=dict(os.environ))
    try:
        _until_it_answers(port)
        yield Monolith(f"http://127.0.0.1:{port}", process)
    finally:
        process.terminate()
        process.wait(timeout=10)


def _until_it_answers(port: int) -> None:
    deadline = time.monotonic() + 20
    while True:
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
                connection.sendall(b"GET /products HTTP/1.0\r\n\r\n")
                if connection.recv(12).startswith(b"HTTP/1.1 200"):
                    return
        except OSError:
            assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=30)) as connections:
        yield connections


def client(shop: Shop, session: aiohttp.ClientSession) -> Client:
    return Client(shop.url, shop.admin, session)


TEA = {"email": "ada@example.org", "lines": [{"sku": "tea", "qty": 2}, {"sku": "cup", "qty": 1}]}


async def test_step_1_everything_goes_through_the_gateway(monolith: Monolith, session: aiohttp.ClientSession) -> None:
    with running_shop(environment={"SOUK_LEGACY_URL": monolith.url, "SOUK_TAKEN_OVER": "none"}) as shop:
        souk = client(shop, session)
        assert b"<h1>Corner shop</h1>" in (await souk.ask("GET", "/")).body
        assert [each["sku"] for each in (await souk.ask("GET", "/products")).expect(200)] == ["cup", "pot", "tea"]
        placed = await souk.ask("POST", "/orders", TEA)
        assert placed.expect(201) == {"order": 1}
        assert (await souk.ask("GET", placed.headers["location"])).expect(200)["lines"][0]["qty"] == 2
        assert (await souk.ask("POST", "/users", {})).status == 404  # its own answer: it has no such route
        assert (await souk.ask("GET", "/health")).expect(200) == {"status": "ok"}
        paths = (await souk.ask("GET", "/openapi.json")).expect(200)["paths"]
        assert not {"/orders", "/products", "/users"} & paths.keys()
        monolith.process.kill()
        monolith.process.wait()
        (await souk.ask("GET", "/products")).problem(503, "legacy_unavailable")
        ready = (await souk.ask("GET", "/ready")).expect(200)
        assert (ready["status"], ready["degraded"]) == ("ready", {"legacy": "it can't be reached"})


async def test_step_2_it_is_mounted_and_accounts_are_taken_over(
    database: Path, session: aiohttp.ClientSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    port = free_port()
    monkeypatch.setenv("CORNER_SOUK_URL", f"http://127.0.0.1:{port}")
    settings = {"SOUK_APPS": f"/={APP}", "SOUK_TAKEN_OVER": "/users,/sessions"}
    with running_shop("process", "--port", str(port), environment=settings) as shop:
        souk = client(shop, session)
        assert b"<h1>Corner shop</h1>" in (await souk.ask("GET", "/")).body
        assert (await souk.ask("POST", "/orders", TEA)).expect(201) == {"order": 1}
        ada = await souk.new_customer()  # Souk's account and session
        known = await souk.ask("GET", "/account", token=ada.token)  # and the monolith knows whose it is
        assert known.expect(200) == {"user": ada.user_id, "points": 10}
        assert (await souk.ask("GET", "/account", token=ada.token[:-4])).status == 401
        broken = await souk.ask("POST", "/orders", {"lines": []}, token=ANONYMOUS)
        broken.problem(500, "internal")  # what it does not foresee is told as every failure is


async def test_step_3_products_and_orders_move_and_reports_ask_for_them(
    database: Path, session: aiohttp.ClientSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    from trials.monolith.app import place

    monkeypatch.setitem(TEA, "email", "grace@example.org")
    assert [place(TEA).status_code for _ in range(3)] == [201] * 3
    port = free_port()
    settings = {"SOUK_APPS": f"/={APP}", "SOUK_TAKEN_OVER": "/users,/sessions,/products,/orders,/mails"}
    options = ("--port", str(port), "--topology", "processes")
    with running_shop("processes", *options, environment=settings) as shop:
        souk = client(shop, session)
        before = (await souk.ask("GET", "/reports/sales")).expect(200)
        assert before == {"orders": 3, "pence": 3 * (2 * 350 + 1200)}
        for _ in range(2):  # run again it repeats nothing
            told = move(shop)
            assert told.stdout.strip() == "moved 3 products, 3 orders", told.stderr
        assert await souk.stock("tea") == 94
        order = (await souk.ask("GET", "/orders/corner-1")).expect(200)
        assert (order["status"], order["total"]) == ("CONFIRMED", "19.00")
        shop.down()
        monkeypatch.setenv("CORNER_SOUK_URL", shop.url)
        monkeypatch.setenv("CORNER_SOUK_TOKEN", shop.admin)
        shop.up()  # the monolith asks Souk from now on
        assert (await souk.ask("GET", "/reports/sales")).expect(200) == before
        await souk.confirmed({"email": "ada@example.org", "items": [{"productId": "pot", "quantity": 1}]})
        assert (await souk.ask("GET", "/reports/sales")).expect(200) == {"orders": 4, "pence": before["pence"] + 2450}
        assert b"Teapot: 24.50" in (await souk.ask("GET", "/")).body


def move(shop: Shop) -> "subprocess.CompletedProcess[str]":
    environment = {**os.environ, "SOUK_URL": shop.url, "SOUK_TOKEN": shop.admin}
    command = [sys.executable, "-m", "trials.monolith.move"]
    return subprocess.run(command, cwd=CHECKOUT, env=environment, capture_output=True, text=True, check=False)
