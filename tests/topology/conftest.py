"""The whole shop in each topology. A test that asks for `shop` runs on every one of them, unchanged."""

from collections.abc import AsyncIterator, Iterator

import aiohttp
import pytest

from tests.functions.server import FunctionsServer, running_functions
from tests.permissions.declared import undeclared
from tests.topology.client import Client, Customer
from tests.topology.contained import running_containers
from tests.topology.running import Shop, running_shop

TOPOLOGIES = ("process", "serialised", "processes", "functions", "containers")
"""In one process; the same with everything through JSON and every event handled twice; a process a service; Lambda's
runtime on a model of DynamoDB; the processes of containers."""


@pytest.fixture(scope="session", params=TOPOLOGIES)
def every_topology(request: pytest.FixtureRequest) -> Iterator[Shop | FunctionsServer]:
    """A running shop of each topology. In the end its books agree, and nothing of it is left. Functions have done to
    tables what their manifests declare, and nothing else."""
    if request.param == "functions":
        with running_functions() as functions:
            yield functions
            assert undeclared(functions.shop.tables.used) == []
        return
    if request.param == "containers":
        with running_containers() as containers:
            yield containers
        return
    serialised = request.param == "serialised"
    with running_shop("process" if serialised else request.param, serialised=serialised) as shop:
        yield shop


@pytest.fixture
async def shop(every_topology: Shop) -> AsyncIterator[Client]:
    """A client of the running shop, with the administrator's token."""
    connector = aiohttp.TCPConnector(limit=every_topology.connections)
    timeout = aiohttp.ClientTimeout(total=60)
    async with aiohttp.ClientSession(connector=connector, timeout=timeout) as session:
        yield Client(every_topology.url, every_topology.admin, session, every_topology.settle_s)


@pytest.fixture
async def ada(every_topology: Shop, shop: Client) -> Customer:
    """A customer."""
    return await _known(every_topology, shop, "Ada")


@pytest.fixture
async def bob(every_topology: Shop, shop: Client) -> Customer:
    """Another customer."""
    return await _known(every_topology, shop, "Bob")


async def _known(running: Shop, shop: Client, name: str) -> Customer:
    if name not in running.known:
        running.known[name] = await shop.new_customer(name)
    return running.known[name]
