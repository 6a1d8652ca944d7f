"""Functions and a container in one shop, on the emulator: products is a container with PostgreSQL, the rest functions.

What Terraform does for that is done here by hand, from the same inputs, since the emulator carries no tasks: the
container's role, the queues that its function hears no more, the variables of those who call it, and the routes. The
container is the process that its image starts.
"""

import asyncio
import json
import re
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import aiohttp
import botocore.session
import pytest

from souk_chassis.auth.keys import jwks, load_or_create_keys
from souk_chassis.engine.intake import WAIT_S
from souk_chassis.http.api_gateway import Runtime
from souk_topologies.aws_local.emulator import REGION
from souk_topologies.aws_local.shop import MAIL_SETTINGS
from souk_topologies.containers import Place
from souk_topologies.infrastructure import terraform_inputs
from souk_topologies.places import DataDir
from souk_topologies.postgres import ServerAddress
from souk_topologies.shop import ISSUERS, manifests
from tests.images.shop import Containers
from tests.infra.account import STANDS_FOR
from tests.infra.shop import EmulatedShop
from tests.topology.client import Client, lines

MOVED = "products"
LABEL = "product-service"
ACCOUNT = "000000000000"
ROLE = "product-service-task"
TOPICS = f"arn:aws:sns:{REGION}:{ACCOUNT}:"
HOST = re.compile(r"http://[\w-]+\.souk\.internal")


class Clients:
    """The emulator's services, by botocore."""

    def __init__(self, endpoint: str) -> None:
        self.endpoint = endpoint
        self._session = botocore.session.Session()
        self._session.set_credentials("test", "test")

    def __call__(self, service: str) -> Any:
        """A client of one of them."""
        return self._session.create_client(service, region_name=REGION, endpoint_url=self.endpoint)


def arn(resource: str) -> str:
    """What Terraform makes of a resource's name in the inputs (infra/terraform/modules/shop/permissions.tf)."""
    kind, _, name = resource.partition("/")
    service, resource_id = {
        "queue": ("sqs", name),
        "dead-letters": ("sqs", f"{name}-dlq"),
        "topic": ("sns", name),
        "function": ("lambda", f"function:{name}"),
        "key": ("kms", f"key/{name}"),
    }[kind]
    return f"arn:aws:{service}:{REGION}:{ACCOUNT}:{resource_id}"


def policy(*statements: Mapping[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": statements})


def granted(permission: Mapping[str, Any]) -> dict[str, list[str]]:
    """A permission of the inputs with the actions that the emulator asks for instead, and with ARNs."""
    besides = [each for each, action in STANDS_FOR.items() if action in permission["actions"]]
    return {"Action": [*permission["actions"], *besides], "Resource": [arn(name) for name in permission["resources"]]}


@contextmanager
def task_role(clients: Clients, container: Mapping[str, Any]) -> Iterator[dict[str, str]]:
    """The variables of a session of the container's role, which may do what the inputs grant."""
    iam = clients("iam")
    trust = policy({"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole"})
    iam.create_role(RoleName=ROLE, AssumeRolePolicyDocument=trust)
    uses = policy(*({"Effect": "Allow", **granted(each)} for each in container["permissions"]))
    iam.put_role_policy(RoleName=ROLE, PolicyName="uses", PolicyDocument=uses)
    role = f"arn:aws:iam::{ACCOUNT}:role/{ROLE}"
    key = clients("sts").assume_role(RoleArn=role, RoleSessionName="task")["Credentials"]
    try:
        yield {
            "AWS_REGION": REGION,
            "AWS_ENDPOINT_URL": clients.endpoint,
            "AWS_ACCESS_KEY_ID": key["AccessKeyId"],
            "AWS_SECRET_ACCESS_KEY": key["SecretAccessKey"],
            "AWS_SESSION_TOKEN": key["SessionToken"],
        }
    finally:
        iam.delete_role_policy(RoleName=ROLE, PolicyName="uses")
        iam.delete_role(RoleName=ROLE)


@contextmanager
def unheard(clients: Clients) -> Iterator[None]:
    """No function hears the service's queues."""
    functions = clients("lambda")
    found = functions.list_event_source_mappings(FunctionName=f"{LABEL}-events")["EventSourceMappings"]
    hears = [each["UUID"] for each in found if ":sqs:" in each["EventSourceArn"]]
    assert len(hears) == len(manifests()[MOVED].consumes)
    for uuid in hears:
        functions.update_event_source_mapping(UUID=uuid, Enabled=False)
    try:
        yield
    finally:
        for uuid in hears:
            functions.update_event_source_mapping(UUID=uuid, Enabled=True)


@contextmanager
def told(clients: Clients, name: str, before: Mapping[str, str], after: Mapping[str, str]) -> Iterator[None]:
    """A function's variables as they are after the move, on its alias too where it has one."""
    functions = clients("lambda")
    was = functions.get_function_configuration(FunctionName=name)["Environment"]["Variables"]
    kept = {variable: text for variable, text in was.items() if variable not in before}
    functions.update_function_configuration(FunctionName=name, Environment={"Variables": {**kept, **after}})
    aliases = {each["Name"]: each["FunctionVersion"] for each in functions.list_aliases(FunctionName=name)["Aliases"]}
    if aliases:
        version = functions.publish_version(FunctionName=name)["Version"]
    for alias in aliases:
        functions.update_alias(FunctionName=name, Name=alias, FunctionVersion=version)
    try:
        yield
    finally:
        for alias, old in aliases.items():
            functions.update_alias(FunctionName=name, Name=alias, FunctionVersion=old)
        if aliases:  # Terraform takes the newest one for the alias's
            functions.delete_function(FunctionName=name, Qualifier=version)
        functions.update_function_configuration(FunctionName=name, Environment={"Variables": was})


@contextmanager
def routed(clients: Clients, api: str, url: str) -> Iterator[None]:
    """The service's routes lead to its container."""
    gateway = clients("apigatewayv2")
    [was] = [each for each in gateway.get_integrations(ApiId=api)["Items"] if f":{LABEL}" in each["IntegrationUri"]]
    here = {"ApiId": api, "IntegrationId": was["IntegrationId"]}
    gateway.update_integration(**here, IntegrationType="HTTP_PROXY", IntegrationUri=url)
    try:
        yield
    finally:
        kept = {name: was[name] for name in ("IntegrationType", "IntegrationUri")}
        gateway.update_integration(**here, **kept)


@pytest.fixture(scope="module")
def container(
    emulated_shop: EmulatedShop, postgres_server: ServerAddress, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Containers]:
    """The shop with products in a container. In the end all is as it was."""
    clients, services = Clients(emulated_shop.endpoint), list(manifests().values())
    keys = load_or_create_keys(DataDir(emulated_shop.data_dir).keys, ISSUERS)
    runtimes = {MOVED: Runtime.ECS}
    before, after = (
        terraform_inputs(services, jwks(keys.values()), MAIL_SETTINGS, places)["services"] for places in ({}, runtimes)
    )
    api = clients("apigatewayv2").get_apis()["Items"][0]["ApiId"]
    with ExitStack() as stack:
        role = stack.enter_context(task_role(clients, after[MOVED]["container"]))
        made = Containers(
            postgres_server.dsn("postgres"),
            Path(tmp_path_factory.mktemp("container")),
            Place.AWS,
            runtimes,
            [MOVED],
            {**role, "SOUK_TOPICS": TOPICS},
        )
        made.keys = keys
        made.provision()
        stack.enter_context(unheard(clients))
        # The emulator goes on waiting for one who is gone: the next message would be his, and hidden.
        stack.callback(time.sleep, WAIT_S)
        made.start()
        stack.callback(made.stop)
        asyncio.run(made.until_ready())
        for name in before:
            for kind, function in after[name]["functions"].items():
                was = before[name]["functions"][kind]
                now = {each: HOST.sub(made.urls[MOVED], text) for each, text in function["environment"].items()}
                if now != was["environment"]:
                    stack.enter_context(told(clients, function["name"], was["environment"], now))
        stack.enter_context(routed(clients, api, made.urls[MOVED]))
        yield made


@pytest.fixture
async def shop(emulated_shop: EmulatedShop, container: Containers) -> AsyncIterator[Client]:
    """A client of the mixed shop."""
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=60)) as session:
        yield Client(emulated_shop.api, container.admin, session)


async def test_an_order_goes_from_functions_to_the_container_and_back(shop: Client) -> None:
    """It is cancelled in the end: the functions' own products, which other tests audit, never heard of it."""
    lamp = await shop.new_product("2.50", 10)
    order = await shop.confirmed({"email": "ada@example.org", "items": lines((lamp, 4))})
    assert (order["total"], await shop.stock(lamp)) == ("10.00", 6)
    (await shop.ask("POST", f"/orders/{order['orderId']}/cancel")).expect(200)
    await shop.stock_settles(lamp, 10)
    await shop.money_settles(order["orderId"], 1000, 1000)


async def test_what_the_container_does_not_have_is_refused_by_it(shop: Client) -> None:
    lamp = await shop.new_product("2.50", 3)
    receipt = await shop.place({"email": "ada@example.org", "items": lines((lamp, 4))})
    order = await shop.until(receipt["orderId"], "REJECTED")
    assert [each["productId"] for each in order["shortItems"]] == [lamp]
    assert await shop.stock(lamp) == 3


async def test_the_container_is_not_called_without_a_token_for_it(shop: Client, container: Containers) -> None:
    url = f"{container.urls[MOVED]}/operations/quote"
    async with shop.session.post(url, json={"items": []}, headers={"authorization": f"Bearer {shop.admin}"}) as answer:
        assert answer.status in {401, 403}
