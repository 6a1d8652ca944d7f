"""Shops that several tests share, since each takes seconds to start and to fill. Each test leaves them as they were."""

import json
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from souk_topologies.data import sample_month_path
from tests.topology.client import Client
from tests.topology.running import Finished, Shop, data_dir, souk


@dataclass(frozen=True)
class Replayed:
    """A shop that the sample month was played through, and what the command said."""

    shop: Shop
    said: Finished

    @property
    def result(self) -> dict[str, Any]:
        """The object that the command printed last."""
        found: dict[str, Any] = json.loads(self.said.out.splitlines()[-1])
        return found


def replay_month(at: Path, *options: str) -> Finished:
    """Play the sample month."""
    return souk("replay", "--json", *options, str(sample_month_path()), at=at)


@pytest.fixture(scope="session")
def busy_shop() -> Iterator[Replayed]:
    """A shop with a month of orders."""
    with data_dir() as folder:
        shop = Shop(folder)
        shop.up()
        try:
            yield Replayed(shop, replay_month(folder))
        finally:
            shop.down()


@pytest.fixture(scope="session")
def quiet_shop() -> Iterator[Shop]:
    """A shop in which nothing has happened yet, for tests that look at nothing but what they did."""
    with data_dir() as folder:
        shop = Shop(folder)
        shop.up()
        try:
            yield shop
        finally:
            shop.down()


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    """Connections to whichever shop."""
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=60)) as connections:
        yield connections


@pytest.fixture
def busy(busy_shop: Replayed, session: aiohttp.ClientSession) -> Client:
    """The administrator of the shop with a month of orders."""
    return Client(busy_shop.shop.url, busy_shop.shop.admin, session)


@pytest.fixture
def quiet(quiet_shop: Shop, session: aiohttp.ClientSession) -> Client:
    """The administrator of the quiet shop."""
    return Client(quiet_shop.url, quiet_shop.admin, session)
