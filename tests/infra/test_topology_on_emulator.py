"""The tests of the topologies on the emulator of AWS: real functions, API Gateway, DynamoDB, SNS, SQS and roles.

Every test of tests/topology runs here but those that are named below, each with its reason. All of them run on the
same functions in one process, too (tests/topology, `functions`).
"""

import asyncio
import json
import time
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from souk_chassis.aws.client import AwsClient
from souk_chassis.aws.services import DYNAMODB
from souk_chassis.manifest import Service
from souk_topologies.aws_local.shop import emulated_client
from souk_topologies.shop import manifests
from tests.topology.client import Client, Customer
from tests.topology.running import Running, souk

FOLDER = Path(__file__).resolve().parents[1] / "topology"
MODULES = sorted(path.stem for path in FOLDER.glob("test_*.py"))
pytest.register_assert_rewrite(*(f"tests.topology.{module}" for module in MODULES))
from tests.topology.conftest import ada, bob, shop  # noqa: E402, F401 - fixtures of those tests
from tests.topology.test_documents import rendered  # noqa: E402, F401 - as above

AT_REST_S = 120.0
"""How long events may take to come to rest, in seconds: a call of a function for each batch."""
NOT_HERE = {
    "test_every_wrong_request_of_every_route_is_refused_without_a_trace": "1,560 requests, of 100 ms each here",
    "test_a_bad_token_is_refused_everywhere_before_anything_is_read": "600 requests, as above",
    "test_other_methods_are_not_allowed": "the emulator answers OPTIONS itself, as for CORS",
    "test_unknown_routes_are_not_found": "the emulator takes /orders/ for /orders",
    "test_a_file_that_is_not_there": "the emulator takes /static/ for /static",
    "test_files_outside_of_the_pages_are_not_served": "the emulator resolves .. before it routes",
    "test_signing_in_too_often_is_refused_and_nothing_else_is": "the emulator keeps throttles, and throttles nothing",
    "test_many_at_once_make_one_order": "the emulator starts a process of Python for each of 40 requests at once",
    "test_a_repeated_return_is_one_return": "as above, for 50",
    "test_sixty_at_once_for_a_hundred_units": "as above, for 60: the last ones wait longer than an order may",
    "test_orders_that_want_the_same_products_in_other_orders": "as above, for 40",
}
"""What the emulator can't carry, and why."""


def _tests() -> dict[str, Any]:
    found: dict[str, Any] = {}
    for module in MODULES:
        for name, test in vars(import_module(f"tests.topology.{module}")).items():
            if name.startswith("test_"):
                assert name not in found, f"two tests are called {name}"
                found[name] = test
    return found


_all = _tests()
globals().update({name: test for name, test in _all.items() if name not in NOT_HERE})


def test_what_is_left_out_is_there() -> None:
    assert NOT_HERE.keys() <= _all.keys()


class OnEmulator(Running):
    """The shop on the emulator, as `tests.topology.running.Shop` is for the others."""

    has_authorizer = True
    settle_s = AT_REST_S
    connections = 4
    """For each, the emulator starts a process of Python, and products have 3 s to answer."""

    def __init__(self, folder: Path, url: str, endpoint: str) -> None:
        self.folder = folder
        self.url = url
        self.endpoint = endpoint
        self.known: dict[str, Customer] = {}
        self.admin = self.token("--admin")

    def token(self, *options: str) -> str:
        """A token of the operator."""
        made = souk("token", *options, at=self.folder)
        assert made.status == 0, made.err
        return made.out.strip()

    async def row_counts(self) -> dict[str, int]:
        """The number of items of every table, once no event is under way any more. What expires is not counted."""
        deadline = time.monotonic() + AT_REST_S
        before: dict[str, int] = {}
        aws = emulated_client(self.endpoint)
        try:
            while True:
                counts = {name: await _count(aws, name) for service in manifests().values() for name in _names(service)}
                if counts == before:
                    return counts
                assert time.monotonic() < deadline, f"events do not come to rest: {counts}"
                before = counts
                await asyncio.sleep(1)
        finally:
            await aws.close()

    def audit(self) -> None:
        """Assert that all books agree, once the last events have come to rest."""
        deadline = time.monotonic() + AT_REST_S
        while True:
            ended = souk("audit", "--json", "--url", self.url, environment={"SOUK_TOKEN": self.admin})
            assert ended.out, ended.err
            report = json.loads(ended.out)
            if report["ok"]:
                return
            assert time.monotonic() < deadline, [check for check in report["checks"] if not check["ok"]]
            time.sleep(1)


def _names(service: Service) -> list[str]:
    return [table.name for table in service.tables]


async def _count(aws: AwsClient, table: str) -> int:
    request = {"TableName": table, "Select": "COUNT", "FilterExpression": "attribute_not_exists(expiresAt)"}
    return int((await aws.json(DYNAMODB, "Scan", request))["Count"])


@pytest.fixture(scope="module")
def every_topology(emulated_shop: Any) -> Iterator[OnEmulator]:
    """The shop on the emulator. In the end its books agree."""
    running = OnEmulator(emulated_shop.data_dir, emulated_shop.api, emulated_shop.endpoint)
    yield running
    running.audit()


async def test_a_confirmed_order_is_mailed_by_ses(shop: Client, emulated_shop: Any) -> None:  # noqa: F811 - the fixture
    mug = await shop.new_product("2.50", 10)
    address = f"{mug}@example.org"
    order = await shop.confirmed({"email": address, "items": [{"productId": mug, "quantity": 2}]})
    deadline = time.monotonic() + shop.settle_s
    while True:
        async with shop.session.get(f"{emulated_shop.endpoint}/_ministack/ses/messages") as answer:
            mails = [mail for account in (await answer.json())["messages"].values() for mail in account]
        found = [mail["Subject"] for mail in mails if address in mail["To"]]
        if found:
            assert found == [f"Your order {order['orderId']} is confirmed"]
            return
        assert time.monotonic() < deadline, "no mail was sent"
        await asyncio.sleep(0.5)
