"""What the service makes of the orders' events: in order, out of order, and twice."""

from itertools import permutations
from typing import Any

import pytest

from souk_chassis.money import Money
from souk_contracts.orders import OrderCancelled, OrderCreated, OrderedItem, OrderOverdue, OrderReturned
from souk_contracts.products import InventoryChange, ProductContent
from souk_products.consumers import on_order_cancelled, on_order_created, on_order_overdue, on_order_returned
from souk_products.operations import adjust_inventory, put_product

RESERVED = {"type": "souk.StockReserved.v1", "totalMinor": 250, "currency": "GBP", "paymentMethod": "tok_ok"}


def items(**units: int) -> tuple[OrderedItem, ...]:
    """Items of an event: `items(a=2)`."""
    return tuple(OrderedItem(product_id=key, quantity=quantity) for key, quantity in units.items())


def created(order_id: str, **units: int) -> OrderCreated:
    """An order."""
    return OrderCreated(
        order_id=order_id, total_minor=250, currency="GBP", payment_method="tok_ok", items=items(**units)
    )


def overdue(order_id: str, **units: int) -> OrderOverdue:
    """The same order, some time later."""
    return OrderOverdue(
        order_id=order_id, total_minor=250, currency="GBP", payment_method="tok_ok", items=items(**units)
    )


def cancelled(order_id: str) -> OrderCancelled:
    """Its cancellation."""
    return OrderCancelled(order_id=order_id, total_minor=250, currency="GBP", reason="asked for")


def returned(order_id: str, return_id: str, **units: int) -> OrderReturned:
    """Items that came back."""
    return OrderReturned(
        order_id=order_id,
        total_minor=250,
        currency="GBP",
        return_id=return_id,
        amount_minor=1,
        items=items(**units),
    )


@pytest.fixture(autouse=True)
async def catalogue(service: Any) -> None:
    """Ten of `a`, five of `b`."""
    for product_id, inventory in {"a": 10, "b": 5}.items():
        content = ProductContent(product_id=product_id, name=product_id, price=Money(100), inventory=inventory)
        await put_product(service.ctx, content)


async def test_an_order_takes_its_stock_and_says_so(service: Any) -> None:
    published = await service.deliver(on_order_created, created("o1", a=3, b=5))
    assert published == [{**RESERVED, "orderId": "o1"}]
    assert await service.now() == {"a": 7, "b": 0}
    assert await service.reservations() == {"o1": ("HELD", 8)}
    [line] = service.lines
    assert (line["message"], line["orderId"], line["service"]) == ("stock reserved", "o1", "product-service")


async def test_an_order_that_asks_too_much_takes_nothing_and_names_what_is_short(service: Any) -> None:
    [rejected] = await service.deliver(on_order_created, created("o1", a=3, b=6, none=1))
    assert rejected == {
        "type": "souk.StockRejected.v1",
        "orderId": "o1",
        "shortItems": [
            {"productId": "b", "requested": 6, "available": 5},
            {"productId": "none", "requested": 1, "available": 0},
        ],
    }
    assert await service.now() == {"a": 10, "b": 5}
    assert await service.reservations() == {"o1": ("REJECTED", 0)}
    assert [line["message"] for line in service.lines] == ["stock rejected"]


async def test_a_batch_is_decided_in_the_sequence_of_arrival(service: Any) -> None:
    batch = [created("o3", a=6), created("o1", a=6), created("o2", a=4)]
    published = await service.deliver(on_order_created, *batch)
    assert [(event["orderId"], event["type"]) for event in published] == [
        ("o3", "souk.StockReserved.v1"),
        ("o1", "souk.StockRejected.v1"),
        ("o2", "souk.StockReserved.v1"),
    ]


async def test_lines_of_the_same_product_are_summed(service: Any) -> None:
    event = OrderCreated(
        order_id="o1", total_minor=250, currency="GBP", payment_method="tok_ok", items=(*items(a=6), *items(a=5))
    )
    [rejected] = await service.deliver(on_order_created, event)
    assert rejected["shortItems"] == [{"productId": "a", "requested": 11, "available": 10}]


async def test_an_order_heard_again_changes_nothing(service: Any) -> None:
    assert len(await service.deliver(on_order_created, created("o1", a=3), created("o1", a=3))) == 1
    assert await service.deliver(on_order_created, created("o1", a=3)) == []
    assert await service.now() == {"a": 7, "b": 5}


async def test_a_rejected_order_heard_again_stays_rejected_when_there_is_stock(service: Any) -> None:
    await service.deliver(on_order_created, created("o1", a=11))
    await adjust_inventory(service.ctx, InventoryChange(product_id="a", delta=5))
    assert await service.deliver(on_order_created, created("o1", a=11)) == []
    assert await service.now() == {"a": 15, "b": 5}


async def test_a_cancellation_gives_back_what_is_held_once(service: Any) -> None:
    await service.deliver(on_order_created, created("o1", a=3))
    for _ in range(2):
        assert await service.deliver(on_order_cancelled, cancelled("o1")) == []
    assert await service.now() == {"a": 10, "b": 5}
    assert await service.reservations() == {"o1": ("RELEASED", 0)}
    assert [line["message"] for line in service.lines] == ["stock reserved", "stock released"]


async def test_a_cancellation_of_a_rejected_order_changes_nothing(service: Any) -> None:
    await service.deliver(on_order_created, created("o1", a=11))
    await service.deliver(on_order_cancelled, cancelled("o1"))
    assert await service.reservations() == {"o1": ("REJECTED", 0)}


async def test_an_order_after_its_cancellation_reserves_nothing_and_says_nothing(service: Any) -> None:
    await service.deliver(on_order_cancelled, cancelled("o1"))
    assert await service.deliver(on_order_created, created("o1", a=3)) == []
    assert await service.deliver(on_order_overdue, overdue("o1", a=3)) == []
    assert await service.now() == {"a": 10, "b": 5}
    assert await service.reservations() == {"o1": ("CANCELLED", 0)}


async def test_a_return_restocks_once(service: Any) -> None:
    await service.deliver(on_order_created, created("o1", a=3, b=2))
    for _ in range(2):
        await service.deliver(on_order_returned, returned("o1", "r1", a=2), returned("o1", "r1", a=2))
    assert await service.now() == {"a": 9, "b": 3}
    assert await service.reservations() == {"o1": ("HELD", 3)}
    await service.deliver(on_order_returned, returned("o1", "r2", a=1, b=2))
    assert await service.now() == {"a": 10, "b": 5}
    assert await service.reservations() == {"o1": ("HELD", 0)}


async def test_a_return_of_an_order_that_holds_nothing_restocks_nothing(service: Any) -> None:
    await service.deliver(on_order_returned, returned("none", "r1", a=2))
    assert await service.now() == {"a": 10, "b": 5}


@pytest.mark.parametrize("sequence", list(permutations(range(3))))
async def test_returns_and_cancellation_give_everything_back_in_any_sequence(
    service: Any, sequence: tuple[int, ...]
) -> None:
    await service.deliver(on_order_created, created("o1", a=3, b=2))
    steps = [
        (on_order_returned, returned("o1", "r1", a=1)),
        (on_order_returned, returned("o1", "r2", a=1, b=1)),
        (on_order_cancelled, cancelled("o1")),
    ]
    for index in sequence:
        await service.deliver(*steps[index])
        await service.deliver(*steps[index])
    assert await service.now() == {"a": 10, "b": 5}
    assert await service.reservations() == {"o1": ("RELEASED", 0)}


async def test_an_overdue_order_is_told_its_outcome_again(service: Any) -> None:
    await service.deliver(on_order_created, created("o1", a=3), created("o2", a=9))
    published = await service.deliver(on_order_overdue, overdue("o1", a=3), overdue("o2", a=9))
    assert published == [
        {**RESERVED, "orderId": "o1"},
        {
            "type": "souk.StockRejected.v1",
            "orderId": "o2",
            "shortItems": [{"productId": "a", "requested": 9, "available": 7}],
        },
    ]
    assert await service.now() == {"a": 7, "b": 5}


async def test_an_overdue_order_that_was_never_heard_of_is_reserved(service: Any) -> None:
    assert await service.deliver(on_order_overdue, overdue("o1", a=3)) == [{**RESERVED, "orderId": "o1"}]
    assert await service.deliver(on_order_created, created("o1", a=3)) == []
    assert await service.now() == {"a": 7, "b": 5}


async def test_an_overdue_order_whose_stock_was_given_back_is_told_nothing(service: Any) -> None:
    await service.deliver(on_order_created, created("o1", a=3))
    await service.deliver(on_order_cancelled, cancelled("o1"))
    assert await service.deliver(on_order_overdue, overdue("o1", a=3)) == []
