"""A payments service under test: its worker is driven by hand, its events are heard, its orders service is a table."""

import io
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from datetime import UTC, datetime
from typing import Any

import pytest
from msgspec import structs

from souk_chassis.auth.keys import new_key
from souk_chassis.context import Call, Context, internal_call
from souk_chassis.engine.worker import Worker
from souk_chassis.events.event import Event, Stored, pack, unpack
from souk_chassis.observability.logs import Log, LogWriter
from souk_chassis.operation import AnyOperation
from souk_chassis.runtimes.instance import Foundation, Instance
from souk_chassis.storage.ports import Subscriptions
from souk_chassis.testing.clock import ManualClock
from souk_contracts.order_books import OrderState, OrderStates
from souk_contracts.order_status import OrderStatus
from souk_contracts.orders import FindOrderStates, OrderCancelled, OrderOverdue, OrderReturned
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

    def __init__(self, instance: Instance, clock: ManualClock, deliveries: int) -> None:
        self.instance, self.clock = instance, clock
        self.ears, self.orders = Ears(), Orders()
        heard = {event.type_name(): [("ears", "ears")] for event in service.publishes}
        heard[RefundOwed.type_name()].append(("payments", service.queue(RefundOwed)))
        subscriptions = Subscriptions(heard, {"ears": self.ears, "payments": instance.database})
        self.worker = Worker(instance, subscriptions, self.orders, deliveries=deliveries)

    @property
    def store(self) -> Any:
        return self.instance.database

    @property
    def deps(self) -> Any:
        return self.instance.deps

    def context(self) -> Context[Any]:
        return self.instance.context(self.orders, internal_call(self.clock, 30.0, "payments", TRACE))

    def packed(self, event: Event) -> Stored:
        """An event as another service's outbox holds it."""
        return pack(event, source="test", time=self.clock.now(), traceparent=TRACE)

    async def send(self, *events: Event | Stored) -> None:
        """Put events into the service's queues, as other services' relays do."""
        queues = {event.type_name(): service.queue(event) for event in service.consumes}
        packed = [event if isinstance(event, Stored) else self.packed(event) for event in events]
        await self.store.receive([(queues[stored.type], stored) for stored in packed])

    async def consume(self, event: type[Event]) -> int:
        """Handle one batch of one queue."""
        subscription = next(subscription for subscription in self.worker.subscriptions if subscription.event is event)
        return await self.worker.consume_once(subscription)

    async def run(self) -> None:
        """Handle and relay until nothing moves any more."""
        moved = 1
        while moved:
            moved = await self.worker.relay_once()
            for subscription in self.worker.subscriptions:
                moved += await self.worker.consume_once(subscription)

    async def handle(self, *events: Event | Stored) -> list[Event]:
        """Send, run, and return what was published since the last call, but for the internal event."""
        await self.send(*events)
        await self.run()
        kinds = {event.type_name(): event for event in service.publishes}
        told = [each.data for stored in self.ears.heard for each in unpack(stored.json, kinds[stored.type])]
        self.ears.heard.clear()
        return [event for event in told if not isinstance(event, RefundOwed)]

    async def queue(self, event: type[Event]) -> Any:
        """The state of the queue in which the service hears `event`."""
        return (await self.store.queue_states([service.queue(event)]))[0]

    async def books(self) -> dict[str, PaymentBook]:
        return {book.order_id: book for book in (await get_payment_books(self.context(), BookRequest())).items}

    def reserved(self, order_id: str = "o-1", method: str = "tok_ok", total_minor: int = 1000) -> StockReserved:
        return StockReserved(order_id=order_id, total_minor=total_minor, currency="GBP", payment_method=method)

    def cancelled(self, order_id: str = "o-1") -> OrderCancelled:
        return OrderCancelled(order_id=order_id, total_minor=1000, currency="GBP", reason="changed my mind")

    def returned(self, return_id: str, amount_minor: int, order_id: str = "o-1") -> OrderReturned:
        return OrderReturned(
            order_id=order_id,
            total_minor=1000,
            currency="GBP",
            return_id=return_id,
            amount_minor=amount_minor,
            items=(),
        )

    def overdue(self, order_id: str = "o-1") -> OrderOverdue:
        return OrderOverdue(order_id=order_id, total_minor=1000, currency="GBP", payment_method="tok_ok", items=())


@pytest.fixture(params=["memory", "memory twice", "postgres", "postgres twice"])
async def shop(request: pytest.FixtureRequest, new_database: Callable[[], Awaitable[str]]) -> AsyncIterator[Shop]:
    """A payments service on each store; with `twice`, every delivery is handed to its handler two times."""
    url = await new_database() if "postgres" in request.param else None
    clock, lines = ManualClock(datetime.now(UTC)), LogWriter(io.StringIO())
    instance = await build(Foundation(clock, new_key("payments"), {}, url))
    instance = structs.replace(instance, log=Log(service.label, lines))
    yield Shop(instance, clock, deliveries=2 if "twice" in request.param else 1)
    await instance.close()
    lines.close()
