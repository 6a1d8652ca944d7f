"""A data directory that 0.1.0 wrote is taken over: `kept_by_0_1_0` has its databases, as pg_dump wrote them.

Users, payments and notifications had tables of their own then, and keep records now.
"""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import asyncpg
import pytest

from souk_topologies.places import DataDir
from souk_topologies.postgres import (
    EmbeddedPostgres,
    Further,
    load_or_create_secrets,
    provision,
    secret_names,
    service_dsn,
)
from souk_topologies.shop import SERVICES
from tests.topology.client import ANONYMOUS, Client
from tests.topology.running import Shop, data_dir

DUMPS = Path(__file__).parent / "kept_by_0_1_0"
GUESTS, ANNS = "guest-order", "ann@example.org"


async def write_as_0_1_0(folder: Path) -> None:
    """Fill the databases of a data directory with what 0.1.0 kept, each as its own role."""
    data = DataDir(folder)
    server = EmbeddedPostgres(data.postgres)
    admin_url = (await server.start()).dsn("postgres")
    secrets = load_or_create_secrets(data.secrets, secret_names(SERVICES))
    await provision(admin_url, SERVICES, secrets, Further())
    for name in SERVICES:
        connection = await asyncpg.connect(service_dsn(admin_url, name, secrets))
        await connection.execute((DUMPS / f"{name}.sql").read_text("utf-8"))
        await connection.close()
    await server.stop("fast")


@pytest.fixture
async def shop() -> AsyncIterator[Shop]:
    with data_dir() as folder:
        await write_as_0_1_0(folder)
        shop = Shop(folder)
        await asyncio.to_thread(shop.up)
        yield shop
        await asyncio.to_thread(shop.down)


async def test_what_an_older_version_kept_is_there_and_goes_on(shop: Shop) -> None:
    await asyncio.to_thread(shop.audit)
    async with aiohttp.ClientSession() as session:
        client = Client(shop.url, shop.admin, session)
        await accounts_are_there(client)
        await orders_go_on(client)
    await asyncio.to_thread(shop.audit)
    await asyncio.to_thread(shop.down)
    await asyncio.to_thread(shop.up)  # a second start finds records, and changes nothing
    await asyncio.to_thread(shop.audit)


async def accounts_are_there(client: Client) -> None:
    opened = await client.ask("POST", "/sessions", {"email": ANNS, "password": "correct horse"}, token=ANONYMOUS)
    assert opened.status == 200, opened.json
    ann, token = opened.json["userId"], opened.json["token"]
    profile = await client.ask("GET", f"/users/{ann}", token=token)
    assert (profile.json["email"], profile.json["name"]) == ("Ann@Example.org", "Ann")
    again = {"email": "ANN@example.org", "password": "battery staple", "name": "Another"}
    assert (await client.ask("POST", "/users", again, token=ANONYMOUS)).json["code"] == "email_taken"
    subjects = [mail["subject"] for mail in (await client.ask("GET", "/mails", token=token)).json["items"]]
    assert len(subjects) == 8
    assert "return" in subjects[0]
    assert subjects[-1] == "Welcome"


async def orders_go_on(client: Client) -> None:
    """An order that was charged then is refunded now, and once."""
    (await client.ask("POST", f"/orders/{GUESTS}/cancel", {})).expect(200)
    book = await client.money_settles(GUESTS, 1330, 1330)
    assert (book["state"], book["charges"]) == ("REFUNDED", 1)
