"""A shop whose bills are worked out by hand, so that they stay whatever the services become; prices and assumptions."""

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from souk_topologies.cost.data import Assumption, PriceList, read_assumptions, read_prices
from souk_topologies.cost.estimate import Estimate, Load, Part, Shop, Subscription, estimate

Parts = Mapping[str, Part]
SERVICES = ("users", "products", "orders", "payments", "notifications")
HEARD = {
    "OrderCreated": ("products",),
    "OrderOverdue": ("products", "payments"),
    "StockReserved": ("orders", "payments!"),
    "StockRejected": ("orders",),
    "PaymentCaptured": ("orders",),
    "PaymentDeclined": ("orders",),
    "OrderConfirmed": ("notifications!",),
    "OrderRejected": ("notifications!",),
    "OrderCancelled": ("products", "payments", "notifications!"),
    "OrderShipped": ("notifications!",),
    "OrderDelivered": ("notifications!",),
    "OrderReturned": ("products", "payments", "notifications!"),
    "RefundOwed": ("payments!",),
    "UserRegistered": ("notifications!",),
}
"""Who hears each event; `!`: and asks an outside system for it."""
PUBLISHERS = {"StockReserved": "products", "StockRejected": "products", "UserRegistered": "users"} | dict.fromkeys(
    ("PaymentCaptured", "PaymentDeclined", "PaymentRefunded", "RefundOwed"), "payments"
)


def queue(event: str, by: str) -> str:
    """The queue's name, as the chassis makes it."""
    return f"{by}-{''.join(f'-{c.lower()}' if c.isupper() else c for c in event).lstrip('-')}"


SHOP = Shop(
    services=SERVICES,
    publishers=dict.fromkeys([*HEARD, "PaymentRefunded"], "orders") | PUBLISHERS,
    subscriptions=tuple(
        Subscription(event, by.rstrip("!"), queue(event, by.rstrip("!")), by.endswith("!"))
        for event, hearers in HEARD.items()
        for by in hearers
    ),
    functions=15,
    published=7,
    tables=17,
    relays=5,
    scheduled=SERVICES,
)
MAILED = ("confirmed", "shipped", "delivered", "returned")
MILLION = Load(Decimal(1_000_000))


MEASURED = {
    "write_units": dict.fromkeys((f"notifications-order-{way}" for way in MAILED), 7)
    | {"payments-stock-reserved": 8, "payments-refund-owed": 8},
    "read_units": {"payments-stock-reserved": 3, "payments-refund-owed": 4},
    "aws_calls": {"payments-stock-reserved": 4, "payments-refund-owed": 5},
}
"""Steps as they once were: who measures them anew has no bill to work out again."""


def assume(**given: Any) -> Mapping[str, Assumption]:
    """The shipped assumptions with other values."""
    assumed = dict(read_assumptions())
    for name, value in (MEASURED | given).items():
        assumed[name] = msgspec.structs.replace(assumed[name], value=assumed[name].given(value))
    return assumed


@pytest.fixture(scope="session")
def prices() -> PriceList:
    return read_prices("us-east-1")


@pytest.fixture
def bill(prices: PriceList) -> Callable[..., tuple[Estimate, Parts]]:
    def make(topology: str, load: Load = MILLION, **assumed: Any) -> tuple[Estimate, Parts]:
        made = estimate(topology, load, SHOP, prices.regions["us-east-1"], assume(**assumed))
        return made, {part.part: part for part in made.parts}

    return make
