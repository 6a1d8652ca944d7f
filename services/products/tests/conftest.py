"""What the tests of the products service share: stores of both kinds, contexts, deliveries."""

import random
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest

from souk_chassis import wire
from souk_chassis.clock import Clock
from souk_chassis.context import Context, internal_call
from souk_chassis.errors import unavailable
from souk_chassis.events.event import Delivery, Event
from souk_chassis.ids import uuid7
from souk_chassis.money import Money
from souk_chassis.observability.logs import Log
from souk_chassis.storage.collisions import retry_on_conflict
from souk_chassis.storage.dynamodb.client import DynamoClient, RetryingClient
from souk_chassis.storage.dynamodb.tables import chunks
from souk_chassis.storage.opening import open_store
from souk_chassis.testing.clock import ManualClock
from souk_chassis.testing.consumers import events_in
from souk_chassis.testing.dynamodb_model import DynamoModel, Limits
from souk_contracts.order_books import OrderState, OrderStates
from souk_contracts.order_status import OrderStatus
from souk_contracts.products import StockReserved
from souk_products.domain import ReservationState
from souk_products.operations import Products, make_products
from souk_products.ports import ProductRecord, ProductsStore
from souk_products.stock_movements import reserve
from souk_products.storage.dynamodb import DynamoProductsStore
from souk_products.storage.memory import MemoryProductsStore
from souk_products.storage.postgres import PostgresProductsStore
from souk_products.tables import TABLES


class Orders:
    """Stands for the orders service: answers what a test set, and counts the calls."""

    def __init__(self) -> None:
        self.states: dict[str, OrderStatus] = {}
        self.asked: list[tuple[str, ...]] = []
        self.failures = 0

    async def dispatch(self, operation: Any, request: Any, call: Any) -> OrderStates:
        if call.deadline.remaining_s <= 0:
            raise unavailable("deadline_exceeded", "There was no time left.")
        if self.failures:
            self.failures -= 1
            raise unavailable("down", "Orders can't be reached.")
        self.asked.append(request.order_ids)
        known = [order_id for order_id in request.order_ids if order_id in self.states]
        return OrderStates(items=tuple(OrderState(order_id=each, status=self.states[each]) for each in known))

    def stream(self, operation: Any, request: Any, call: Any) -> Any:
        raise AssertionError("products streams nothing")


class Service:
    """A products service on a store: runs handlers as the worker does, and shows what was published."""

    def __init__(self, store: ProductsStore, clock: Clock) -> None:
        self.store = store
        self.orders = Orders()
        self.lines: list[dict[str, Any]] = []
        deps = make_products(store, store, "GBP", clock)
        log = Log("product-service", self)  # type: ignore[arg-type] # stands for the writer
        self.ctx: Context[Products] = Context(deps, "products", log, clock, self.orders, internal_call(clock, 10.0))

    def write(self, line: bytes) -> None:
        """What the log wrote."""
        self.lines.append(wire.decode(line, dict[str, Any]))

    async def deliver(self, handler: Callable[..., Awaitable[None]], *events: Event) -> list[dict[str, Any]]:
        """Run a handler in one unit of work. Returns what it published: each event's type and data."""
        deliveries = [Delivery(uuid7(), event, "") for event in events]
        before = set(self._outbox())
        async with self.store.unit() as unit:
            await handler(self.ctx, unit, deliveries)
        outbox = self._outbox()
        sent = events_in(outbox[event_id] for event_id in set(outbox) - before)
        return [{"type": each.type, **wire.decode(each.data, dict[str, Any])} for each in sent]

    async def now(self) -> dict[str, int]:
        """Stock on hand by product, after a look at every product's ledger."""
        books = await self.store.stock_books("", 1000)
        assert all(book.start + book.corrected - book.sold + book.returned == book.now for book in books)
        return {book.product_id: book.now for book in books}

    async def reservations(self) -> dict[str, tuple[str, int]]:
        """State and units held by order."""
        return {book.order_id: (book.state, book.units) for book in await self.store.reservation_books("", 1000)}

    def _outbox(self) -> dict[str, Any]:
        assert isinstance(self.store, MemoryProductsStore)
        return self.store.tables["outbox"]


class Dynamo:
    """What tests of DynamoDB's store make of it: processes on a model, units of work, looks at the books."""

    @staticmethod
    def unmetered() -> DynamoModel:
        """Empty tables, whose capacity never ends."""
        return DynamoModel(TABLES, Limits(metered=False))

    @staticmethod
    def on(client: DynamoClient, clock: ManualClock | None = None, seed: int = 1) -> DynamoProductsStore:
        """Another process on the same tables."""
        return DynamoProductsStore(client, clock or ManualClock(), random.Random(seed))

    @staticmethod
    async def put(store: DynamoProductsStore, shards: int = 1, **stock: int) -> None:
        """Make products with this stock in so many shards."""
        records = [ProductRecord(key, key, "", Money(1), store.clock.now()) for key in stock]
        for some in chunks(records, 45):
            async with store.unit() as unit:
                await unit.put_products(some, stock)
        if shards > 1:
            for product_id in stock:
                await store.spread_stock(product_id, shards)

    @staticmethod
    async def in_unit(store: DynamoProductsStore, work: Any, argument: Any) -> Any:
        """Run `work(unit, argument)` as a worker does, again where it collides; tell what was reserved."""

        async def once() -> Any:
            async with store.unit() as unit:
                done = await work(unit, argument)
                for each in done if work is reserve else ():
                    if each.state is ReservationState.HELD:
                        order = {"order_id": each.order_id, "total_minor": 1}
                        unit.publish(StockReserved(**order, currency="GBP", payment_method="t"), "")
            return done

        return await retry_on_conflict(once)

    @staticmethod
    async def now(store: DynamoProductsStore) -> dict[str, int]:
        """Stock by product, after a look at every ledger."""
        books = await store.stock_books("", 5_000)
        assert all(book.start + book.corrected - book.sold + book.returned == book.now >= 0 for book in books)
        return {book.product_id: book.now for book in books}

    @staticmethod
    async def held(store: DynamoProductsStore) -> dict[str, int]:
        """Units by order."""
        return {book.order_id: book.units for book in await store.reservation_books("", 5_000)}


@pytest.fixture(scope="session")
def dynamo() -> type[Dynamo]:
    """The above."""
    return Dynamo


@pytest.fixture
def clock() -> ManualClock:
    """A clock that tests set."""
    return ManualClock()


@pytest.fixture
def service(clock: ManualClock) -> Service:
    """The service in memory."""
    return Service(MemoryProductsStore(clock), clock)


@pytest.fixture(params=["memory", "postgres"])
def make_database(request: pytest.FixtureRequest) -> Callable[[], Awaitable[str]] | None:
    """What makes a database for the service, or None for the one in memory. Not async: it asks for an async fixture."""
    return request.getfixturevalue("new_database") if request.param == "postgres" else None


@pytest.fixture(params=["memory", "postgres", "dynamodb"])
def make_store(request: pytest.FixtureRequest, clock: ManualClock) -> Callable[[], Awaitable[ProductsStore]]:
    """What makes an empty store of each kind. Not async: it asks for an async fixture."""
    if request.param == "postgres":
        new_database = request.getfixturevalue("new_database")

        async def make() -> Any:
            return await open_store(await new_database(), "souk_products", "products", clock, PostgresProductsStore)

        return make

    async def make_in_memory() -> Any:
        if request.param == "memory":
            return MemoryProductsStore(clock)
        return DynamoProductsStore(RetryingClient(DynamoModel(TABLES, Limits(metered=False))), clock)

    return make_in_memory


@pytest.fixture
async def store(make_store: Callable[[], Awaitable[ProductsStore]]) -> AsyncIterator[ProductsStore]:
    """An empty store of each kind."""
    opened = await make_store()
    yield opened
    await opened.close()


@pytest.fixture
def on(clock: ManualClock) -> Callable[[ProductsStore], Service]:
    """A service on a given store."""
    return lambda store: Service(store, clock)
