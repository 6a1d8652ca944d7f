"""The whole shop under the rules of its NetworkPolicies: each service, the gateway and PostgreSQL in a network
namespace, with the environment of the rendered overlay `kind`, and an order that comes in where customers do."""

import asyncio
import copy
import json
import shutil
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from souk_chassis.testing.waiting import until
from souk_topologies.cli.tokens import OPERATOR_ADMIN, make_token
from souk_topologies.network import INGRESS, PROVISION
from tests.infra.namespaces import Namespace, hosts, put_rules
from tests.infra.overlays import copy_with_secrets, objects_of
from tests.infra.pods import Pods, environment_of, postgres_at, put_services
from tests.kubernetes.objects import Object
from tests.kubernetes.policies import Endpoint
from tests.kubernetes.world import POSTGRES, SERVICES, in_cluster, policies_of

ROOT = Path(__file__).resolve().parents[2]
UP_S = 120.0
ENDED_S = 30.0


@pytest.fixture
def folder() -> Iterator[Path]:
    """One that PostgreSQL's own user can reach: pytest's are closed to it."""
    made = Path(tempfile.mkdtemp(prefix="souk-ns-"))
    made.chmod(0o755)
    yield made
    shutil.rmtree(made)


class Shop:
    """The shop's hosts, and requests from any of them."""

    def __init__(self, namespaces: dict[str, Namespace], endpoints: list[Endpoint], token: str) -> None:
        self.namespaces, self.endpoints, self._token = namespaces, endpoints, token
        self._addresses = {each.name: each.address for each in endpoints}

    async def ask(self, source: str, target: str, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        """Status and body; 0 where there is no way."""
        url = f"http://{self._addresses[target]}:8080{path}"
        headers = {"content-type": "application/json", "authorization": f"Bearer {self._token}"}
        request = urllib.request.Request(url, json.dumps(body).encode() if body else None, headers, method=method)
        return await asyncio.to_thread(self.namespaces[source].run, lambda: _answer(request))

    async def at_the_door(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        """A customer's request, by the ingress controller and the gateway."""
        return await self.ask(INGRESS, "gateway", method, path, body)


def _answer(request: urllib.request.Request) -> tuple[int, Any]:
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, json.loads(error.read() or "null")
    except OSError:
        return 0, None


def lacking_the_way_to_products(policies: list[Object]) -> list[Object]:
    planted = copy.deepcopy(policies)
    [policy] = [each for each in planted if each["metadata"]["name"] == "order-service"]
    way = {"podSelector": {"matchLabels": {"app.kubernetes.io/name": "product-service"}}}
    policy["spec"]["egress"] = [rule for rule in policy["spec"]["egress"] if way not in rule["to"]]
    return planted


@pytest.fixture
async def shop(folder: Path) -> AsyncIterator[Shop]:
    """Up, but for the edge from orders to products, which the policies lack."""
    objects = objects_of(copy_with_secrets(folder), "kind")
    endpoints = in_cluster(objects)
    edge = folder / "edge"
    subprocess.run([sys.executable, "-I", "-m", "souk_topologies.edge", ROOT / "web", edge], check=True, timeout=60)
    async with AsyncExitStack() as stack:
        namespaces = stack.enter_context(hosts(endpoints))
        put_rules(namespaces, lacking_the_way_to_products(policies_of(objects)), endpoints)
        names = put_services(namespaces, objects, endpoints, folder)
        [address] = [each.address for each in endpoints if each.name == POSTGRES]
        password = environment_of(POSTGRES, objects)["POSTGRES_PASSWORD"]
        await stack.enter_async_context(postgres_at(namespaces[POSTGRES], address, password, folder / "postgres"))
        pods = Pods(namespaces, objects, names, folder)
        stack.callback(pods.kill)
        made = await asyncio.to_thread(pods.start(PROVISION).wait, 60)
        assert made == 0, pods.log(PROVISION)
        for service in SERVICES:
            pods.start(service.label)
        pods.start("gateway", SOUK_EDGE_DIR=str(edge))
        found = Shop(namespaces, endpoints, make_token(folder / "data", OPERATOR_ADMIN))

        async def ready() -> bool:
            return (await found.at_the_door("GET", "/ready"))[0] == 200

        try:
            await until(ready, UP_S)
        except TimeoutError:
            pytest.fail("\n".join(f"{path.name}: {path.read_text()[-2000:]}" for path in folder.glob("*.log")))
        yield found
        statuses = await asyncio.to_thread(pods.stop)
        assert statuses == [0] * len(statuses), "each ends by itself when it is told to"


async def test_an_order_is_confirmed_over_declared_edges_alone(shop: Shop, folder: Path) -> None:
    product = {"name": "Mug", "price": "4.50", "inventory": 10}
    assert (await shop.at_the_door("PUT", "/products/mug", product))[0] == 201
    order = {"id": "first", "email": "ann@example.org", "items": [{"productId": "mug", "quantity": 2}]}
    status, why = await shop.at_the_door("POST", "/orders", order)
    assert (status, why["code"]) == (503, "service_unavailable"), "no price is asked for: the policies lack that edge"

    objects = objects_of(folder / "kubernetes", "kind")
    put_rules(shop.namespaces, policies_of(objects), shop.endpoints)
    put_services(shop.namespaces, objects, shop.endpoints, folder)
    assert (await shop.at_the_door("POST", "/orders", order))[0] == 201

    async def confirmed() -> bool:
        _, found = await shop.at_the_door("GET", "/orders/first")
        return bool(found["status"] == "CONFIRMED")

    async def mailed() -> bool:
        _, found = await shop.at_the_door("GET", "/mails")
        return len(found["items"]) == 1

    await until(confirmed, ENDED_S)
    await until(mailed, ENDED_S)
    for source, target in ((INGRESS, "order-service"), ("payment-service", "product-service"), ("stranger", "gateway")):
        assert await shop.ask(source, target, "GET", "/health") == (0, None), (source, target)
