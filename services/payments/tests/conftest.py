"""A payments service under test: its worker is driven by hand, its events are heard, its orders service is a table."""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from datetime import UTC, datetime
from typing import Any

import pytest
from souk_chassis.auth.keys import new_key
from souk_chassis.clock import Clock, SystemClock
from souk_chassis.context import Call, Context, internal_call
from souk_chassis.events.event import Event, Stored, pack, unpack
from souk_chassis.operation import AnyOperation
from souk_chassis.runtimes.instance import Foundation, Instance
from souk_chassis.runtimes.worker import Worker
from souk_chassis.storage.ports import Subscriptions
from souk_chassis.testing.clock import ManualClock
from souk_contracts.orders import FindOrderStates, OrderCancelled, OrderState, OrderStates, OrderStatus
from souk_contracts.payments import PaymentBook, RefundOwed
from souk_contracts.products import StockReserved
from souk_contracts.shop import BookRequest

from souk_payments.bootstrap import build
from souk_payments.manifest import service
from souk_payments.operations import get_payment_books

TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


class Ears:
    """Hears what the service publishes."""

    def __init__(self) -> None:
        self.heard: list[Stored] = []

    async def receive(self, queue_events: Sequence[tuple[str, Stored]]) -> None:
        self.heard += [event for _, event in queue_events]

    def events(self) -> list[Event]:
        """What was published, in order, read again."""
        kinds = {event.type_name(): event for event in service.publishes}
        return [unpack(stored.json, kinds[stored.type]).data for stored in self.heard]


class Orders:
    """Stands for the orders service: answers `find_order_states` from a table."""

    def __init__(self) -> None:
        self.states: dict[str, OrderStatus] = {}
        self.asked: list[tuple[str, ...]] = []

    async def dispatch(self, operation: AnyOperation, request: Any, call: Call) -> Any:
        assert operation is FindOrderStates
        assert not call.deadline.expired
        self.asked.append(request.order_ids)
        known = [order_id for order_id in request.order_ids if order_id in self.states]
        return OrderStates(items=tuple(OrderState(order_id=i, status=self.states[i]) for i in known))

    def stream(self, operation: AnyOperation, request: Any, call: Call) -> AsyncIterator[Any]:
        raise AssertionError("nobody streams here")


class Shop:
    """The service with its worker, and what it needs around it."""

    def __init__(self, instance: Instance, clock: Clock, deliveries: int) -> None:
        self.instance, self.clock = instance, clock
        self.ears, self.orders = Ears(), Orders()
        heard = {event.type_name(): [("ears", "ears")] for event in service.publishes}
        heard[RefundOwed.type_name()].append(("payments", service.queue(RefundOwed)))
        subscriptions = Subscriptions(heard, {"ears": self.ears, "payments": instance.database})
        self.worker = Worker(instance, subscriptions, self.orders, deliveries=deliveries)

    @property
    def store(self) -> Any:
        return self.instance.database

    def context(self) -> Context[Any]:
        return self.instance.context(self.orders, internal_call(self.clock, 30.0, "payments", TRACE))

    async def send(self, *events: Event) -> list[Stored]:
        """Put events into the service's queues, as other services' relays do."""
        packed = [pack(event, source="test", time=self.clock.now(), traceparent=TRACE) for event in events]
        await self.resend(*packed)
        return packed

    async def resend(self, *packed: Stored) -> None:
        queues = {event.type_name(): service.queue(event) for event in service.consumes}
        await self.store.receive([(queues[stored.type], stored) for stored in packed])

    async def run(self) -> None:
        """Handle and relay until nothing moves any more."""
        moved = 1
        while moved:
            moved = await self.worker.relay_once()
            for hearing in self.worker.hearings:
                moved += await self.worker.consume_once(hearing)

    async def handle(self, *events: Event) -> list[Event]:
        """Send, run, and return what was published since the last call, but for internal events."""
        await self.send(*events)
        await self.run()
        return self.published()

    def published(self) -> list[Event]:
        told = [event for event in self.ears.events() if not isinstance(event, RefundOwed)]
        self.ears.heard.clear()
        return told

    async def waiting(self) -> int:
        """Events in the queues."""
        states = await self.store.queue_states([service.queue(event) for event in service.consumes])
        return sum(state.waiting for state in states)

    async def books(self) -> dict[str, PaymentBook]:
        return {book.order_id: book for book in (await get_payment_books(self.context(), BookRequest())).items}


OpenShop = Callable[..., Awaitable[Shop]]


@pytest.fixture(params=["memory", "postgres"])
async def open_shop(
    request: pytest.FixtureRequest, new_database: Callable[[], Awaitable[str]]
) -> AsyncIterator[OpenShop]:
    """Opens payments services on each store, and closes them after the test. One test's shops share a database."""
    url = await new_database() if request.param == "postgres" else None
    instances: list[Instance] = []

    async def open_one(*, deliveries: int = 1, clock: Clock | None = None) -> Shop:
        clock = clock or ManualClock(datetime.now(UTC))
        instance = await build(Foundation(clock, new_key("payments"), {}, url))
        instances.append(instance)
        return Shop(instance, clock, deliveries)

    yield open_one
    for instance in instances:
        await instance.close()


@pytest.fixture
def system_clock() -> SystemClock:
    return SystemClock()


def reserved(order_id: str = "o-1", method: str = "tok_ok", total_minor: int = 1000) -> StockReserved:
    return StockReserved(order_id=order_id, total_minor=total_minor, currency="GBP", payment_method=method)


def cancelled(order_id: str = "o-1", total_minor: int = 1000) -> OrderCancelled:
    return OrderCancelled(order_id=order_id, total_minor=total_minor, currency="GBP", reason="changed my mind")
