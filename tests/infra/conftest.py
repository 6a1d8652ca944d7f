"""What the tests here share: Amazon's own DynamoDB Local with a signed client, tables and the suites; and the whole
shop on an emulator of AWS.

`make test-infra` installs both. SOUK_DYNAMODB_LOCAL names another folder that has DynamoDBLocal.jar.
"""

import asyncio
import importlib.util
import os
import secrets
import shutil
import socket
import subprocess
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import ExitStack
from pathlib import Path
from types import ModuleType

import pytest

from souk_chassis.aws.client import AwsClient
from souk_chassis.aws.credentials import Credentials, FixedCredentials
from souk_chassis.aws.transport import HttpTransport
from souk_chassis.hosts.listening import free_port
from souk_chassis.storage.dynamodb.client import DynamoClient, RetryingClient
from souk_chassis.storage.dynamodb.http_client import HttpDynamoClient
from souk_chassis.storage.dynamodb.schema import Table
from souk_chassis.testing.clock import ManualClock
from souk_chassis.testing.waiting import until
from souk_topologies.aws_local.emulator import emulator
from souk_topologies.aws_local.shop import bring_up
from souk_topologies.aws_local.terraform import LOCAL, Terraform
from tests.infra.shop import EmulatedShop
from tests.infra.standing import standing

ROOT = Path(__file__).resolve().parents[2]
INSTALLED = ROOT / "build/dynamodb-local/node_modules/amplify-dynamodb-simulator/emulator"


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "emulated: needs the shop on the emulator, which has the machine for itself")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """`make test-infra` runs what needs the emulated shop apart from the rest: beside others its functions are slow."""
    for item in items:
        if "emulated_shop" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.emulated)


def contract(service: str, name: str) -> ModuleType:
    """A test module of a service, such as the contract suite of its store."""
    spec = importlib.util.spec_from_file_location(f"{service}_{name}", ROOT / f"services/{service}/tests/{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def local_url() -> Iterator[str]:
    """DynamoDB Local, in memory, for the run."""
    folder = Path(os.environ.get("SOUK_DYNAMODB_LOCAL", INSTALLED))
    if not (folder / "DynamoDBLocal.jar").exists():
        pytest.fail(f"DynamoDB Local is not in {folder}: run `make test-infra`, or name it by SOUK_DYNAMODB_LOCAL.")
    if shutil.which("java") is None:
        pytest.fail("DynamoDB Local needs Java 17 or newer, and there is no `java` in the path.")
    port = free_port()
    command = ["java", f"-Djava.library.path={folder}/DynamoDBLocal_lib", "-jar", "DynamoDBLocal.jar", "-inMemory"]
    server = subprocess.Popen([*command, "-port", str(port)], cwd=folder, stdout=subprocess.DEVNULL)
    try:
        asyncio.run(until(lambda: answers(port), 60.0))
        yield f"http://127.0.0.1:{port}/"
    finally:
        server.terminate()
        server.wait(20)


def answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def tables() -> Iterable[Table]:
    """The tables that `client` makes: a module says which, by a fixture of its own."""
    raise NotImplementedError


@pytest.fixture
async def client(local_url: str, tables: Iterable[Table]) -> AsyncIterator[DynamoClient]:
    """A client with empty tables: DynamoDB Local keeps those of each access key apart."""
    key = FixedCredentials(Credentials(f"test{secrets.token_hex(8)}", "secret"))
    made = RetryingClient(HttpDynamoClient(AwsClient("eu-west-1", key, HttpTransport(), local_url)))
    for table in tables:
        await made.call("CreateTable", table.create_request())
    yield made
    await made.close()


@pytest.fixture(scope="session")
def emulated_shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmulatedShop]:
    """The shop of functions on an emulator that asks for permissions, made by Terraform once for the whole run. At the
    end Terraform removes it, and nothing is left in the account."""
    data_dir = tmp_path_factory.mktemp("shop")
    folder = data_dir / "aws-local"
    with ExitStack() as stack:
        made = bring_up(folder, data_dir, stack, lambda _: None, AUTH="true")
        terraform = Terraform(folder)
        yield EmulatedShop(made, data_dir, terraform)
        terraform.destroy(LOCAL, **made.variables)
        left = standing(made.endpoint)
    with emulator(tmp_path_factory.mktemp("emulator")) as new:
        assert left == standing(new)
