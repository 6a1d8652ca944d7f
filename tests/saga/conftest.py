"""The whole shop on memory adapters, on a bench: five services, driven by hand, audited by their own books."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from functools import cache
from typing import Any, cast

import msgspec
import pytest
from msgspec.structs import replace

from souk_chassis.auth.identity import ANONYMOUS, Caller, Identity, Role
from souk_chassis.auth.keys import SigningKey, new_key
from souk_chassis.context import Call, internal_call
from souk_chassis.engine.dispatch import LocalDispatcher
from souk_chassis.errors import SoukError
from souk_chassis.money import Money
from souk_chassis.operation import AnyOperation, Created
from souk_chassis.resilience import Deadline
from souk_chassis.runtimes.instance import Foundation, Instance
from souk_chassis.testing.clock import ManualClock
from souk_chassis.testing.logs import RecordedLines
from souk_chassis.testing.sagas import SagaBench
from souk_contracts.notifications import GetMailBooks
from souk_contracts.order_books import OrderStatesQuery
from souk_contracts.order_status import OrderStatus
from souk_contracts.orders import (
    CancelOrder,
    DeliverOrder,
    FindOrderStates,
    GetOrder,
    NewOrder,
    NewOrderItem,
    NewReturn,
    OrderDetails,
    OrderRef,
    PlaceOrder,
    ReturnItem,
    ReturnItems,
    ShipOrder,
)
from souk_contracts.payments import GetPaymentBooks, PaymentBook
from souk_contracts.products import GetStockBooks, ProductContent, PutProduct
from souk_contracts.shop import BookRequest
from souk_orders.consumers import ask_after_overdue
from souk_payments.reconciler import reconcile as reconcile_payments
from souk_products.reconciler import reconcile as reconcile_products
from souk_topologies.audit import audit
from souk_topologies.client import ShopClient
from souk_topologies.shop import SERVICES, build_of, manifests, wiring

ADMIN = Identity(Role.ADMIN, "root")
ADA = Identity(Role.CUSTOMER, "ada")
PRICES = {"apple": 25, "pear": 130}
STOCK = 10


@cache
def key_of(issuer: str) -> SigningKey:
    """A service's key: one for all tests."""
    return new_key(issuer)


class Books:
    """Answers the audit's questions from the services in this process, as the gateway would."""

    def __init__(self, shop: "Shop") -> None:
        self._shop = shop
        operations = [operation for service in manifests().values() for operation in service.implements]
        self._routes = {op.route.path: op for op in operations if op.route is not None and op.route.method == "GET"}

    async def call(self, method: str, path: str, kind: type[Any], *, query: Mapping[str, str] | None = None) -> Any:
        """See `ShopClient.call`."""
        assert method == "GET"
        operation = self._routes[path]
        request = msgspec.convert(dict(query or {}), operation.request, strict=False)
        answer = await self._shop.ask(operation, request, ADMIN)
        assert isinstance(answer, kind)
        return answer

    async def pages(self, path: str, kind: type[Any]) -> AsyncIterator[Any]:
        """See `ShopClient.pages`: pages of two, so that the audit turns them."""
        cursor: str | None = ""
        while cursor is not None:
            page = await self.call("GET", path, kind, query={"limit": "2", **({"cursor": cursor} if cursor else {})})
            yield page
            cursor = page.next


class Shop:
    """Five services and their bench."""

    def __init__(self, instances: Mapping[str, Instance], clock: ManualClock, way: LocalDispatcher, **bench: Any):
        self.instances = instances
        self.clock = clock
        self.way = way
        self.mends = [
            self._round("orders", ask_after_overdue),
            self._round("payments", reconcile_payments),
            self._round("products", reconcile_products),
        ]
        self.bench = SagaBench(list(instances.values()), clock, way, mends=self.mends, **bench)

    def _round(self, name: str, work: Callable[..., Awaitable[object]]) -> Callable[[], Awaitable[object]]:
        async def once() -> object:
            return await work(self.instances[name].context(self.way, internal_call(self.clock, 30.0, name)))

        return once

    async def ask(self, operation: AnyOperation, request: Any, identity: Identity = ANONYMOUS) -> Any:
        """Call an operation from outside. Raises SoukError."""
        call = Call(Caller(identity), "", Deadline.after(30.0, self.clock))
        answer = await self.way.dispatch(operation, request, call)
        return answer.value if isinstance(answer, Created) else answer

    async def stock(self, units: int = STOCK) -> None:
        """Put the two products on sale."""
        for product_id, price in PRICES.items():
            content = ProductContent(product_id=product_id, name=product_id, price=Money(price), inventory=units)
            await self.ask(PutProduct, content, ADMIN)

    async def reconcile_after(self, seconds: float) -> None:
        """Let time pass, then every reconciler have its round, and deliver nothing."""
        self.clock.advance(seconds)
        for mend in self.mends:
            await mend()

    async def place(self, order_id: str = "o1", method: str = "tok_ok", **units: int) -> None:
        """Ada's order: two apples and a pear unless said otherwise."""
        items = tuple(
            NewOrderItem(product_id=product_id, quantity=count)
            for product_id, count in (units or {"apple": 2, "pear": 1}).items()
        )
        await self.ask(PlaceOrder, NewOrder(id=order_id, items=items, payment_method=method), ADA)

    async def cancel(self, order_id: str = "o1") -> bool:
        """Cancel. False where it is too late."""
        try:
            await self.ask(CancelOrder, OrderRef(order_id=order_id), ADA)
        except SoukError as error:
            assert error.code == "too_late"  # noqa: PT017 - either answer is right
            return False
        return True

    async def ship(self, order_id: str = "o1") -> None:
        """Ship."""
        await self.ask(ShipOrder, OrderRef(order_id=order_id), ADMIN)

    async def deliver(self, order_id: str = "o1") -> None:
        """Deliver."""
        await self.ask(DeliverOrder, OrderRef(order_id=order_id), ADMIN)

    async def take_back(self, order_id: str = "o1", **units: int) -> None:
        """Ada returns items."""
        items = tuple(ReturnItem(product_id=product_id, quantity=count) for product_id, count in units.items())
        await self.ask(ReturnItems, NewReturn(order_id=order_id, items=items), ADA)

    async def order(self, order_id: str = "o1") -> OrderDetails:
        """An order as it stands."""
        return cast("OrderDetails", await self.ask(GetOrder, OrderRef(order_id=order_id), ADMIN))

    async def status(self, order_id: str = "o1") -> OrderStatus:
        """Its state, as other services are told."""
        call = Call(Caller(ANONYMOUS, "products"), "", Deadline.after(30.0, self.clock))
        answer = await self.way.dispatch(FindOrderStates, OrderStatesQuery(order_ids=(order_id,)), call)
        return cast("OrderStatus", answer.items[0].status)

    async def on_hand(self) -> dict[str, int]:
        """Stock now, by product."""
        books = await self.ask(GetStockBooks, BookRequest(), ADMIN)
        return {book.product_id: book.now for book in books.items}

    async def payment(self, order_id: str = "o1") -> PaymentBook | None:
        """What payments and their provider know of an order."""
        books = await self.ask(GetPaymentBooks, BookRequest(), ADMIN)
        return next((book for book in books.items if book.order_id == order_id), None)

    async def mails(self, order_id: str = "o1") -> dict[str, int]:
        """How many mails of each kind went out."""
        books = await self.ask(GetMailBooks, BookRequest(), ADMIN)
        return next((book.kinds for book in books.items if book.order_id == order_id), {})

    async def assert_books_agree(self) -> None:
        """`souk audit` finds nothing."""
        assert await self.bench.waiting() == []
        report = await audit(cast("ShopClient", Books(self)))
        breaches = [breach for check in report.checks for breach in check.breaches]
        assert report.ok, "; ".join(breaches)

    async def close(self) -> None:
        """Release what the services hold."""
        for instance in self.instances.values():
            await instance.close()


async def build_shop(**bench: Any) -> Shop:
    """A shop with stock on sale. `bench` are settings of `SagaBench`."""
    clock, lines = ManualClock(), RecordedLines()
    way = LocalDispatcher(wiring().callers, serialise=True)
    instances = {}
    for name in SERVICES:
        built = await build_of(name)(Foundation(clock, key_of(name), {}))
        instances[name] = replace(built, log=lines.log(built.manifest.label))
        way.bind(instances[name], way)
    shop = Shop(instances, clock, way, **bench)
    await shop.stock()
    return shop


@pytest.fixture
async def make_shop() -> AsyncIterator[Callable[..., Awaitable[Shop]]]:
    """Builds shops, and closes those that are left: see `build_shop`."""
    shops: list[Shop] = []

    async def make(**bench: Any) -> Shop:
        shops.append(await build_shop(**bench))
        return shops[-1]

    yield make
    for shop in shops:
        await shop.close()


@pytest.fixture
async def shop(make_shop: Callable[..., Awaitable[Shop]]) -> Shop:
    """One shop, in which nothing fails."""
    return await make_shop()
