"""A payments service under test: its worker is driven by hand, its events are heard, its orders service is a table.

On DynamoDB, where a store has no queues, its handlers are driven without a worker.
"""

import io
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from msgspec import structs

from souk_chassis import wire
from souk_chassis.auth.keys import new_key
from souk_chassis.clock import Clock
from souk_chassis.context import Call, Context, internal_call
from souk_chassis.engine.worker import Worker
from souk_chassis.events.event import Delivery, Envelope, Event, Stored, pack, unpack
from souk_chassis.ids import uuid7
from souk_chassis.observability.logs import Log, LogWriter
from souk_chassis.operation import AnyOperation
from souk_chassis.runtimes.instance import Foundation, Instance
from souk_chassis.storage.collisions import retry_on_conflict
from souk_chassis.storage.dynamodb.client import DynamoClient
from souk_chassis.storage.dynamodb.outbox import waiting
from souk_chassis.storage.ports import Subscriptions
from souk_chassis.testing.clock import ManualClock
from souk_chassis.testing.contexts import context_for
from souk_chassis.testing.dispatch import FakeDispatcher
from souk_chassis.testing.dynamodb_model import DynamoModel, Limits
from souk_contracts.order_books import OrderState, OrderStates
from souk_contracts.order_status import OrderStatus
from souk_contracts.orders import FindOrderStates, OrderCancelled, OrderOverdue, OrderReturned
from souk_contracts.payments import PaymentBook, RefundOwed
from souk_contracts.products import StockReserved
from souk_contracts.shop import BookRequest
from souk_payments.bootstrap import build
from souk_payments.consumers import record_charges, record_refunds
from souk_payments.domain import Captured, Declined, Payment, Refund
from souk_payments.manifest import service
from souk_payments.operations import get_payment_books
from souk_payments.ports import Payments
from souk_payments.reconciler import reconcile
from souk_payments.storage.dynamodb import DynamoPaymentStore
from souk_payments.tables import TABLES

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


class Desk:
    """A process of the service on DynamoDB: hears events as its function does, and looks into its books."""

    START = datetime(2025, 6, 1, tzinfo=UTC)
    CHANGED = "changed my mind"

    def __init__(self, client: DynamoClient, clock: Clock | None = None, seed: int = 1) -> None:
        self.clock = clock or ManualClock(self.START)
        self.store = DynamoPaymentStore(client, self.clock, random.Random(seed))
        self.orders = FakeDispatcher()

    @staticmethod
    def unmetered() -> DynamoModel:
        """Empty tables, whose capacity never ends."""
        return DynamoModel(TABLES, Limits(metered=False))

    @staticmethod
    def heard(*events: Event) -> list[Delivery[Any]]:
        """Events as they come in."""
        return [Delivery(uuid7(), event, TRACE) for event in events]

    @staticmethod
    def reserved(order_id: str, method: str = "yes") -> StockReserved:
        return StockReserved(order_id=order_id, total_minor=1000, currency="GBP", payment_method=method)

    @classmethod
    def cancelled(cls, order_id: str) -> OrderCancelled:
        return OrderCancelled(order_id=order_id, total_minor=1000, currency="GBP", reason=cls.CHANGED)

    @staticmethod
    def returned(order_id: str, return_id: str, amount_minor: int = 5) -> OrderReturned:
        facts: dict[str, Any] = {"order_id": order_id, "total_minor": 1000, "currency": "GBP", "return_id": return_id}
        return OrderReturned(**facts, amount_minor=amount_minor, items=())

    async def hear(self, handler: Any, deliveries: Sequence[Delivery[Any]], *answers: Sequence[Any]) -> None:
        """Handle what it has not had, in one unit of work, again where that collides."""
        context = context_for(None, clock=self.clock)

        async def once() -> None:
            async with self.store.unit() as unit:
                fresh = await unit.first_time(handler.__name__, [each.event_id for each in deliveries])
                mine = [n for n, delivery in enumerate(deliveries) if delivery.event_id in fresh]
                await handler(context, unit, *([each[n] for n in mine] for each in (deliveries, *answers)))

        await retry_on_conflict(once)

    async def charge(self, deliveries: Sequence[Delivery[StockReserved]]) -> None:
        """The provider declines the payment method `no`."""
        answers = [
            Declined("card_declined")
            if each.data.payment_method == "no"
            else Captured(f"p-{each.data.order_id}", each.data.total_minor)
            for each in deliveries
        ]
        await self.hear(record_charges, deliveries, answers)

    async def refund(self, deliveries: Sequence[Delivery[RefundOwed]]) -> None:
        """The provider gives all of it back."""
        await self.hear(record_refunds, deliveries, [f"r-{each.data.refund_key}" for each in deliveries])

    async def reconcile(self) -> int:
        """A round of the reconciler."""
        deps = Payments(self.store, None, None, None)  # type: ignore[arg-type] # it asks for the store alone
        return await reconcile(context_for(deps, clock=self.clock, dispatcher=self.orders))

    async def told(self) -> list[tuple[str, dict[str, Any]]]:
        """All events that were ever published: nobody relays them here."""
        rows = await waiting(self.store.tables, self.store.events)
        events = [wire.decode(json, Envelope[msgspec.Raw]) for row in rows for json in row["events"]]
        return [(each.type.split(".")[1], wire.decode(each.data, dict[str, Any])) for each in events]

    async def owed(self) -> list[Delivery[RefundOwed]]:
        """The refunds that were ever owed, as the service hears of them."""
        told = [data for kind, data in await self.told() if kind == "RefundOwed"]
        return [Delivery(f"of-{data['refundKey']}", wire.decode(wire.encode(data), RefundOwed), TRACE) for data in told]

    async def books(self) -> tuple[list[Payment], list[Refund], list[Any]]:
        """Payments, refunds and events, with no times in them. They must agree, whatever happened."""
        payments = [replace(each, created_at=None) for each in await self.store.page("", 5_000)]
        told = await self.told()
        keys = [data["refundKey"] for kind, data in told if kind == "RefundOwed"]
        refunds = sorted((await self.store.refunds(keys)).values(), key=lambda refund: refund.refund_key)
        assert len(refunds) == len(set(keys)) == len(keys), "each refund is owed once, and told once"
        done = sorted(data["refundId"] for kind, data in told if kind == "PaymentRefunded")
        assert done == sorted(each.refund_id for each in refunds if each.refund_id), "each is done once, and told once"
        for payment in payments:
            own = [refund for refund in refunds if refund.order_id == payment.order_id]
            assert sum(each.amount_minor for each in own) == payment.owed_minor <= payment.captured_minor
            assert sum(each.amount_minor for each in own if each.refund_id) == payment.refunded_minor
        outcomes = {data["orderId"] for kind, data in told if kind in {"PaymentCaptured", "PaymentDeclined"}}
        not_told = {each.order_id for each in payments} - outcomes
        assert not_told == {each.order_id for each in payments if each.reason == self.CHANGED}
        return payments, refunds, sorted((kind, sorted(data.items())) for kind, data in told)


@pytest.fixture(scope="session")
def dynamo() -> type[Desk]:
    """The above."""
    return Desk


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
