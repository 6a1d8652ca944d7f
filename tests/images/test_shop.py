"""A whole shop out of its images, in a cluster of one's own: provisioned, started as an ordinary user from folders that
stay as they were, and an order on its way to the end."""

import asyncio
import json
import secrets
import subprocess
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import aiohttp
import pytest

from souk_chassis.testing.waiting import until
from souk_topologies.postgres import ServerAddress
from souk_topologies.shop import SERVICES
from tests.images.conftest import Images
from tests.images.shop import Containers
from tests.topology.client import Client

USER = 10_001
"""As the Dockerfiles have it."""


@pytest.fixture(scope="module")
def srv(images: Images) -> dict[str, Path]:
    """What the images hold, by service, and `gateway`."""
    found = {name: images(f"services/{name}/Dockerfile") for name in SERVICES}
    return found | {"gateway": images("topologies/Dockerfile")}


@pytest.fixture(scope="module")
def containers(
    srv: dict[str, Path], postgres_server: ServerAddress, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Containers]:
    """The shop. At its end every process stops as it was asked, and no image has changed."""
    before = {name: listing(folder) for name, folder in srv.items()}
    python = {name: folder / "souk/bin/python" for name, folder in srv.items()}
    user = USER if may_run(python["orders"]) else None
    folder = tmp_path_factory.mktemp("containers")
    edge = srv["gateway"] / "edge"
    shop = Containers(postgres_server.dsn("postgres"), folder, edge=edge, python=python, user=user)
    shop.provision()
    shop.start()
    try:
        asyncio.run(shop.until_ready())
        yield shop
    finally:
        assert shop.stop() == dict.fromkeys((*SERVICES, "gateway"), 0)
    assert {name: listing(folder) for name, folder in srv.items()} == before


def listing(folder: Path) -> dict[str, tuple[int, int]]:
    return {str(path): (path.lstat().st_size, path.lstat().st_mtime_ns) for path in folder.rglob("*")}


def may_run(python: Path) -> bool:
    """Whether this machine lets us be an ordinary user, and him reach the interpreter."""
    try:
        done = subprocess.run([python, "-I", "-c", ""], user=USER, group=USER, extra_groups=[], check=False)
    except PermissionError:
        return False
    return done.returncode == 0


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as made:
        yield made


def client(shop: Containers, name: str, session: aiohttp.ClientSession) -> Client:
    """A client of one service's own public routes."""
    return Client(shop.urls[name], shop.admin, session)


async def test_an_order_is_confirmed_though_a_process_dies(
    containers: Containers, session: aiohttp.ClientSession
) -> None:
    products, orders = client(containers, "products", session), client(containers, "orders", session)
    product = secrets.token_hex(6)
    body = {"name": "A lamp", "price": "3.50", "inventory": 10}
    (await products.ask("PUT", f"/products/{product}", body)).expect(201)
    containers.kill("payments")
    lines = [{"productId": product, "quantity": 3}]
    placed = (await orders.ask("POST", "/orders", {"customerId": "ada", "items": lines})).expect(201)
    containers.start("payments")

    async def is_confirmed() -> bool:
        return bool((await orders.ask("GET", f"/orders/{placed['orderId']}")).expect(200)["status"] == "CONFIRMED")

    await until(is_confirmed, 30.0)
    assert (await products.ask("GET", f"/products/{product}")).expect(200)["inventory"] == 7


async def test_the_gateway_leads_to_each_service(containers: Containers, session: aiohttp.ClientSession) -> None:
    shop = Client(containers.url, containers.admin, session)
    assert (await shop.ask("GET", "/ready")).expect(200)["status"] == "ready"
    for name in SERVICES:
        assert (await shop.ask("GET", f"/queues/{name}")).expect(200)["service"] == name
    assert (await shop.ask("GET", "/")).status == 200


async def test_a_customer_signs_in(containers: Containers, session: aiohttp.ClientSession) -> None:
    """Passwords are hashed by a package that one image alone holds."""
    users = client(containers, "users", session)
    account = {"email": f"{secrets.token_hex(4)}@example.org", "password": secrets.token_hex(8), "name": "Ada"}
    (await users.ask("POST", "/users", account)).expect(201)
    del account["name"]
    assert (await users.ask("POST", "/sessions", account)).expect(200)["token"]


async def test_a_call_needs_a_token_for_that_service(containers: Containers, session: aiohttp.ClientSession) -> None:
    for name in SERVICES:
        refused = await client(containers, name, session).ask("POST", "/operations/quote", {})
        assert refused.status in {401, 404}, (name, refused.body)


async def test_a_stop_while_the_database_is_awaited(containers: Containers, tmp_path: Path) -> None:
    """As the first process of a container: nobody else would end it."""
    alone = Containers("postgresql://a@127.0.0.1:1/b", tmp_path, names=("users",), python=containers.python)
    alone.start()
    await until(lambda: "is awaited" in alone.log("users"), 30.0)
    assert alone.stop() == {"users": 0}


async def test_the_health_check_of_an_image(containers: Containers, srv: dict[str, Path]) -> None:
    command = [srv["orders"] / "souk/bin/python", "-I", "-m", "souk_chassis.hosts.health"]
    for port, status in ((containers.ports["orders"], 0), (1, 1)):
        assert subprocess.run(command, env={"PORT": str(port)}, check=False).returncode == status


def test_the_gateway_image_makes_databases_and_has_pages(srv: dict[str, Path]) -> None:
    command = [srv["gateway"] / "souk/bin/python", "-I", "-m", "souk_chassis.hosts.server"]
    told = {"SOUK_PART": "provision", "SOUK_ADMIN_URL": "postgresql://a@127.0.0.1:1/b", "SOUK_PASSWORDS": "{}"}
    done = subprocess.run(command, env=told, capture_output=True, text=True, check=False)
    assert (done.returncode, "SOUK_ADMIN_URL" in done.stderr) == (1, True)
    pages = json.loads((srv["gateway"] / "edge/pages.json").read_text())
    assert all((srv["gateway"] / "edge" / page["file"]).is_file() for page in pages.values())
