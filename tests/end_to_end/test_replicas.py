"""Services with several processes: orders go on whichever dies, and the books agree."""

import asyncio
import os
import secrets
import signal
import time
from collections.abc import Iterator

import aiohttp
import psutil
import pytest

from souk_topologies.places import DataDir
from tests.topology.client import ANONYMOUS, Client, guest_order
from tests.topology.running import Shop, data_dir, processes_of, souk

ORDERS = 48
PLACERS = 8
PASSING = {429, 503, 504}


@pytest.fixture(scope="module")
def wide_shop() -> Iterator[Shop]:
    """Two processes each of orders and of the gateway; payments serves in one and works in another."""
    replicas = ("--replicas", "orders=2", "--replicas", "gateway=2")
    with data_dir() as folder:
        shop = Shop(folder, "processes", *replicas, "--workers", "payments=1")
        shop.up()
        try:
            yield shop
            shop.audit()
        finally:
            shop.down()
            assert not processes_of(folder)


@pytest.fixture
def wide(wide_shop: Shop, session: aiohttp.ClientSession) -> Client:
    """Its administrator."""
    return Client(wide_shop.url, wide_shop.admin, session)


def pids(shop: Shop) -> dict[str, int]:
    """Its processes by name."""
    return DataDir(shop.folder).read_processes()


def callers(pid: int) -> int:
    """How many connections others have opened to a process."""
    try:
        connections = psutil.Process(pid).net_connections("tcp")
    except psutil.NoSuchProcess:
        return 0
    own = {each.laddr for each in connections if each.status == psutil.CONN_LISTEN}
    return sum(each.laddr in own for each in connections if each.status == psutil.CONN_ESTABLISHED)


async def place(shop: Client, body: dict[str, object]) -> None:
    """Place an order, with another try where an answer was lost: its id makes that safe."""
    deadline = time.monotonic() + 20
    while True:
        answer = await shop.ask("POST", "/orders", body, token=ANONYMOUS)
        if answer.status == 201:
            return
        assert answer.status in PASSING, answer
        assert time.monotonic() < deadline, answer
        await asyncio.sleep(0.02)


async def test_processes_that_share_the_work(wide_shop: Shop, wide: Client) -> None:
    """Each of two takes part; what is sold at once by both is never more than there is."""
    assert set(pids(wide_shop)) == {
        *("users", "products", "notifications", "payments", "payments-worker"),
        *(f"{name}-{number}" for name in ("orders", "gateway") for number in (1, 2)),
    }
    told = souk("status", at=wide_shop.folder)
    assert (told.status, "ready" in told.out) == (0, True), told
    lamp = await wide.new_product("1.00", ORDERS // 2)
    receipts = await asyncio.gather(*(wide.place(guest_order((lamp, 1)), token=ANONYMOUS) for _ in range(ORDERS)))
    orders = await asyncio.gather(*(wide.until(r["orderId"], "CONFIRMED", "REJECTED") for r in receipts))
    assert [order["status"] for order in orders].count("CONFIRMED") == ORDERS // 2
    assert await wide.stock(lamp) == 0
    # A connection goes to either with the same chance: that one of the two gets none of so many is no chance at all.
    for name in ("orders-1", "orders-2", "gateway-1", "gateway-2"):
        assert callers(pids(wide_shop)[name]), name


async def test_one_of_two_is_killed_while_orders_go_on(wide_shop: Shop, wide: Client) -> None:
    """The other serves on; the new one gets its share of the connections that were kept."""
    lamp = await wide.new_product("1.00", 100_000)
    await wide.confirmed(guest_order((lamp, 1)))  # its price is known to one of them at least
    before = pids(wide_shop)
    placed: list[str] = []
    ended = asyncio.Event()

    async def go_on() -> None:
        while not ended.is_set():
            order_id = f"o-{secrets.token_hex(6)}"
            await place(wide, guest_order((lamp, 1), id=order_id))
            placed.append(order_id)

    placers = [asyncio.create_task(go_on()) for _ in range(PLACERS)]
    os.kill(before["orders-1"], signal.SIGKILL)
    deadline = time.monotonic() + 30
    while pids(wide_shop)["orders-1"] == before["orders-1"] or not callers(pids(wide_shop)["orders-1"]):
        assert time.monotonic() < deadline, "nothing new, or nothing for it to do"
        assert not any(task.done() for task in placers)
        await asyncio.sleep(0.05)
    ended.set()
    await asyncio.gather(*placers)
    after = pids(wide_shop)
    assert {name for name in before if after[name] != before[name]} == {"orders-1"}
    assert len(placed) > PLACERS
    for order_id in placed:
        await wide.until(order_id, "CONFIRMED")
    assert await wide.stock(lamp) == 100_000 - 1 - len(placed)


async def test_a_shop_that_serves_and_does_not_work(session: aiohttp.ClientSession) -> None:
    """Orders are taken, and their events wait where they are kept."""
    with data_dir() as folder:
        shop = Shop(folder)
        shop.environment = {"SOUK_WORK": "off"}
        shop.up()
        try:
            client = Client(shop.url, shop.admin, session)
            lamp = await client.new_product("1.00", 10)
            receipts = [await client.place(guest_order((lamp, 1)), token=ANONYMOUS) for _ in range(3)]
            queues = souk("queues", at=folder).out
            assert "orders: 3 in the outbox" in queues, queues
            for receipt in receipts:
                await client.until(receipt["orderId"], "PENDING")
            assert await client.stock(lamp) == 10
        finally:
            shop.down()
