"""The service as it is put together."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from souk_chassis.auth.keys import new_key
from souk_chassis.clock import SystemClock
from souk_chassis.config import ConfigError
from souk_chassis.context import internal_call
from souk_chassis.engine.worker import Worker
from souk_chassis.events.event import pack, unpack
from souk_chassis.money import Money
from souk_chassis.operation import Created
from souk_chassis.runtimes.instance import Foundation
from souk_chassis.storage.ports import Subscriptions
from souk_contracts.orders import OrderCreated, OrderedItem
from souk_contracts.products import ProductContent, StockReserved
from souk_products.bootstrap import build
from souk_products.operations import put_product


def foundation(url: str | None, **environment: str) -> Foundation:
    """What a topology gives."""
    return Foundation(SystemClock(), new_key("products"), environment, url)


async def test_a_currency_that_can_not_be_is_refused() -> None:
    with pytest.raises(ConfigError, match="SOUK_CURRENCY"):
        await build(foundation(None, SOUK_CURRENCY="pounds"))


async def test_an_order_goes_through_the_worker(make_database: Callable[[], Awaitable[str]] | None) -> None:
    instance = await build(foundation(None if make_database is None else await make_database(), SOUK_CURRENCY="EUR"))
    heard: list[Any] = []

    class Heard:
        async def receive(self, queue_events: Any) -> None:
            heard.extend(each.data for _, event in queue_events for each in unpack(event.json, StockReserved))

    way_out: Any = None  # no handler calls anyone
    stock_reserved = {StockReserved.type_name(): [("payments", "payments-stock-reserved")]}
    worker = Worker(instance, Subscriptions(stock_reserved, {"payments": Heard()}), way_out, deliveries=2)
    ctx = instance.context(way_out, internal_call(instance.clock, 10.0))
    content = ProductContent(product_id="a", name="A", price=Money(5), inventory=3)
    made = await put_product(ctx, content)
    order = OrderCreated(
        order_id="o1",
        total_minor=10,
        currency="EUR",
        payment_method="tok_ok",
        items=(OrderedItem(product_id="a", quantity=2),),
    )
    stored = pack(order, source="orders", time=instance.clock.now(), traceparent="")
    await instance.database.receive([("products-order-created", stored)])
    [subscription] = [each for each in worker.subscriptions if each.queue == "products-order-created"]
    taken = await worker.consume_once(subscription)
    relayed = await worker.relay_once()
    [book] = await instance.deps.store.stock_books("", 10)
    await instance.close()
    assert isinstance(made, Created)
    assert made.value.currency == "EUR"
    assert (taken, relayed) == (1, 1)
    assert heard == [StockReserved(order_id="o1", total_minor=10, currency="EUR", payment_method="tok_ok")]
    assert (book.sold, book.now) == (2, 1)
