"""What a shop outlives: its database killed under it, and being stopped in the middle of work."""

import asyncio
import os
import secrets
import signal
import time
from typing import Any

import aiohttp
import asyncpg
import pytest

from souk_topologies.places import DataDir
from souk_topologies.postgres import load_or_create_secrets, role_name, service_dsn
from souk_topologies.shop import SERVICES
from tests.topology.client import ANONYMOUS, Client, guest_order
from tests.topology.running import Shop

PLACERS = 12
KILLS = 4


def kill_database(shop: Shop) -> None:
    """End the PostgreSQL server as a power cut would."""
    pid_file = shop.folder / "postgres" / "cluster" / "postmaster.pid"
    os.kill(int(pid_file.read_text().split()[0]), signal.SIGKILL)


async def readiness(shop: Client, status: int, within_s: float) -> dict[str, Any]:
    """What `/ready` says, once it answers with this status."""
    deadline = time.monotonic() + within_s
    while True:
        answer = await shop.ask("GET", "/ready", token=ANONYMOUS)
        if answer.status == status:
            found: dict[str, Any] = answer.json
            return found
        assert time.monotonic() < deadline, answer
        await asyncio.sleep(0.005)


async def test_a_killed_database_is_missed_and_comes_back(quiet_shop: Shop, quiet: Client) -> None:
    lamp = await quiet.new_product("1.00", 100)
    kept = await quiet.confirmed(guest_order((lamp, 1)))
    kill_database(quiet_shop)
    unready = await readiness(quiet, 503, 5)
    assert unready["status"] == "unready"
    assert unready["missing"]
    assert all(name and why for name, why in unready["missing"].items())
    assert all(unready["missing"].values())
    assert (await quiet.ask("GET", "/health", token=ANONYMOUS)).expect(200) == {"status": "ok"}
    assert await readiness(quiet, 200, 30) == {"status": "ready", "missing": {}}
    for _ in range(KILLS):  # it dies in the midst of whatever: who brings it back must outlive every way of it
        kill_database(quiet_shop)
        await readiness(quiet, 503, 5)
        await readiness(quiet, 200, 30)
    assert (await quiet.until(kept["orderId"], "CONFIRMED"))["items"] == kept["items"]
    await quiet.confirmed(guest_order((lamp, 1)))
    assert await quiet.stock(lamp) == 98
    await quiet_shop.row_counts()  # what was interrupted has been tried again
    quiet_shop.audit()


async def place_until_it_stops(shop: Client, product_id: str) -> list[str]:
    """Place orders until the shop takes no more. Returns those that it acknowledged."""
    acknowledged: list[str] = []
    while True:
        order_id = f"o-{secrets.token_hex(6)}"
        try:
            body = guest_order((product_id, 1), id=order_id)
            answer = await shop.ask("POST", "/orders", body, token=ANONYMOUS)
        except (aiohttp.ClientError, OSError):
            return acknowledged
        if answer.status == 201:
            acknowledged.append(order_id)
        else:
            assert answer.status in {429, 503, 504}, answer


@pytest.mark.parametrize("database_dies", [False, True])
async def test_what_was_acknowledged_before_a_stop_is_there_after_it(
    quiet_shop: Shop, quiet: Client, session: aiohttp.ClientSession, database_dies: bool
) -> None:
    lamp = await quiet.new_product("1.00", 100_000)
    # While products can't be asked, orders go by the last price that is known: so it has to be.
    await quiet.confirmed(guest_order((lamp, 1)))
    placing = [asyncio.create_task(place_until_it_stops(quiet, lamp)) for _ in range(PLACERS)]
    await asyncio.sleep(0.3)  # long enough that many are under way
    if database_dies:
        kill_database(quiet_shop)
        await readiness(quiet, 503, 5)
        await readiness(quiet, 200, 30)
        await asyncio.sleep(0.3)  # as above
    os.kill(quiet_shop.pid, signal.SIGTERM)
    acknowledged = [order_id for placed in await asyncio.gather(*placing) for order_id in placed]
    assert len(acknowledged) > PLACERS
    deadline = time.monotonic() + 30
    while DataDir(quiet_shop.folder).is_locked():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.02)
    quiet_shop.up()
    shop = Client(quiet_shop.url, quiet_shop.admin, session)
    for order_id in acknowledged:
        await shop.until(order_id, "CONFIRMED")
    # What was placed and could not be acknowledged any more is there as well.
    assert 100_000 - await shop.stock(lamp) >= len(acknowledged) + 1
    quiet_shop.audit()


async def test_no_service_opens_the_database_of_another(quiet_shop: Shop) -> None:
    passwords = load_or_create_secrets(DataDir(quiet_shop.folder).secrets, [role_name(name) for name in SERVICES])
    superuser = await quiet_shop.dsn("orders")
    own = await asyncpg.connect(service_dsn(superuser, "orders", passwords))
    await own.close()
    for other in set(SERVICES) - {"orders"}:
        stolen = service_dsn(superuser, "orders", passwords).replace("/souk_orders?", f"/souk_{other}?")
        with pytest.raises(asyncpg.InsufficientPrivilegeError, match="permission denied for database"):
            await asyncpg.connect(stolen)
    with pytest.raises(asyncpg.InvalidPasswordError):
        await asyncpg.connect(service_dsn(superuser, "payments", passwords | {"souk_payments": "guessed"}))
