"""A whole shop of containers in a cluster of one's own: provisioned, started, and an order on its way to the end."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Iterator

import aiohttp
import pytest

from souk_chassis.testing.waiting import until
from souk_topologies.postgres import ServerAddress
from tests.containers.shop import Containers
from tests.topology.client import Client


@pytest.fixture(scope="module")
def containers(postgres_server: ServerAddress, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Containers]:
    """The shop."""
    shop = Containers(postgres_server.dsn("postgres"), tmp_path_factory.mktemp("containers"))
    shop.provision()
    shop.start()
    try:
        asyncio.run(shop.until_ready())
        yield shop
    finally:
        assert set(shop.stop().values()) <= {0}


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as made:
        yield made


def client(shop: Containers, name: str, session: aiohttp.ClientSession) -> Client:
    """A client of one service's own public routes."""
    return Client(shop.urls[name], shop.admin, session)


async def test_an_order_is_confirmed(containers: Containers, session: aiohttp.ClientSession) -> None:
    products, orders = client(containers, "products", session), client(containers, "orders", session)
    product = secrets.token_hex(6)
    body = {"name": "A lamp", "price": "3.50", "inventory": 10}
    (await products.ask("PUT", f"/products/{product}", body)).expect(201)
    lines = [{"productId": product, "quantity": 3}]
    placed = (await orders.ask("POST", "/orders", {"customerId": "ada", "items": lines})).expect(201)

    async def is_confirmed() -> bool:
        return (await orders.ask("GET", f"/orders/{placed['orderId']}")).expect(200)["status"] == "CONFIRMED"

    await until(is_confirmed, 20.0)
    assert (await products.ask("GET", f"/products/{product}")).expect(200)["inventory"] == 7
