"""The play whose messages a release keeps as examples: every operation is asked, and every event happens.

A new service adds its part here. What the play does not reach can't be frozen.
"""

import asyncio
from contextlib import suppress

from souk_chassis.auth.identity import Identity, Role
from souk_chassis.errors import SoukError
from souk_chassis.money import Money
from souk_chassis.operation import Nothing
from souk_chassis.queues import QueueRef
from souk_contracts.notifications import GetMailBooks, ListMails, MailQuery
from souk_contracts.orders import (
    CancelOrder,
    DeliverOrder,
    FollowOrder,
    GetOrder,
    GetOrderBooks,
    ListOrders,
    NewOrder,
    NewOrderItem,
    NewReturn,
    OrderQuery,
    OrderRef,
    PlaceOrder,
    ReturnItem,
    ReturnItems,
    ShipOrder,
)
from souk_contracts.payments import GetPaymentBooks
from souk_contracts.products import (
    AdjustInventory,
    GetProduct,
    GetReservationBooks,
    GetStockBooks,
    InventoryChange,
    ListProducts,
    ProductContent,
    ProductQuery,
    ProductRef,
    PutProduct,
)
from souk_contracts.shop import BookRequest
from souk_contracts.users import Credentials, GetUser, NewUser, OpenSession, RegisterUser, UserRef
from souk_topologies.releases.stage import Stage

ADMIN = Identity(Role.ADMIN, "root")
PASSWORD = "open sesame, please"  # noqa: S105 - of a customer who never lived
_OVERDUE_S = 31.0  # orders ask after one that has not ended for 30 s
_LATE_S = 601.0  # reconcilers look at what is ten minutes old


async def play(stage: Stage) -> None:
    """Play everything twice, so that each event happened more than once. One order stays on its way."""
    for act in ("a", "b"):
        ada = await _users(stage, act)
        await _products(stage, act)
        await _orders(stage, act, ada)
    await _late(stage)
    await _books(stage)
    await _place(stage, "left-on-its-way", ada)
    await stage.relay()


async def _users(stage: Stage, act: str) -> Identity:
    email = f"ada-{act}@example.org"
    user = await stage.ask(RegisterUser, NewUser(email=email, password=PASSWORD, name="Ada"))
    await stage.ask(OpenSession, Credentials(email=email, password=PASSWORD))
    ada = Identity(Role.CUSTOMER, user.user_id)
    await stage.ask(GetUser, UserRef(user_id=user.user_id), ada)
    return ada


async def _products(stage: Stage, act: str) -> None:
    content = ProductContent(product_id="apple", name=f"Apple {act}", price=Money(25), inventory=20, description="Red")
    await stage.ask(PutProduct, content, ADMIN)
    await stage.ask(GetProduct, ProductRef(product_id="apple"))
    await stage.ask(ListProducts, ProductQuery(q="app", limit=1))
    await stage.ask(AdjustInventory, InventoryChange(product_id="apple", delta=2), ADMIN)


async def _orders(stage: Stage, act: str, ada: Identity) -> None:
    kept, refused, declined, regretted, guests = (
        f"{each}-{act}" for each in ("kept", "short", "declined", "back", "g")
    )
    await asyncio.gather(
        _place(stage, kept, ada),
        _place(stage, refused, ada, units=1_000),
        _place(stage, declined, ada, method="tok_declined"),
        _place(stage, regretted, ada),
    )
    guest = NewOrder(id=guests, items=(NewOrderItem(product_id="apple", quantity=1),), email="guest@example.org")
    await stage.ask(PlaceOrder, guest)
    await stage.settle()
    await stage.ask(CancelOrder, OrderRef(order_id=regretted), ada)
    await stage.ask(ShipOrder, OrderRef(order_id=kept), ADMIN)
    await stage.ask(DeliverOrder, OrderRef(order_id=kept), ADMIN)
    items = (ReturnItem(product_id="apple", quantity=1),)
    await stage.ask(ReturnItems, NewReturn(order_id=kept, items=items, idempotency_key=f"return-{act}"), ada)
    await stage.settle()
    for each in (kept, refused):
        await stage.ask(GetOrder, OrderRef(order_id=each), ada)
        await stage.ask(FollowOrder, OrderRef(order_id=each), ada)
    await stage.ask(ListOrders, OrderQuery(customer_id=ada.user_id, limit=2), ada)
    await stage.ask(ListMails, MailQuery(limit=2), ada)


async def _late(stage: Stage) -> None:
    """Orders that nobody heard of in time are asked after, and reconcilers look at what is old."""
    for name in ("late-a", "late-b"):
        await _place(stage, name, ADMIN)
        await stage.let_pass(_OVERDUE_S)
    await stage.let_pass(_LATE_S)


async def _books(stage: Stage) -> None:
    books = (GetOrderBooks, GetMailBooks, GetPaymentBooks, GetStockBooks, GetReservationBooks)
    for operation in books:
        await stage.ask(operation, BookRequest(limit=2), ADMIN)
    for instance in stage.instances.values():
        named = {operation.name: operation for operation in instance.manifest.implements}
        await stage.ask(named[f"inspect_{instance.manifest.name}_queues"], Nothing(), ADMIN)
        queues = [instance.manifest.queue(event) for event in instance.manifest.consumes]
        for queue in queues or ["none"]:
            with suppress(SoukError):  # a service that hears nothing has no queue
                await stage.ask(named[f"redrive_{instance.manifest.name}_queue"], QueueRef(queue=queue), ADMIN)


async def _place(stage: Stage, order_id: str, who: Identity, *, units: int = 2, method: str = "tok_ok") -> None:
    item = NewOrderItem(product_id="apple", quantity=units)
    order = NewOrder(id=order_id, items=(item,), payment_method=method, idempotency_key=f"key-{order_id}")
    await stage.ask(PlaceOrder, order, who)
