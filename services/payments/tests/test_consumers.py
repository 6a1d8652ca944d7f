"""The handlers, through the worker, on both stores and with the sandbox."""

from typing import Any

import pytest
from souk_contracts.orders import OrderReturned
from souk_contracts.payments import PaymentCaptured, PaymentDeclined, PaymentRefunded
from souk_contracts.products import StockReserved
from souk_contracts.orders import OrderCancelled


def reserved(order_id: str = "o-1", method: str = "tok_ok", total_minor: int = 1000) -> StockReserved:
    return StockReserved(order_id=order_id, total_minor=total_minor, currency="GBP", payment_method=method)


def cancelled(order_id: str = "o-1", total_minor: int = 1000) -> OrderCancelled:
    return OrderCancelled(order_id=order_id, total_minor=total_minor, currency="GBP", reason="changed my mind")


async def test_a_reserved_order_is_charged_and_cancelled(open_shop: Any) -> None:
    shop = await open_shop()
    told = await shop.handle(reserved())
    assert [type(t) for t in told] == [PaymentCaptured]
    told = await shop.handle(cancelled())
    assert [type(t) for t in told] == [PaymentRefunded]
    print(await shop.books())
