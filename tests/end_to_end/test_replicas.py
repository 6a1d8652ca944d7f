"""Services, and whole shops, with several processes: orders go on whichever dies, and the books agree."""

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
from souk_topologies.shop import SERVICES
from tests.topology.client import ANONYMOUS, Answer, Client, guest_order
from tests.topology.running import Shop, running_shop, souk

ORDERS = 48
PLACERS = 8
PAUSE_S = 0.02
"""Between two orders of a placer: the process that starts needs its time too."""
PASSING = {429, 503, 504}


@pytest.fixture(scope="module")
def wide_shop() -> Iterator[Shop]:
    """Two processes each of orders and of the gateway; payments serves in one and works in another."""
    replicas = ("--replicas", "orders=2", "--replicas", "gateway=2")
    environment = {"FOREIGN_VARIABLE": "foreign", "SOUK_STRIPE_URL": "http://127.0.0.1:1"}
    with running_shop("processes", *replicas, "--workers", "payments=1", environment=environment) as shop:
        yield shop


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
        answer: Answer | str
        try:
            answer = await shop.ask("POST", "/orders", body, token=ANONYMOUS)
            if answer.status == 201:
                return
            assert answer.status in PASSING, answer
        except aiohttp.ClientConnectionError as error:
            answer = str(error)  # whoever held the connection was killed
        assert time.monotonic() < deadline, answer
        await asyncio.sleep(0.02)


async def sell_out(shop: Client) -> None:
    """Place many orders at once for what half of them can have."""
    lamp = await shop.new_product("1.00", ORDERS // 2)
    receipts = await asyncio.gather(*(shop.place(guest_order((lamp, 1)), token=ANONYMOUS) for _ in range(ORDERS)))
    orders = await asyncio.gather(*(shop.until(r["orderId"], "CONFIRMED", "REJECTED") for r in receipts))
    assert [order["status"] for order in orders].count("CONFIRMED") == ORDERS // 2
    assert await shop.stock(lamp) == 0


async def kill_while_orders_go_on(shop: Shop, client: Client, victim: str, other: str) -> None:
    """They go on until the new process and the one that stayed have callers. All that were placed are confirmed."""
    lamp = await client.new_product("1.00", 100_000)
    await client.confirmed(guest_order((lamp, 1)))  # its price is known to one of them at least
    before = pids(shop)
    placed: list[str] = []
    ended = asyncio.Event()

    async def go_on() -> None:
        while not ended.is_set():
            order_id = f"o-{secrets.token_hex(6)}"
            await place(client, guest_order((lamp, 1), id=order_id))
            placed.append(order_id)
            await asyncio.sleep(PAUSE_S)

    placers = [asyncio.create_task(go_on()) for _ in range(PLACERS)]
    os.kill(before[victim], signal.SIGKILL)
    deadline = time.monotonic() + 120
    while pids(shop)[victim] == before[victim] or not all(callers(pids(shop)[name]) for name in (victim, other)):
        assert time.monotonic() < deadline, "nothing new, or nothing for it to do"
        assert not any(task.done() for task in placers)
        await asyncio.sleep(0.05)
    ended.set()
    await asyncio.gather(*placers)
    after = pids(shop)
    assert {name for name in before if after[name] != before[name]} == {victim}
    assert len(placed) > PLACERS
    for order_id in placed:
        await client.until(order_id, "CONFIRMED")
    assert await client.stock(lamp) == 100_000 - 1 - len(placed)


async def test_processes_that_share_the_work(wide_shop: Shop, wide: Client) -> None:
    """Each of two takes part; what is sold at once by both is never more than there is."""
    assert set(pids(wide_shop)) == {
        *(name for name in SERVICES if name != "orders"),
        "payments-worker",
        *(f"{name}-{number}" for name in ("orders", "gateway") for number in (1, 2)),
    }
    told = souk("status", at=wide_shop.folder)
    assert (told.status, "ready" in told.out) == (0, True), told
    await sell_out(wide)
    # A connection goes to either with the same chance: that one of the two gets none of so many is no chance at all.
    for name in ("orders-1", "orders-2", "gateway-1", "gateway-2"):
        assert callers(pids(wide_shop)[name]), name


def test_a_process_has_the_variables_and_the_key_that_it_uses(wide_shop: Shop) -> None:
    keys = {file.stem: file.read_text() for file in DataDir(wide_shop.folder).keys.glob("*.pem")}
    for label, pid in pids(wide_shop).items():
        given, part = psutil.Process(pid).environ(), label.partition("-")[0]
        assert "FOREIGN_VARIABLE" not in given, label
        assert ("SOUK_STRIPE_URL" in given) == (part == "payments"), label
        assert {name for name, key in keys.items() if key in given.values()} <= {part}, label
        assert {"SOUK_KEY", "DATABASE_URL"} & given.keys() <= (
            {"SOUK_KEY", "DATABASE_URL"} if part in SERVICES else set()
        )


async def test_one_of_two_is_killed_while_orders_go_on(wide_shop: Shop, wide: Client) -> None:
    """The other serves on; the new one gets its share of the connections that were kept."""
    await kill_while_orders_go_on(wide_shop, wide, "orders-1", "orders-2")


@pytest.mark.xdist_group("whole-shops")
async def test_whole_shops(session: aiohttp.ClientSession) -> None:
    """What one took while nobody worked, two do that serve and work side by side. Of them, either may be killed."""
    with running_shop(environment={"SOUK_WORK": "off"}) as shop:
        assert not pids(shop), "it is one process, and nobody keeps it"
        client = Client(shop.url, shop.admin, session)
        lamp = await client.new_product("1.00", 10)
        receipts = [await client.place(guest_order((lamp, 1)), token=ANONYMOUS) for _ in range(3)]
        queues = souk("queues", at=shop.folder).out
        assert "orders: 3 in the outbox" in queues, queues
        for receipt in receipts:
            await client.until(receipt["orderId"], "PENDING")
        assert await client.stock(lamp) == 10
        shop.down()
        shop.environment = {"SOUK_REPLICAS": "shop=2"}
        shop.up()
        assert set(pids(shop)) == {"shop-1", "shop-2"}
        twins = Client(shop.url, shop.admin, session)
        for receipt in receipts:
            await twins.until(receipt["orderId"], "CONFIRMED")
        await sell_out(twins)
        await kill_while_orders_go_on(shop, twins, "shop-2", "shop-1")
