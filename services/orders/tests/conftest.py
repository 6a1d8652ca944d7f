"""What the tests of the orders service share: stores of both kinds, a products service that is a table, drafts."""

import random
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import pytest
from msgspec.structs import replace

from souk_chassis import wire
from souk_chassis.auth.identity import ANONYMOUS, Caller, Identity, Role
from souk_chassis.auth.keys import new_key
from souk_chassis.clock import Clock
from souk_chassis.context import Call, Context
from souk_chassis.errors import SoukError
from souk_chassis.events.event import Delivery, Event
from souk_chassis.ids import uuid7
from souk_chassis.money import Money
from souk_chassis.operation import AnyOperation
from souk_chassis.resilience import Deadline
from souk_chassis.runtimes.instance import Foundation, Instance
from souk_chassis.storage.dynamodb.client import DynamoClient, RetryingClient
from souk_chassis.storage.opening import open_store
from souk_chassis.testing.clock import ManualClock
from souk_chassis.testing.consumers import events_in
from souk_chassis.testing.dynamodb_model import DynamoModel, Limits
from souk_chassis.testing.logs import RecordedLines
from souk_contracts.order_status import OrderStatus
from souk_contracts.orders import NewOrder, NewOrderItem, OrderReceipt
from souk_contracts.products import Quotation, Quote, QuotedPrice, QuoteRequest
from souk_orders.bootstrap import build
from souk_orders.domain import Draft, Head, Line, Step, move_to
from souk_orders.manifest import service
from souk_orders.placing import Orders, place_order
from souk_orders.ports import OrderStore
from souk_orders.storage.dynamodb import DynamoOrderStore
from souk_orders.storage.memory import MemoryOrderStore
from souk_orders.storage.postgres import PostgresOrderStore
from souk_orders.tables import TABLES

NOW = datetime(2025, 1, 1, tzinfo=UTC)
TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
ADA = Identity(Role.CUSTOMER, "ada")
WAYS: Mapping[OrderStatus, tuple[OrderStatus, ...]] = {
    OrderStatus.PENDING: (),
    OrderStatus.RESERVED: (OrderStatus.RESERVED,),
    OrderStatus.CONFIRMED: (OrderStatus.RESERVED, OrderStatus.CONFIRMED),
    OrderStatus.SHIPPED: (OrderStatus.RESERVED, OrderStatus.CONFIRMED, OrderStatus.SHIPPED),
    OrderStatus.DELIVERED: (
        OrderStatus.RESERVED,
        OrderStatus.CONFIRMED,
        OrderStatus.SHIPPED,
        OrderStatus.DELIVERED,
    ),
    OrderStatus.REJECTED: (OrderStatus.REJECTED,),
    OrderStatus.CANCELLED: (OrderStatus.RESERVED, OrderStatus.CANCELLED),
    OrderStatus.RETURNED: (OrderStatus.RESERVED, OrderStatus.CONFIRMED, OrderStatus.RETURNED),
}
"""How an order comes to each state."""


class Products:
    """Stands for the products service: quotes from a table, or fails as told."""

    def __init__(self) -> None:
        self.prices = {"apple": 25, "pear": 130, "free": 0}
        self.failure: SoukError | None = None
        self.asked: list[tuple[str, ...]] = []
        self.before_answer: Callable[[], Awaitable[Any]] | None = None

    async def dispatch(self, operation: AnyOperation, request: Any, call: Call) -> Any:
        assert operation is Quote
        assert call.caller.service == "orders"
        assert isinstance(request, QuoteRequest)
        self.asked.append(request.product_ids)
        if self.before_answer is not None:
            await self.before_answer()
        if self.failure is not None:
            raise self.failure
        known = [product_id for product_id in request.product_ids if product_id in self.prices]
        prices = (QuotedPrice(product_id=each, price=Money(self.prices[each])) for each in known)
        return Quotation(currency="GBP", prices=tuple(prices))

    def stream(self, operation: AnyOperation, request: Any, call: Call) -> AsyncIterator[Any]:
        raise AssertionError("orders streams nothing from elsewhere")


class Desk:
    """The orders service in memory: its operations are called and its handlers run as the runtimes do."""

    def __init__(self, instance: Instance, clock: ManualClock) -> None:
        self.log = RecordedLines()
        self.instance = replace(instance, log=self.log.log(service.label))
        self.clock = clock
        self.products = Products()

    @property
    def deps(self) -> Orders:
        deps: Orders = self.instance.deps
        return deps

    @property
    def store(self) -> MemoryOrderStore:
        store = self.deps.store
        assert isinstance(store, MemoryOrderStore)
        return store

    def as_(self, identity: Identity = ANONYMOUS) -> Context[Orders]:
        """The context of a call by that identity."""
        call = Call(Caller(identity), TRACE, Deadline.after(30.0, self.clock))
        return self.instance.context(self.products, call)

    async def place(self, identity: Identity = ADA, /, **fields: Any) -> OrderReceipt:
        """Place an order, of two apples unless said otherwise."""
        fields.setdefault("items", (NewOrderItem(product_id="apple", quantity=2),))
        return await place_order(self.as_(identity), NewOrder(**fields))

    async def bring_to(self, status: OrderStatus, order_id: str = "o1", **fields: Any) -> None:
        """Ada's order in that state, with nothing of how it came there left in the outbox or the log."""
        await self.place(id=order_id, **fields)
        for step in WAYS[status]:
            async with self.store.unit() as unit:
                head = (await unit.lock([order_id]))[order_id]
                await unit.move([move_to(head, Step(step, self.clock.now()))])
        self.published()
        self.log.lines.clear()

    async def hear(self, handler: Callable[..., Awaitable[None]], *events: Event) -> list[dict[str, Any]]:
        """Run a handler in one unit of work. Returns what it published."""
        deliveries = [Delivery(uuid7(), event, TRACE) for event in events]
        async with self.store.unit() as unit:
            await handler(self.as_(), unit, deliveries)
        return self.published()

    def published(self) -> list[dict[str, Any]]:
        """What was published since the last call: type, trace and data of each event."""
        sent = events_in(self.store.tables["outbox"].values())
        self.store.tables["outbox"].clear()
        return [
            {"type": each.type.split(".")[1], "trace": each.traceparent, **wire.decode(each.data, dict[str, Any])}
            for each in sent
        ]

    async def status(self, order_id: str = "o1") -> OrderStatus:
        """The order's state."""
        [state] = await self.store.states([order_id])
        return state.status


@pytest.fixture
def clock() -> ManualClock:
    """A clock that tests set."""
    return ManualClock(NOW)


@pytest.fixture
async def desk(clock: ManualClock) -> AsyncIterator[Desk]:
    """The service in memory."""
    instance = await build(Foundation(clock, new_key("orders"), {}, None))
    yield Desk(instance, clock)
    await instance.close()


@pytest.fixture
def make_desk() -> Callable[[Instance, ManualClock], Desk]:
    """A desk of one's own, for tests that run their own loop."""
    return Desk


def make_draft(order_id: str, **fields: Any) -> Draft:
    """An order to be placed: two apples, unless said otherwise. Its fingerprint is its id, unless said otherwise."""
    lines: Sequence[Line] = fields.pop("lines", (Line("apple", 2, 25),))
    given: dict[str, Any] = {
        "customer_id": "ada",
        "email": None,
        "currency": "GBP",
        "payment_method": "tok_ok",
        "prices_cached": False,
        "fingerprint": order_id.encode(),
        "created_at": NOW,
        "traceparent": TRACE,
        "total_minor": sum(line.quantity * line.unit_price_minor for line in lines),
        **fields,
    }
    return Draft(order_id=order_id, lines=tuple(lines), **given)


@pytest.fixture
def draft() -> Callable[..., Draft]:
    """Makes drafts: see `make_draft`."""
    return make_draft


async def walk_to(store: OrderStore, order_id: str, *steps: Step) -> None:
    """Let a stored order take these steps, each in a unit of work of its own."""
    for step in steps:
        async with store.unit() as unit:
            heads: Mapping[str, Head] = await unit.lock([order_id])
            await unit.move([move_to(heads[order_id], step)])


@pytest.fixture
def walk() -> Callable[..., Awaitable[None]]:
    """Moves stored orders: see `walk_to`."""
    return walk_to


class Dynamo:
    """What tests of DynamoDB's store need: tables, and processes on them."""

    @staticmethod
    def unmetered() -> DynamoModel:
        """Empty tables, whose capacity never ends."""
        return DynamoModel(TABLES, Limits(metered=False))

    @staticmethod
    def on(client: DynamoClient, clock: Clock | None = None) -> DynamoOrderStore:
        """Another process on the same tables."""
        return DynamoOrderStore(RetryingClient(client), clock or ManualClock(NOW), random.Random(1))


@pytest.fixture(scope="session")
def dynamo() -> type[Dynamo]:
    """The above."""
    return Dynamo


@pytest.fixture(params=["memory", "postgres", "dynamodb"])
def make_store(request: pytest.FixtureRequest, clock: ManualClock) -> Callable[[], Awaitable[OrderStore]]:
    """What makes an empty store of each kind. Not async: it asks for an async fixture."""
    if request.param == "postgres":
        new_database = request.getfixturevalue("new_database")

        async def make() -> Any:
            return await open_postgres(await new_database(), clock)

        return make

    async def make_in_memory() -> Any:
        if request.param == "memory":
            return MemoryOrderStore(clock)
        return Dynamo.on(Dynamo.unmetered(), clock)

    return make_in_memory


@pytest.fixture(params=["postgres", "dynamodb"])
def make_processes(request: pytest.FixtureRequest, clock: ManualClock) -> Callable[[], Awaitable[Sequence[OrderStore]]]:
    """What makes two stores on one database of each kind. Not async: it asks for an async fixture."""
    if request.param == "postgres":
        new_database = request.getfixturevalue("new_database")

        async def make() -> Any:
            url = await new_database()
            return await open_postgres(url, clock), await open_postgres(url, clock)

        return make

    async def make_in_memory() -> Any:
        model = Dynamo.unmetered()
        return Dynamo.on(model, clock), Dynamo.on(model, clock)

    return make_in_memory


async def open_postgres(url: str, clock: Clock) -> PostgresOrderStore:
    """A store with a pool of its own."""
    return await open_store(url, "souk_orders", "orders", clock, PostgresOrderStore)


@pytest.fixture
async def store(make_store: Callable[[], Awaitable[OrderStore]]) -> AsyncIterator[OrderStore]:
    """An empty store of each kind."""
    opened = await make_store()
    yield opened
    await opened.close()


@pytest.fixture
async def two_pools(
    make_processes: Callable[[], Awaitable[Sequence[OrderStore]]],
) -> AsyncIterator[Sequence[OrderStore]]:
    """One database, and two processes' ways to it."""
    stores = await make_processes()
    yield stores
    for each in stores:
        await each.close()
