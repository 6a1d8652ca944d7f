"""Services in containers on AWS's bus: PostgreSQL's outbox to SNS, and SQS into PostgreSQL's queues, on an emulator."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Iterator

import aiohttp
import pytest

from souk_chassis.aws.client import AwsClient, open_aws
from souk_chassis.aws.services import SNS, SQS
from souk_chassis.aws.sqs import Queues
from souk_chassis.http.api_gateway import Runtime
from souk_chassis.testing.waiting import until
from souk_topologies.aws_local.emulator import emulator
from souk_topologies.containers import Place
from souk_topologies.postgres import ServerAddress
from souk_topologies.shop import manifests
from tests.images.shop import Containers
from tests.infra.proxy import Proxy, proxy
from tests.topology.client import Client

NAMES = ("products", "orders", "payments")
"""Who takes part in an order's way."""
REGION, ACCOUNT = "eu-west-1", "000000000000"
TOPICS = f"arn:aws:sns:{REGION}:{ACCOUNT}:"


def credentials(endpoint: str) -> dict[str, str]:
    return {
        "AWS_REGION": REGION,
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "secret",
    }


@pytest.fixture(scope="module")
def aws_before(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxy]:
    """An emulator with the topics and queues of these services, and a proxy before it."""
    with emulator(tmp_path_factory.mktemp("emulator")) as endpoint:
        asyncio.run(make_bus(endpoint))
        with proxy(endpoint) as before:
            yield before


async def make_bus(endpoint: str) -> None:
    aws = open_aws(credentials(endpoint))
    for service in manifests().values():
        for event in service.publishes:
            await aws.query(SNS, "CreateTopic", {"Name": event.topic()})
    for service in (manifests()[name] for name in NAMES):
        for event in service.consumes:
            queue = service.queue(event)
            for name in (queue, f"{queue}-dlq"):
                await aws.json(SQS, "CreateQueue", {"QueueName": name})
            subscription = {
                "TopicArn": TOPICS + event.topic(),
                "Protocol": "sqs",
                "Endpoint": f"arn:aws:sqs:{REGION}:{ACCOUNT}:{queue}",
                "Attributes.entry.1.key": "RawMessageDelivery",
                "Attributes.entry.1.value": "true",
            }
            await aws.query(SNS, "Subscribe", subscription)
    await aws.close()


@pytest.fixture(scope="module")
def containers(
    aws_before: Proxy, postgres_server: ServerAddress, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Containers]:
    """The services."""
    shop = Containers(
        postgres_server.dsn("postgres"),
        tmp_path_factory.mktemp("containers"),
        Place.AWS,
        dict.fromkeys(NAMES, Runtime.ECS),
        NAMES,
        {**credentials(aws_before.url), "SOUK_TOPICS": TOPICS},
    )
    shop.provision()
    shop.start()
    try:
        asyncio.run(shop.until_ready())
        yield shop
    finally:
        assert shop.stop() == dict.fromkeys(NAMES, 0)


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as made:
        yield made


@pytest.fixture
async def aws(aws_before: Proxy) -> AsyncIterator[AwsClient]:
    client = open_aws(credentials(aws_before.url))
    yield client
    await client.close()


class Buyer:
    """Puts a product on sale, and orders it."""

    def __init__(self, shop: Containers, session: aiohttp.ClientSession) -> None:
        self.products, self.orders, self.payments = (Client(shop.urls[name], shop.admin, session) for name in NAMES)
        self.product = secrets.token_hex(6)

    async def sell(self, inventory: int) -> None:
        body = {"name": "A lamp", "price": "3.50", "inventory": inventory}
        (await self.products.ask("PUT", f"/products/{self.product}", body)).expect(201)

    async def order(self) -> str:
        body = {"customerId": "ada", "items": [{"productId": self.product, "quantity": 3}]}
        return str((await self.orders.ask("POST", "/orders", body)).expect(201)["orderId"])

    async def until_confirmed(self, order: str) -> None:
        async def is_confirmed() -> bool:
            found = (await self.orders.ask("GET", f"/orders/{order}")).expect(200)
            return bool(found["status"] == "CONFIRMED")

        await until(is_confirmed, 40.0)

    async def stock(self) -> int:
        return int((await self.products.ask("GET", f"/products/{self.product}")).expect(200)["inventory"])


@pytest.fixture
async def buyer(containers: Containers, session: aiohttp.ClientSession) -> Buyer:
    return Buyer(containers, session)


async def until_empty(aws: AwsClient) -> None:
    queues = Queues(aws)
    names = [manifests()[name].queue(event) for name in NAMES for event in manifests()[name].consumes]

    async def is_empty() -> bool:
        return not any([(await queues.size(name)).all for name in names])

    await until(is_empty, 40.0)


async def test_orders_go_their_way(buyer: Buyer, aws: AwsClient) -> None:
    await buyer.sell(100)
    orders = [await buyer.order() for _ in range(8)]
    for order in orders:
        await buyer.until_confirmed(order)
    await until_empty(aws)
    assert await buyer.stock() == 100 - 3 * 8
    states = (await buyer.orders.ask("GET", "/queues/orders")).expect(200)
    assert (states["outbox"], states["deadLetters"]) == (0, [])


async def test_a_death_between_receive_and_delete(
    containers: Containers, aws_before: Proxy, buyer: Buyer, aws: AwsClient
) -> None:
    """The message comes again, and changes nothing: the database has had it."""
    await buyer.sell(10)
    aws_before.stops = "DeleteMessageBatch"
    order = await buyer.order()

    def of_products() -> list[dict[str, object]]:
        return [body for body in aws_before.stopped if "products-order-created" in body["QueueUrl"]]

    await until(of_products, 30.0)
    containers.kill("products")
    aws_before.stops = ""
    containers.start("products")
    await containers.until_ready("products")
    # What was in hand comes again: at once, and not after its time.
    for body in aws_before.stopped:
        entries = [{**entry, "VisibilityTimeout": 0} for entry in body["Entries"]]
        await aws.json(SQS, "ChangeMessageVisibilityBatch", {"QueueUrl": body["QueueUrl"], "Entries": entries})
    await buyer.until_confirmed(order)
    await until_empty(aws)
    assert await buyer.stock() == 7


NO_DATA = (
    '{"specversion": "1.0", "id": "01890a5d-ac96-774b-bcce-b302099a8057", "type": "souk.StockReserved.v1", '
    '"source": "/products", "subject": "b", "time": "2026-01-01T00:00:00Z", "data": {}}'
)


@pytest.mark.parametrize(
    ("body", "reason"),
    [("no event", "DecodeError: JSON is malformed"), (NO_DATA, "ValidationError: Object missing required field")],
    ids=["the_intake", "the_worker"],
)
async def test_what_is_given_up_is_beside_its_queue_with_its_reason_and_put_back(
    buyer: Buyer, aws: AwsClient, body: str, reason: str
) -> None:
    """Whoever gives it up: there is its alarm."""
    url = await Queues(aws).url("orders-stock-reserved")
    await aws.json(SQS, "SendMessage", {"QueueUrl": url, "MessageBody": body})

    async def letters() -> list[dict[str, str]]:
        found: list[dict[str, str]] = (await buyer.orders.ask("GET", "/queues/orders")).expect(200)["deadLetters"]
        return found

    await until(letters, 30.0)
    [letter] = await letters()
    assert letter["queue"] == "orders-stock-reserved"
    assert letter["reason"].startswith(reason)
    assert (await Queues(aws).size("orders-stock-reserved-dlq")).all == 1
    answer = await buyer.orders.ask("POST", "/queues/orders/orders-stock-reserved/redrive")
    assert answer.expect(200)["redriven"] >= 1  # it is given up again as soon as it is back

    queues = Queues(aws)

    async def is_gone() -> bool:
        """Out of the dead letters, for the other tests."""
        found = await queues.receive("orders-stock-reserved-dlq", wait_s=1)
        if found:
            await queues.delete("orders-stock-reserved-dlq", [message.receipt for message in found])
        return bool(found)

    await until(is_gone, 30.0)
