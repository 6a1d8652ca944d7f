"""The shop as functions, in this process: Lambda's runtime and API Gateway's events on the model of DynamoDB, with
topics and queues as SNS and SQS have them.

Every function is built as Lambda's runtime builds it, and knows the others by invoking them alone. HTTP comes in over a
real socket and becomes the event that API Gateway would make of it. What each function does with each table is written
down, so that a test can compare it with the manifests.
"""

import asyncio
import itertools
from collections.abc import Awaitable, Coroutine, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
from aiohttp import web

from souk_chassis import wire
from souk_chassis.auth.keys import PublicKeys, SigningKey, jwks
from souk_chassis.auth.tokens import CallTokens, TokenVerifier
from souk_chassis.aws.functions import Invoked
from souk_chassis.clock import Clock, SystemClock
from souk_chassis.edge.edge import Edge, read_edge
from souk_chassis.edge.function import Authorizer, GatewayFunction, function_check
from souk_chassis.engine.dispatch import LocalDispatcher, ResilientDispatcher
from souk_chassis.events.event import Stored, topic_of
from souk_chassis.manifest import Part, Service
from souk_chassis.observability.logs import Log
from souk_chassis.resilience import Deadline, Pipeline
from souk_chassis.runtimes.instance import Aws, Foundation
from souk_chassis.runtimes.lambda_calls import CallsFunction, InvokingDispatcher
from souk_chassis.runtimes.lambda_events import EventsFunction
from souk_chassis.runtimes.lambda_http import HttpFunction
from souk_chassis.storage.dynamodb.client import DynamoClient
from souk_chassis.testing.dynamodb_model import DynamoModel
from souk_topologies.api import api_document
from souk_topologies.edge import edge_files
from souk_topologies.shop import build_of, manifests, wiring
from tests.functions.api_gateway import ApiGateway
from tests.functions.queues import Queues, sqs_record
from tests.functions.tables import WatchedTables, running

CLOCK = SystemClock()
WEB = Path(__file__).resolve().parents[2] / "web"
FUNCTION_S = 29.0
BATCH = 10
"""Messages that one invocation is given, as the queues' mappings are set."""

CONCURRENCY = 5
"""Invocations of one queue at once."""


class FunctionsShop:
    """All functions of the shop, and what lies between them. It belongs to the loop that it was opened on."""

    def __init__(self, keys: Mapping[str, SigningKey], folder: Path, clock: Clock = CLOCK) -> None:
        self.keys = keys
        self.folder = folder
        """Where the gateway's function finds its files."""
        self.clock = clock
        self.services: dict[str, Service] = dict(manifests())
        self._wiring = wiring()
        tables = [table for service in self.services.values() for table in service.tables]
        self.tables = WatchedTables(DynamoModel(tables), self.show)
        self.client: DynamoClient = self.tables
        """What the functions are given."""
        self.queues = {
            name: Queues([service.queue(event) for event in service.consumes])
            for name, service in self.services.items()
        }
        self._http: dict[str, Any] = {}
        self._calls: dict[str, CallsFunction] = {}
        self.events: dict[str, EventsFunction] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._ids = itertools.count()
        document = api_document(list(self.services.values()))
        self.api = ApiGateway(document, Authorizer(TokenVerifier(self._public())), self._invoke_http)

    def _public(self) -> PublicKeys:
        return PublicKeys.from_jwks(jwks(self.keys.values()))

    async def open(self) -> None:
        """Build every function, and begin to deliver."""
        await self.build()
        for name, content in edge_files(list(self.services.values()), WEB).items():
            (self.folder / name).parent.mkdir(parents=True, exist_ok=True)
            (self.folder / name).write_bytes(content)
        document, pages = read_edge(self.folder)
        log = Log("gateway")
        checks = {name: function_check(self, service.label, log) for name, service in self.services.items()}  # type: ignore[arg-type] # as `Functions`
        self._gateway = GatewayFunction(Edge(document, pages, wire.encode(jwks(self.keys.values())), checks, log))
        for name, service in self.services.items():
            for event in service.consumes:
                self._start(self._deliver(name, service.queue(event)))

    async def build(self) -> None:
        """A new sandbox for every function of a service."""
        for name, service in self.services.items():
            for part in Part:
                await self._build(name, service, part)

    async def close(self) -> None:
        """Stop delivering."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _build(self, name: str, service: Service, part: Part) -> None:
        aws = Aws(self.client, self.queues[name], None)
        environment = {"SOUK_MAX_OPEN_ORDERS": "0"}
        instance = await build_of(name)(Foundation(self.clock, self.keys[name], environment, aws=aws))
        local = LocalDispatcher(self._wiring.callers)
        functions = {each.name: each.function(Part.CALLS) for each in self.services.values()}
        invoking = InvokingDispatcher(self, functions, CallTokens(self.keys[name]))
        out = ResilientDispatcher(invoking, {op.service: Pipeline(op.service) for op in service.calls})
        local.bind(instance, out)
        if part is Part.EVENTS:
            self.events[name] = EventsFunction(instance, out, self, self.queues[name])
        elif part is Part.CALLS:
            verifier = TokenVerifier(self._public(), name)
            self._calls[service.function(part)] = CallsFunction(service.implements, local, verifier, instance.log)
        else:
            self._http[service.label] = HttpFunction(service.implements, local, instance.log)

    # --- between the functions

    async def invoke(self, function: str, payload: bytes, **_: object) -> Invoked:
        """See `souk_chassis.aws.functions.Functions`."""
        if function in self._http:
            return Invoked(b"{}")  # it is there
        service = next(each.name for each in self.services.values() if each.function(Part.CALLS) == function)
        answer = await self.invoked(
            service, Part.CALLS, self._calls[function](msgspec.json.decode(payload), self.deadline())
        )
        return Invoked(msgspec.json.encode(answer))

    async def publish(self, messages: Sequence[Stored]) -> None:
        """See `souk_chassis.storage.ports.Bus`: each message goes to every queue that is subscribed to its topic."""
        for message in messages:
            assert topic_of(message.type)
            for service, queue in self._wiring.subscriptions.get(message.type, ()):
                self.queues[service].send(queue, message.json)

    def show(self, table: str, item: Mapping[str, Any]) -> None:
        """What the stream of an events table shows, filtered as its mapping is."""
        for name, service in self.services.items():
            if any(each.name == table and each.streams for each in service.tables) and item["slot"]["S"][:4] == "out#":
                self.streamed(
                    name, {"eventSource": "aws:dynamodb", "eventName": "INSERT", "dynamodb": {"NewImage": item}}
                )

    def streamed(self, name: str, record: Mapping[str, Any]) -> None:
        """A record of a service's stream: it is handed to its function."""
        self._start(self._relay(name, record))

    async def _relay(self, name: str, record: Mapping[str, Any]) -> None:
        await self.invoked(name, Part.EVENTS, self.events[name]({"Records": [record]}, self.deadline()))

    async def _deliver(self, name: str, queue: str) -> None:
        """The queue's mapping: batches, several at once."""
        queues, free = self.queues[name], asyncio.Semaphore(CONCURRENCY)
        while True:
            await queues.woken[queue].wait()
            queues.woken[queue].clear()
            while queues.waiting[queue]:
                batch, queues.waiting[queue] = queues.waiting[queue][:BATCH], queues.waiting[queue][BATCH:]
                queues.in_hand[queue] += len(batch)
                await free.acquire()
                self._start(self._handle(name, queue, batch, free))

    async def _handle(self, name: str, queue: str, batch: Sequence[tuple[str, int]], free: asyncio.Semaphore) -> None:
        """One batch, of which what failed comes again."""
        queues = self.queues[name]
        by_id = {f"m{next(self._ids)}": each for each in batch}
        records = [sqs_record(queue, message_id, *each) for message_id, each in by_id.items()]
        try:
            answer = await self.invoked(name, Part.EVENTS, self.events[name]({"Records": records}, self.deadline()))
            again = [failure["itemIdentifier"] for failure in answer["batchItemFailures"]]
        except Exception:  # noqa: BLE001 - the function broke off: all of them come again
            again = list(by_id)
        for message_id in again:
            body, received = by_id[message_id]
            queues.send(queue, body, received + 1)
        queues.in_hand[queue] -= len(batch)
        free.release()

    async def rounds(self) -> None:
        """The schedule, once."""
        for name, function in self.events.items():
            await self.invoked(name, Part.EVENTS, function({}, self.deadline()))

    async def invoked(self, service: str, part: str, work: Awaitable[Any]) -> Any:
        """Do the work of a service's part under its name."""
        mark = running.set((service, part))
        try:
            return await work
        finally:
            running.reset(mark)

    def deadline(self) -> Deadline:
        """How long an invocation may take."""
        return Deadline.after(FUNCTION_S, self.clock)

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    # --- the way in

    async def serve(self, request: web.BaseRequest) -> web.Response:
        """A request at API Gateway."""
        return await self.api.serve(request)

    async def answer(
        self, method: str, path: str, headers: Mapping[str, str], body: bytes, *, query: str = ""
    ) -> dict[str, Any]:
        """What API Gateway answers. Names of headers are in lower case."""
        return await self.api.answer(method, path, headers, body, query=query)

    async def _invoke_http(self, label: str, event: dict[str, Any]) -> dict[str, Any]:
        service = next((each.name for each in self.services.values() if each.label == label), "")
        function = self._http.get(label) or self._gateway  # a shop that delivers by steps has none
        answer: dict[str, Any] = await self.invoked(service, Part.HTTP, function(event, self.deadline()))
        return answer
