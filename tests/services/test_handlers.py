"""Handlers on the stores that bootstraps build: run again they change nothing; run by a worker they are enough."""

import os
from collections.abc import AsyncIterator, Sequence
from typing import Any

import pytest

from souk_chassis.auth.keys import new_key
from souk_chassis.engine.worker import Worker
from souk_chassis.events.event import Delivery, Event, Stored
from souk_chassis.ids import uuid7
from souk_chassis.manifest import Consumer
from souk_chassis.money import Money
from souk_chassis.runtimes.instance import Foundation, Instance
from souk_chassis.storage.ports import Subscriptions
from souk_chassis.testing.clock import ManualClock
from souk_chassis.testing.consumers import assert_idempotent
from souk_chassis.testing.contexts import ADMIN, TRACEPARENT, context_for
from souk_chassis.testing.dispatch import FakeDispatcher
from souk_chassis.testing.waiting import until
from souk_contracts.order_status import OrderStatus
from souk_contracts.orders import NewOrder, NewOrderItem
from souk_contracts.payments import PaymentCaptured, PaymentDeclined
from souk_contracts.products import ShortItem, StockRejected, StockReserved
from souk_orders.operations import place_order
from souk_topologies.shop import build_of

NEWS: Sequence[tuple[Event, OrderStatus]] = [
    (
        StockReserved(order_id="o1", total_minor=255, currency="GBP", payment_method="tok_ok"),
        OrderStatus.RESERVED,
    ),
    (
        StockRejected(order_id="o1", short_items=(ShortItem(product_id="p", requested=1, available=0),)),
        OrderStatus.REJECTED,
    ),
    (PaymentCaptured(order_id="o1", payment_id="c1", amount_minor=255), OrderStatus.CONFIRMED),
    (PaymentDeclined(order_id="o1", reason="card_declined"), OrderStatus.CANCELLED),
]


@pytest.fixture
async def orders() -> AsyncIterator[Instance]:
    """The orders service in memory, with one order."""
    clock = ManualClock()
    instance = await build_of("orders")(Foundation(clock, new_key("orders"), os.environ))
    item = NewOrderItem(product_id="p", quantity=1, unit_price=Money(255))
    await place_order(context_for(instance, ADMIN), NewOrder(id="o1", items=(item,)))
    yield instance
    await instance.close()


@pytest.mark.parametrize(("news", "status"), NEWS, ids=lambda value: type(value).__name__)
async def test_news_heard_again_changes_nothing(orders: Instance, news: Event, status: OrderStatus) -> None:
    consumer: Consumer = orders.manifest.consumes[type(news)]

    async def snapshot() -> Any:
        return await orders.deps.store.details("o1")

    deliveries = [Delivery(uuid7(), news, TRACEPARENT)]
    await assert_idempotent(consumer.apply, context_for(orders), orders.database, deliveries, snapshot)
    head, _ = await snapshot()
    assert head.status is status


async def test_a_worker_hands_on_what_was_placed(orders: Instance) -> None:
    class Ear:
        heard: Sequence[tuple[str, Stored]] = ()

        async def receive(self, queue_events: Sequence[tuple[str, Stored]]) -> None:
            self.heard = queue_events

    ear = Ear()
    routes = Subscriptions({"souk.OrderCreated.v1": [("products", "products-order-created")]}, {"products": ear})
    worker = Worker(orders, routes, FakeDispatcher())
    worker.start()
    await until(lambda: ear.heard)
    await worker.stop()
    [(queue, event)] = ear.heard
    assert (queue, event.type) == ("products-order-created", "souk.OrderCreated.v1")
