"""Brings up the emulated shop: packages, emulator, Terraform, the services' keys, and the address in front."""

import asyncio
import json
import sys
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack, ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from souk_chassis.auth.keys import SigningKey, jwks, load_or_create_keys
from souk_chassis.aws.client import AwsClient, open_aws
from souk_chassis.aws.services import SECRETS_MANAGER, SES
from souk_chassis.config import ConfigError
from souk_chassis.hosts.listening import listen
from souk_chassis.hosts.process import in_thread
from souk_chassis.http.routing import in_json
from souk_chassis.manifest import DYNAMODB
from souk_topologies.api import api_document
from souk_topologies.aws_local.emulator import REGION, emulator
from souk_topologies.aws_local.front import Front
from souk_topologies.aws_local.terraform import LOCAL, Terraform, TerraformError
from souk_topologies.aws_local.tools import CHECKOUT, find_emulator, find_terraform
from souk_topologies.edge import edge_files
from souk_topologies.infrastructure import PROJECT, terraform_inputs
from souk_topologies.packages import DEFAULT_PLATFORM, Target, build_packages
from souk_topologies.places import DataDir
from souk_topologies.settings import Settings
from souk_topologies.shop import ISSUERS, SERVICES, manifests

SENDER = "shop@example.org"
MAIL_SETTINGS = {"notifications": {"SOUK_MAIL_TRANSPORT": "ses", "SOUK_MAIL_FROM": f"Souk <{SENDER}>"}}
"""Mails go out by SES, as on AWS: the emulator keeps them."""

APPLY_TRIES = 3
"""How often the shop is made, each time on a new emulator: on a busy machine the provider sometimes gives a request up,
makes it again, and is then told that what it asks for is there already."""

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Emulated:
    """A shop that was made: the emulator's address, and the API's on it."""

    endpoint: str
    api: str
    variables: Mapping[str, str]
    outputs: Mapping[str, Any]


async def open_emulated(settings: Settings, stack: AsyncExitStack, say: Say) -> str:
    """Open a shop that ends with the stack and keeps no data. Returns its address once it takes orders.

    Raises ConfigError, EmulatorError, TerraformError, PackageError, ListenError.
    """
    find_emulator(), find_terraform()  # said at once, and not after the packages
    listener = listen(settings.host, settings.port)
    stack.callback(listener.close)
    folder = DataDir(settings.data_dir).path / "aws-local"
    made = await in_thread(bring_up, folder, settings.data_dir, stack, say)
    front = Front(made.api)
    stack.push_async_callback(front.stop)
    await front.start(listener)
    return f"http://{settings.host}:{listener.getsockname()[1]}"


def bring_up(
    folder: Path, data_dir: Path, stack: ExitStack | AsyncExitStack, say: Say, **emulator_settings: str
) -> Emulated:
    """Make the shop on a new emulator, which ends with the stack."""
    inputs, packages = folder / "inputs", folder / "packages"
    inputs.mkdir(parents=True, exist_ok=True)
    services = list(manifests().values())
    if others := [service.name for service in services if DYNAMODB not in service.stores]:
        raise ConfigError(f"{', '.join(others)}: the store is PostgreSQL alone, and the emulator runs functions")
    keys = load_or_create_keys(DataDir(data_dir).keys, ISSUERS)
    (inputs / "inputs.json").write_bytes(in_json(terraform_inputs(services, jwks(keys.values()), MAIL_SETTINGS)))
    (inputs / "openapi.json").write_bytes(in_json(api_document(services)))
    say("packages")
    here = Target(f"{sys.version_info.major}.{sys.version_info.minor}", DEFAULT_PLATFORM)
    list(build_packages(CHECKOUT, packages, edge_files(services, CHECKOUT / "web"), here))
    for turn in range(APPLY_TRIES):
        with ExitStack() as running:
            say("emulator")
            endpoint = running.enter_context(emulator(folder, **emulator_settings))
            variables = {"endpoint": endpoint, "inputs_dir": str(inputs), "packages_dir": str(packages)}
            say("terraform apply (a minute)")
            try:
                outputs = _apply(folder, variables)
            except TerraformError:
                if turn == APPLY_TRIES - 1:
                    raise
                continue
            asyncio.run(_furnish(endpoint, keys))
            stack.push(running.pop_all())
            return Emulated(endpoint, outputs["url"], variables, outputs)
    raise AssertionError("the last try returns or raises")


def _apply(folder: Path, variables: Mapping[str, str]) -> dict[str, Any]:
    terraform = Terraform(folder)
    (terraform.sources / LOCAL / "terraform.tfstate").unlink(missing_ok=True)  # the emulator is new
    terraform.init(LOCAL)
    return terraform.apply(LOCAL, **variables)


async def _furnish(endpoint: str, keys: Mapping[str, SigningKey]) -> None:
    """What Terraform leaves to the operator: the values of the secrets, and the sender of mails."""
    aws = emulated_client(endpoint)
    try:
        for service in SERVICES:
            value = {"SecretId": f"{PROJECT}/{service}/key", "SecretString": keys[service].pem.decode()}
            await aws.json(SECRETS_MANAGER, "PutSecretValue", value)
        identity = json.dumps({"EmailIdentity": SENDER}).encode()
        await aws.rest(SES, "POST", "/v2/email/identities", identity)
    finally:
        await aws.close()


def emulated_client(endpoint: str) -> AwsClient:
    """A client of the emulator, as its owner."""
    return open_aws(
        {
            "AWS_REGION": REGION,
            "AWS_ENDPOINT_URL": endpoint,
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
        }
    )
