"""A second account on the emulator, for exercises: the same tables, queues, topics and functions as Terraform has made
in the first, and the same roles, but nothing that wakes anybody. So no order is on its way there but the exercise's,
and no shop is disturbed when a role loses a permission."""

import asyncio
import base64
import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from souk_chassis.auth.keys import SigningKey, jwks
from souk_chassis.aws.client import AwsClient
from souk_chassis.aws.credentials import Credentials, FixedCredentials
from souk_chassis.aws.queues import DEAD_LETTERS
from souk_chassis.aws.services import DYNAMODB, LAMBDA, SECRETS_MANAGER, SES, SNS, SQS, AwsService
from souk_chassis.aws.transport import HttpRequest, HttpResponse, HttpTransport
from souk_chassis.manifest import Part
from souk_chassis.storage.dynamodb.client import DynamoClient
from souk_chassis.storage.dynamodb.http_client import HttpDynamoClient
from souk_chassis.wire import encode
from souk_topologies.aws_local.emulator import REGION
from souk_topologies.aws_local.shop import SENDER, Emulated
from souk_topologies.infrastructure import PROJECT
from souk_topologies.shop import manifests
from tests.permissions import declared
from tests.permissions.actions import Grant, grants_of, named
from tests.permissions.stage import recording

FIRST, SECOND = "000000000000", "222222222222"
"""The account in which Terraform has made the shop, and the one for exercises. An account's id is its owner's key."""
IAM = AwsService("iam", "iam", version="2010-05-08")
STS = AwsService("sts", "sts", version="2011-06-15")
POLICY = "uses"
"""The name of each role's policy, as Terraform has it."""
STANDS_FOR = {
    "sns:PublishBatch": "sns:Publish",
    **{f"sqs:{name}Batch": f"sqs:{name}" for name in ("SendMessage", "DeleteMessage", "ChangeMessageVisibility")},
}
"""What the emulator asks for instead of an action of AWS."""
FOR_EMULATOR = "*"
"""The resource on which the emulator asks for sending mails. AWS asks for it on the sender's identity."""
PATIENCE_S = 20.0
"""How long connecting to the emulator may take: it is one process, which starts others, on a machine that is busy."""
REFUSED = re.compile(rb"AccessDenied|AuthorizationError")

Statement = dict[str, Any]


class WatchedTransport:
    """A `Transport` that writes down what is asked for, and what is refused."""

    def __init__(self) -> None:
        self._inner = HttpTransport(timeout_s=20.0, connect_timeout_s=PATIENCE_S)

    async def send(self, request: HttpRequest) -> HttpResponse:
        """See `Transport`."""
        response = await self._inner.send(request)
        record = recording.get()
        if record is not None:
            grants = grants_of(request)
            record.asked |= grants
            if response.status in {400, 403} and REFUSED.search(response.body):
                record.refused |= grants
        return response

    async def close(self) -> None:
        """See `Transport`. It is for all functions: see `shut`."""

    async def shut(self) -> None:
        """Release connections."""
        await self._inner.close()


class Account:
    """The second account: a `Place`."""

    def __init__(self, shop: Emulated, keys: Mapping[str, SigningKey], edge: Path) -> None:
        self._keys = keys
        self._transport = WatchedTransport()
        self.policies: dict[str, list[Statement]] = {}
        """What each role may do, a statement an action and resource."""
        self._shop = shop
        self._edge = edge
        self._functions = declared.functions(keys)
        self._sessions: dict[str, dict[str, str]] = {}

    # --- the place

    @property
    def keys(self) -> Mapping[str, SigningKey]:
        """See `Place`."""
        return self._keys

    @property
    def transport(self) -> WatchedTransport:
        """See `Place`."""
        return self._transport

    def make_dynamo(self, aws: AwsClient) -> DynamoClient:
        """See `Place`: it goes by the transport."""
        return HttpDynamoClient(aws)

    def environment(self, function: str) -> Mapping[str, str]:
        """See `Place`."""
        return {
            **self._functions[function]["environment"],
            "AWS_REGION": REGION,
            "AWS_ENDPOINT_URL": self._shop.endpoint,
            "LAMBDA_TASK_ROOT": str(self._edge),
            "SOUK_JWKS": json.dumps(jwks(self.keys.values())),
            "SOUK_TOPICS": f"arn:aws:sns:{REGION}:{SECOND}:",
        }

    def credentials(self, function: str) -> Mapping[str, str]:
        """See `Place`: a session of the function's role."""
        return self._sessions[function]

    def owner(self) -> Mapping[str, str]:
        """See `Place`."""
        return {"AWS_ACCESS_KEY_ID": SECOND, "AWS_SECRET_ACCESS_KEY": "test"}

    # --- making it

    async def open(self) -> None:
        """Make all that functions use, and the functions that are called by others."""
        await asyncio.gather(*(self._make_service(name) for name in manifests()))
        owner = self._owner()
        await owner.rest(SES, "POST", "/v2/email/identities", encode({"EmailIdentity": SENDER}))
        secrets = await owner.json(SECRETS_MANAGER, "ListSecrets", {})
        arns = {secret["Name"]: secret["ARN"] for secret in secrets["SecretList"]}
        for function in self._functions:
            await self._make_role(function, arns)
        called = [name for name in self._functions if not name.endswith(f"-{Part.EVENTS}")]
        await asyncio.gather(*(self._make_function(name) for name in called))
        await owner.close()

    async def close(self) -> None:
        """Give back all connections."""
        await self.transport.shut()

    async def grant(self, function: str, without: Grant | None = None) -> None:
        """Let a function's role do what Terraform lets it, but for one right: see `declared.right_of`."""
        left = [each for each in self.policies[function] if declared.right_of(grant_of(each)) != without]
        document = json.dumps({"Version": "2012-10-17", "Statement": left})
        owner = self._owner()
        await owner.query(
            IAM, "PutRolePolicy", {"RoleName": function, "PolicyName": POLICY, "PolicyDocument": document}
        )
        await owner.close()

    def granted(self, function: str) -> set[Grant]:
        """What the function's role may do."""
        return {grant_of(statement) for statement in self.policies[function]}

    def _owner(self, account: str = SECOND) -> AwsClient:
        key = FixedCredentials(Credentials(account, "test"))
        return AwsClient(REGION, key, HttpTransport(timeout_s=60.0, connect_timeout_s=PATIENCE_S), self._shop.endpoint)

    async def _make_service(self, name: str) -> None:
        owner, service = self._owner(), manifests()[name]
        for table in service.tables:
            await owner.json(DYNAMODB, "CreateTable", table.create_request())
        for event in service.consumes:
            for queue in (service.queue(event), service.queue(event) + DEAD_LETTERS):
                await owner.json(SQS, "CreateQueue", {"QueueName": queue})
        for published in service.publishes:
            await owner.query(SNS, "CreateTopic", {"Name": published.topic()})
        secret = {"Name": f"{PROJECT}/{name}/key", "SecretString": self.keys[name].pem.decode()}
        await owner.json(SECRETS_MANAGER, "CreateSecret", secret)
        await owner.close()

    async def _make_role(self, function: str, secrets: Mapping[str, str]) -> None:
        """The role of the same name in the first account, with ARNs of the second. It is assumed at once."""
        first, owner = self._owner(FIRST), self._owner()
        policy = await first.query(IAM, "GetRolePolicy", {"RoleName": function, "PolicyName": POLICY})
        self.policies[function] = list(_single(json.loads(unquote(_text(policy, "PolicyDocument"))), secrets))
        role = await first.query(IAM, "GetRole", {"RoleName": function})
        trust = unquote(_text(role, "AssumeRolePolicyDocument"))
        await owner.query(IAM, "CreateRole", {"RoleName": function, "AssumeRolePolicyDocument": trust})
        await self.grant(function)
        asked = {"RoleArn": _role(function), "RoleSessionName": function}
        session = await owner.query(STS, "AssumeRole", asked)
        self._sessions[function] = {
            "AWS_ACCESS_KEY_ID": _text(session, "AccessKeyId"),
            "AWS_SECRET_ACCESS_KEY": _text(session, "SecretAccessKey"),
            "AWS_SESSION_TOKEN": _text(session, "SessionToken"),
        }
        await first.close()
        await owner.close()

    async def _make_function(self, name: str) -> None:
        function, owner = self._functions[name], self._owner()
        environment = {key: text for key, text in self.environment(name).items() if key.startswith("SOUK_")}
        package = Path(self._shop.variables["packages_dir"]) / function["package"]
        request = {
            "FunctionName": name,
            "Role": _role(name),
            "Runtime": "python3.13",
            "Handler": "souk_chassis.runtimes.lambda_.handler",
            "Timeout": function["timeout_s"],
            "MemorySize": function["memory_mb"],
            "Environment": {"Variables": environment},
            "Code": {"ZipFile": base64.b64encode(package.read_bytes()).decode()},
        }
        await owner.rest(LAMBDA, "POST", "/2015-03-31/functions", encode(request))
        await owner.close()


def grant_of(statement: Statement) -> Grant:
    """What a statement of one action and one resource grants, in AWS's words."""
    [action], [resource] = statement["Action"], statement["Resource"]
    return STANDS_FOR.get(action, action), f"identity/{SENDER}" if resource == FOR_EMULATOR else named(resource)


def _single(policy: Mapping[str, Any], secrets: Mapping[str, str]) -> Iterator[Statement]:
    """The statements of a policy, one an action and resource, with ARNs of the second account."""
    for statement in policy["Statement"]:
        kept = {name: value for name, value in statement.items() if name not in {"Sid", "Action", "Resource"}}
        for action in statement["Action"]:
            for resource in statement["Resource"]:
                name = resource.rpartition(":")[2].rpartition("-")[0]
                there = secrets.get(name, resource.replace(FIRST, SECOND))
                yield {**kept, "Action": [action], "Resource": [there]}


def _role(function: str) -> str:
    return f"arn:aws:iam::{SECOND}:role/{function}"


def _text(answer: bytes, element: str) -> str:
    found = re.search(f"<{element}>([^<]*)</{element}>".encode(), answer)
    assert found is not None, answer
    return found[1].decode()
