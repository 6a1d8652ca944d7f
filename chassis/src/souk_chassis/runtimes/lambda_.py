"""The Lambda runtime: one handler for every function of the shop. What a function does is said by its environment.

A sandbox starts its service once, with the first event, and then handles one event at a time on one loop that lives as
long as it does. Nothing of ASGI is imported here, and of the parts below only the one that the function is.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Any, Literal, Protocol

import msgspec

from souk_chassis.auth.keys import SigningKey
from souk_chassis.clock import SystemClock
from souk_chassis.config import Config, read_config
from souk_chassis.errors import SoukError, unavailable
from souk_chassis.observability.logs import Log, writer
from souk_chassis.observability.trace import new_traceparent
from souk_chassis.resilience import Deadline

if TYPE_CHECKING:
    from souk_chassis.auth.tokens import TokenVerifier
    from souk_chassis.aws.client import AwsClient
    from souk_chassis.context import Dispatcher
    from souk_chassis.engine.dispatch import LocalDispatcher
    from souk_chassis.manifest import Service
    from souk_chassis.runtimes.instance import Instance

ANSWER_RESERVE_S = 0.5
"""What is left of a function's time for the answer when an operation is cut off, in seconds."""
CLOCK = SystemClock()

Work = Callable[[Mapping[str, Any], Deadline], Awaitable[dict[str, Any]]]


class LambdaContext(Protocol):
    """What Lambda tells of an invocation."""

    def get_remaining_time_in_millis(self) -> int:
        """How long this invocation may still take."""


class LambdaConfig(Config, frozen=True):
    """Settings of a function, as Terraform sets them. JSON in a string where they are tables."""

    part: Literal["http", "calls", "events", "gateway", "authorizer"]
    bootstrap: str = ""
    """The module that builds the service, such as `souk_orders.bootstrap`."""
    jwks: str = '{"keys":[]}'
    callers: str = "{}"
    """Which services may call an operation: its name to theirs."""
    functions: str = "{}"
    """Which function answers calls: a service's name to the function's."""
    urls: str = "{}"
    """Where the services are that run in containers: a service's name to its base URL."""
    key_secret: str = ""
    """The secret that holds the service's signing key; empty where the function signs nothing."""
    topics: str = ""
    """What the ARN of every topic begins with."""


class Sandbox:
    """One function's sandbox: what was started, and the loop that it lives on."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = environment
        self._config = read_config(LambdaConfig, environment)
        self._loop = asyncio.new_event_loop()
        self._work: Work | None = None

    def handle(self, event: Mapping[str, Any], remaining_s: float) -> dict[str, Any]:
        """Handle one event. The first one starts the service; where that fails, the next one tries again.

        An HTTP request that met a failed start is answered as every other failure; for all else it is raised.
        """
        deadline = Deadline.after(max(0.0, remaining_s - ANSWER_RESERVE_S), CLOCK)
        return self._loop.run_until_complete(self._handle(event, deadline))

    async def _handle(self, event: Mapping[str, Any], deadline: Deadline) -> dict[str, Any]:
        if self._work is None:
            try:
                async with asyncio.timeout(deadline.remaining_s):
                    self._work = await self._start()
            except Exception as error:
                if self._config.part not in {"http", "gateway"}:
                    raise
                return self._not_started(event, error)
        return await self._work(event, deadline)

    def _not_started(self, event: Mapping[str, Any], error: Exception) -> dict[str, Any]:
        """Nothing of the request was done: `unavailable`, whatever it was."""
        from souk_chassis.http.exchange import failed
        from souk_chassis.http.proxy_event import as_proxy_answer, is_http

        if not is_http(event):
            raise error
        log, traceparent = Log(self._config.bootstrap.partition(".")[0] or self._config.part), new_traceparent()
        log.error("the function did not start", traceparent, error=error)
        return as_proxy_answer(failed(unavailable("not_started", "It is not ready."), traceparent, log, ""))

    async def _start(self) -> Work:
        if self._config.part == "authorizer":
            return self._authorizer()
        from souk_chassis.aws.client import open_aws

        aws = open_aws(self._environment)
        try:
            return self._gateway(aws) if self._config.part == "gateway" else await self._service(aws)
        except BaseException:
            await aws.close()
            raise

    def _authorizer(self) -> Work:
        from souk_chassis.edge.function import Authorizer

        authorizer = Authorizer(self._verifier())

        async def work(event: Mapping[str, Any], _: Deadline) -> dict[str, Any]:
            return authorizer(event)

        return work

    def _gateway(self, aws: "AwsClient") -> Work:
        from pathlib import Path  # here: it takes 3 ms, and no other function needs it

        from souk_chassis.aws.functions import Functions
        from souk_chassis.edge.edge import GATEWAY, Edge, read_edge
        from souk_chassis.edge.function import READY_TIMEOUT_S, GatewayFunction, function_check
        from souk_chassis.edge.takeover import read_takeover

        log, invoke = Log(GATEWAY), Functions(aws)
        functions, urls = self._table(self._config.functions), self._table(self._config.urls)
        checks = {name: function_check(invoke, function, log) for name, function in functions.items()}
        if urls:
            from souk_chassis.edge.function import url_check
            from souk_chassis.runtimes.lambda_posting import http_transport

            transport = http_transport()
            checks |= {name: url_check(transport, url) for name, url in urls.items()}
        # Applications of one's own are not mounted on Lambda.
        takeover, legacy = msgspec.structs.replace(read_takeover(self._environment), apps={}), None
        if takeover.legacy_url is not None:
            from souk_chassis.edge.legacy_function import LegacyFunction

            legacy = LegacyFunction(takeover.legacy_url, log)
        document, pages = read_edge(Path(self._environment["LAMBDA_TASK_ROOT"]))
        beside = {"legacy": legacy.check} if legacy else {}
        jwks = self._config.jwks.encode()
        edge = Edge(document, pages, jwks, checks, log, takeover, beside=beside, check_timeout_s=READY_TIMEOUT_S)
        return GatewayFunction(edge, legacy)

    async def _service(self, aws: "AwsClient") -> Work:
        """Build the service, and the part of it that this function is."""
        from souk_chassis.aws.queues import SqsQueues
        from souk_chassis.aws.sqs import Queues
        from souk_chassis.engine.dispatch import LocalDispatcher
        from souk_chassis.runtimes.instance import Aws, Foundation
        from souk_chassis.storage.dynamodb.client import RetryingClient
        from souk_chassis.storage.dynamodb.http_client import HttpDynamoClient

        module = import_module(self._config.bootstrap)
        service: Service = module.service
        queues = SqsQueues(Queues(aws), [service.queue(event) for event in service.consumes])
        key = await self._key(aws, service.name)
        on_aws = Aws(RetryingClient(HttpDynamoClient(aws)), queues, aws)
        instance: Instance = await module.build(Foundation(CLOCK, key, self._environment, aws=on_aws))
        local = LocalDispatcher(self._table(self._config.callers))
        out = self._way_out(aws, key, service)
        local.bind(instance, out)
        if self._config.part == "events":
            from souk_chassis.aws.bus import SnsBus
            from souk_chassis.aws.sns import Topics
            from souk_chassis.runtimes.lambda_events import EventsFunction

            return EventsFunction(instance, out, SnsBus(Topics(aws), self._config.topics), queues)
        if self._config.part == "calls":
            from souk_chassis.runtimes.lambda_calls import CallsFunction

            return CallsFunction(service.implements, local, self._verifier(service.name), instance.log)
        return self._http(instance, local)

    async def _key(self, aws: "AwsClient", issuer: str) -> SigningKey:
        """The service's signing key, where this function is one that signs: the secret is named then."""
        if not self._config.key_secret:
            return SigningKey(issuer, b"")
        from souk_chassis.aws.secrets import Secrets

        return SigningKey(issuer, await Secrets(aws).value(self._config.key_secret))

    def _http(self, instance: "Instance", local: "LocalDispatcher") -> Work:
        from souk_chassis.http.proxy_event import is_http
        from souk_chassis.runtimes.lambda_http import HttpFunction

        answer = HttpFunction(instance.manifest.implements, local, instance.log)

        async def work(event: Mapping[str, Any], deadline: Deadline) -> dict[str, Any]:
            return await answer(event, deadline) if is_http(event) else await _readiness(instance)

        return work

    def _way_out(self, aws: "AwsClient", key: SigningKey, service: "Service") -> "Dispatcher":
        from souk_chassis.auth.tokens import CallTokens
        from souk_chassis.aws.functions import Functions
        from souk_chassis.engine.dispatch import CalleeDispatcher, ResilientDispatcher
        from souk_chassis.resilience import Pipeline
        from souk_chassis.runtimes.lambda_calls import InvokingDispatcher

        functions, urls, tokens = self._table(self._config.functions), self._table(self._config.urls), CallTokens(key)
        ways: dict[str, Dispatcher] = dict.fromkeys(functions, InvokingDispatcher(Functions(aws), functions, tokens))
        if urls:
            from souk_chassis.runtimes.lambda_posting import PostingDispatcher, http_transport

            ways |= dict.fromkeys(urls, PostingDispatcher(http_transport(), urls, tokens))
        callees = {operation.service for operation in service.calls}
        return ResilientDispatcher(CalleeDispatcher(ways), {name: Pipeline(name) for name in callees})

    def _verifier(self, audience: str = "") -> "TokenVerifier":
        from souk_chassis.auth.keys import PublicKeys
        from souk_chassis.auth.tokens import PUBLIC_AUDIENCE, TokenVerifier

        keys = PublicKeys.from_jwks(msgspec.json.decode(self._config.jwks))
        return TokenVerifier(keys, audience or PUBLIC_AUDIENCE)

    @staticmethod
    def _table(text: str) -> dict[str, Any]:
        table: dict[str, Any] = msgspec.json.decode(text)
        return table


async def _readiness(instance: "Instance") -> dict[str, Any]:
    try:
        await instance.store.ping()
    except SoukError as error:
        return {"missing": error.detail}
    return {}


_sandbox: Sandbox | None = None


def handler(event: Mapping[str, Any], context: LambdaContext) -> dict[str, Any]:
    """The handler of every function: `souk_chassis.runtimes.lambda_.handler`."""
    global _sandbox
    if _sandbox is None:
        import os

        writer.at_once = True
        _sandbox = Sandbox(os.environ)
    return _sandbox.handle(event, context.get_remaining_time_in_millis() / 1000)
