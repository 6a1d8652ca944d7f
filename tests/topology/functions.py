"""The shop as functions, in this process: Lambda's runtime and API Gateway's events on the model of DynamoDB, with
topics and queues as SNS and SQS have them.

Every function is built as Lambda's runtime builds it, and knows the others by invoking them alone. HTTP comes in over a
real socket and becomes the event that API Gateway would make of it. What each function does with each table is written
down, so that a test can compare it with the manifests.
"""

import asyncio
import base64
import itertools
import json
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable, Collection, Coroutine, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
from aiohttp import web

from souk_chassis import wire
from souk_chassis.auth.keys import PublicKeys, SigningKey, jwks, load_or_create_keys
from souk_chassis.auth.tokens import CallTokens, TokenVerifier
from souk_chassis.aws.functions import Invoked
from souk_chassis.clock import SystemClock
from souk_chassis.events.event import Stored, events_of, topic_of, type_and_subject
from souk_chassis.manifest import Part, Service
from souk_chassis.observability.logs import Log
from souk_chassis.resilience import Deadline, Pipeline
from souk_chassis.runtimes.dispatch import LocalDispatcher, ResilientDispatcher
from souk_chassis.runtimes.instance import Aws, Foundation
from souk_chassis.runtimes.lambda_calls import CallsFunction, InvokingDispatcher
from souk_chassis.runtimes.lambda_edge import Authorizer, Edge, GatewayFunction
from souk_chassis.runtimes.lambda_events import EventsFunction
from souk_chassis.runtimes.lambda_http import HttpFunction, is_http
from souk_chassis.storage.ports import DeadLetter, QueueState
from souk_chassis.testing.dynamodb_model import DynamoModel
from souk_topologies.edge import edge_files
from souk_topologies.places import DataDir
from souk_topologies.shop import ISSUERS, build_of, manifests, wiring
from tests.topology.client import Customer
from tests.topology.running import data_dir, souk

CLOCK = SystemClock()
WEB = Path(__file__).resolve().parents[2] / "web"
FUNCTION_S = 29.0
BATCH = 10
"""Messages that one invocation is given, as the queues' mappings are set."""

CONCURRENCY = 5
"""Invocations of one queue at once."""

_TRANSACTED = {
    "Put": "PutItem",
    "Update": "UpdateItem",
    "Delete": "DeleteItem",
    "ConditionCheck": "ConditionCheckItem",
    "Get": "GetItem",
}
_running: ContextVar[tuple[str, str]] = ContextVar("_running", default=("", ""))
"""The service and the part whose function is at work."""

Used = dict[tuple[str, str], set[tuple[str, str]]]
"""What each function (service, part) did: (table, action) pairs."""


class WatchedTables:
    """The model, as a client that writes down who does what, and shows a table's stream what was put into it."""

    def __init__(self, model: DynamoModel, shown: Callable[[str, Mapping[str, Any]], None]) -> None:
        self.model = model
        self.used: Used = defaultdict(set)
        self._shown = shown

    async def call(self, operation: str, request: Mapping[str, Any]) -> dict[str, Any]:
        """See `DynamoClient`."""
        actions = list(_actions(operation, request))
        self.used[_running.get()].update((table, action) for table, action, _ in actions)
        answer = await self.model.call(operation, request)
        for table, action, item in actions:
            if action == "PutItem" and item is not None:
                self._shown(table, item)
        return answer

    async def close(self) -> None:
        """See `DynamoClient`."""


def _actions(operation: str, request: Mapping[str, Any]) -> Any:
    """(table, IAM action, item) of a call: of what a transaction does, not of the transaction, as IAM has it."""
    if "TransactItems" in request:
        for each in request["TransactItems"]:
            [(kind, inner)] = each.items()
            yield inner["TableName"], _TRANSACTED[kind], inner.get("Item")
    elif "RequestItems" in request:
        for table in request["RequestItems"]:
            yield table, operation, None
    else:
        index = f":{request['IndexName']}" if "IndexName" in request else ""
        yield request["TableName"], operation + index, request.get("Item")


class Queues:
    """One service's queues as SQS keeps them: a message comes again until it is done, or lies with the dead letters."""

    def __init__(self, names: Collection[str]) -> None:
        self.waiting: dict[str, list[tuple[str, int]]] = {name: [] for name in names}
        """Bodies, and how often each was received."""
        self.dead: dict[str, list[tuple[str, str, int]]] = {name: [] for name in names}
        """Bodies, with reason and attempts."""
        self.in_hand: Counter[str] = Counter()
        self.woken = {name: asyncio.Event() for name in names}

    def send(self, queue: str, body: str, received: int = 0) -> None:
        """Put a message into a queue."""
        self.waiting[queue].append((body, received))
        self.woken[queue].set()

    async def bury(self, queue: str, event_json: str, reason: str, attempts: int) -> None:
        """See `souk_chassis.runtimes.lambda_events.DeadLetters`."""
        self.dead[queue].append((event_json, reason, attempts))

    async def postpone(self, queue: str, delays_s: Mapping[str, float]) -> None:
        """See `souk_chassis.runtimes.lambda_events.DeadLetters`. Here they come again at once."""

    async def queue_states(self, queues: Collection[str]) -> Sequence[QueueState]:
        """See `souk_chassis.storage.ports.QueueBooks`."""
        return [state for state in self.states() if state.name in queues]

    def states(self) -> Sequence[QueueState]:
        """The state of each queue."""
        waiting = {queue: len(messages) + self.in_hand[queue] for queue, messages in self.waiting.items()}
        return [QueueState(queue, count, 0.0, len(self.dead[queue])) for queue, count in waiting.items()]

    async def dead_letters(self, limit: int) -> Sequence[DeadLetter]:
        """See `souk_chassis.storage.ports.QueueBooks`."""
        letters = []
        for queue, dead in self.dead.items():
            for body, reason, attempts in dead:
                event_id = events_of(body)[0][0]
                letters.append(
                    DeadLetter(queue, event_id, *type_and_subject(body), reason, attempts, datetime.now(UTC))
                )
        return letters[:limit]

    async def redrive(self, queue: str) -> int:
        """See `souk_chassis.storage.ports.QueueBooks`."""
        dead, self.dead[queue] = self.dead[queue], []
        for body, _, _ in dead:
            self.send(queue, body)
        return len(dead)


class FunctionsShop:
    """All functions of the shop, and what lies between them. It belongs to the loop that it was opened on."""

    def __init__(self, keys: Mapping[str, SigningKey], folder: Path) -> None:
        self.keys = keys
        self.folder = folder
        """Where the gateway's function finds its files."""
        self.services: dict[str, Service] = dict(manifests())
        self._wiring = wiring()
        tables = [table for service in self.services.values() for table in service.tables]
        self.tables = WatchedTables(DynamoModel(tables), self._show)
        self.queues = {
            name: Queues([service.queue(event) for event in service.consumes])
            for name, service in self.services.items()
        }
        self._http: dict[str, Any] = {}
        self._calls: dict[str, CallsFunction] = {}
        self._events: dict[str, EventsFunction] = {}
        self._routes: dict[str, tuple[str, Callable[..., Awaitable[dict[str, Any]]]]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._ids = itertools.count()
        self._authorizer = Authorizer(TokenVerifier(self._public()))

    def _public(self) -> PublicKeys:
        return PublicKeys.from_jwks(jwks(self.keys.values()))

    async def open(self) -> None:
        """Build every function, and begin to deliver."""
        for name, service in self.services.items():
            for part in Part:
                await self._build(name, service, part)
        for name, content in edge_files(list(self.services.values()), WEB).items():
            (self.folder / name).parent.mkdir(parents=True, exist_ok=True)
            (self.folder / name).write_bytes(content)
        edge = Edge(self.folder, wire.encode(jwks(self.keys.values())))
        names = {name: service.label for name, service in self.services.items()}
        self._gateway = GatewayFunction(edge, self, names, Log("gateway"))
        for name, service in self.services.items():
            for event in service.consumes:
                self._start(self._deliver(name, service.queue(event)))

    async def close(self) -> None:
        """Stop delivering."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _build(self, name: str, service: Service, part: Part) -> None:
        aws = Aws(self.tables, self.queues[name], None)
        environment = {"SOUK_MAX_OPEN_ORDERS": "0"}
        instance = await build_of(name)(Foundation(CLOCK, self.keys[name], environment, aws=aws))
        local = LocalDispatcher(self._wiring.callers)
        functions = {each.name: each.function(Part.CALLS) for each in self.services.values()}
        invoking = InvokingDispatcher(self, functions, CallTokens(self.keys[name]))
        out = ResilientDispatcher(invoking, {op.service: Pipeline(op.service) for op in service.calls})
        local.bind(instance, out)
        if part is Part.EVENTS:
            self._events[name] = EventsFunction(instance, out, self, self.queues[name])
        elif part is Part.CALLS:
            verifier = TokenVerifier(self._public(), name)
            self._calls[service.function(part)] = CallsFunction(service.implements, local, verifier, instance.log)
        else:
            self._http[service.label] = function = HttpFunction(service.implements, local, instance.log)
            routes = [operation.route for operation in service.implements if operation.route is not None]
            self._routes |= {f"{route.method} {route.path}": (name, function) for route in routes}

    # --- between the functions

    async def invoke(self, function: str, payload: bytes, **_: object) -> Invoked:
        """See `souk_chassis.aws.functions.Functions`."""
        if function in self._http:
            return Invoked(b"{}")  # it is there
        service = next(each.name for each in self.services.values() if each.function(Part.CALLS) == function)
        answer = await self._as(service, Part.CALLS, self._calls[function](msgspec.json.decode(payload), _deadline()))
        return Invoked(msgspec.json.encode(answer))

    async def publish(self, messages: Sequence[Stored]) -> None:
        """See `souk_chassis.storage.ports.Bus`: each message goes to every queue that is subscribed to its topic."""
        for message in messages:
            assert topic_of(message.type)
            for service, queue in self._wiring.subscriptions.get(message.type, ()):
                self.queues[service].send(queue, message.json)

    def _show(self, table: str, item: Mapping[str, Any]) -> None:
        """What the stream of an events table shows, filtered as its mapping is."""
        for name, service in self.services.items():
            if any(each.name == table and each.streams for each in service.tables) and item["slot"]["S"][:4] == "out#":
                record = {"eventSource": "aws:dynamodb", "eventName": "INSERT", "dynamodb": {"NewImage": item}}
                self._start(self._relay(name, record))

    async def _relay(self, name: str, record: Mapping[str, Any]) -> None:
        await self._as(name, Part.EVENTS, self._events[name]({"Records": [record]}, _deadline()))

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
        records = [_sqs_record(queue, message_id, *each) for message_id, each in by_id.items()]
        try:
            answer = await self._as(name, Part.EVENTS, self._events[name]({"Records": records}, _deadline()))
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
        for name, function in self._events.items():
            await self._as(name, Part.EVENTS, function({}, _deadline()))

    async def _as(self, service: str, part: str, work: Awaitable[Any]) -> Any:
        mark = _running.set((service, part))
        try:
            return await work
        finally:
            _running.reset(mark)

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    # --- the way in

    async def serve(self, request: web.BaseRequest) -> web.Response:
        """What API Gateway does with a request: find its route, ask the authorizer, hand on the event."""
        route, parameters, service, function = self._route(request) or ("$default", {}, "", self._gateway)
        headers = {name.lower(): value for name, value in request.headers.items()}
        body = await request.content.read()
        event: dict[str, Any] = {
            "version": "2.0",
            "routeKey": route,
            "rawPath": request.path,
            "rawQueryString": request.rel_url.raw_query_string,
            "headers": headers,
            "pathParameters": parameters,
            "requestContext": {"http": {"method": request.method}},
            "body": base64.b64encode(body).decode(),
            "isBase64Encoded": True,
        }
        event["requestContext"]["authorizer"] = {"lambda": self._authorizer(event)["context"]}
        assert is_http(event)
        answer = await self._as(service, Part.HTTP, function(event, _deadline()))
        content = base64.b64decode(answer["body"]) if answer["isBase64Encoded"] else answer["body"].encode()
        return web.Response(status=answer["statusCode"], headers=answer["headers"], body=content)

    def _route(self, request: web.BaseRequest) -> Any:
        path = request.path.split("/")
        for route, (service, function) in sorted(self._routes.items(), key=lambda each: "{" in each[0]):
            method, _, template = route.partition(" ")
            pattern = template.split("/")
            if method == request.method and len(pattern) == len(path):
                pairs = list(zip(pattern, path, strict=True))
                if all(part == given or (part[:1] == "{" and given) for part, given in pairs):
                    parameters = {part[1:-1]: given for part, given in pairs if part[:1] == "{"}
                    return route, parameters, service, function
        return None


class FunctionsServer:
    """A `FunctionsShop` behind a socket, on a loop and a thread of its own: what `Shop` is for the other topologies."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.url = ""
        self.admin = ""
        self.known: dict[str, Customer] = {}
        self.shop: FunctionsShop
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="functions")
        self._runner: web.ServerRunner

    def up(self) -> None:
        """Start it on any free port."""
        self._thread.start()
        self.run(self._up())
        made = souk("token", "--admin", at=self.folder)
        assert made.status == 0, made.err
        self.admin = made.out.strip()

    def down(self) -> None:
        """Stop it."""
        self.run(self._down())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    def run(self, work: Coroutine[Any, Any, Any]) -> Any:
        """Do something on the shop's loop."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(60)

    def audit(self) -> None:
        """Assert that all books agree."""
        ended = souk("audit", "--json", "--url", self.url, environment={"SOUK_TOKEN": self.admin})
        assert ended.out, ended.err
        report = json.loads(ended.out)
        assert (ended.status, report["ok"]) == (0, True), [check for check in report["checks"] if not check["ok"]]

    async def row_counts(self) -> dict[str, int]:
        """The number of items of every table, once no event is under way any more. What expires is not counted."""
        deadline = time.monotonic() + 30
        before: dict[str, int] = {}
        while True:
            tables = self.shop.tables.model.tables.values()
            counts = {each.name: sum("expiresAt" not in item for item in each.items.values()) for each in tables}
            moving = any(state.waiting for queues in self.shop.queues.values() for state in queues.states())
            if counts == before and not moving:
                return counts
            assert time.monotonic() < deadline, f"events do not come to rest: {counts}"
            before = counts
            await asyncio.sleep(0.05)

    async def _up(self) -> None:
        self.shop = FunctionsShop(load_or_create_keys(DataDir(self.folder).keys, ISSUERS), self.folder / "edge")
        await self.shop.open()
        # As wide as it gets: whatever is too much is for the functions to refuse.
        self._runner = web.ServerRunner(web.Server(self.shop.serve, max_line_size=2**20, max_field_size=2**20))
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"

    async def _down(self) -> None:
        await self.shop.close()
        await self._runner.cleanup()


@contextmanager
def running_functions() -> Iterator[FunctionsServer]:
    """A shop of functions with a data directory of its own. At the end its books agree."""
    with data_dir() as folder:
        server = FunctionsServer(folder)
        server.up()
        try:
            yield server
            server.audit()
        finally:
            server.down()


def _deadline() -> Deadline:
    return Deadline.after(FUNCTION_S, CLOCK)


def _sqs_record(queue: str, message_id: str, body: str, received: int) -> dict[str, Any]:
    return {
        "eventSource": "aws:sqs",
        "eventSourceARN": f"arn:aws:sqs:eu-west-1:123456789012:{queue}",
        "messageId": message_id,
        "receiptHandle": message_id,
        "body": body,
        "attributes": {"ApproximateReceiveCount": str(received + 1)},
    }
