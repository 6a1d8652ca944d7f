"""What may be done with an order, by whom, in which state."""

from collections.abc import AsyncIterator, Awaitable, Callable
from itertools import product
from typing import Any

import pytest
from msgspec.structs import replace

from souk_chassis.auth.identity import ANONYMOUS, Caller, Identity, Role
from souk_chassis.context import Call
from souk_chassis.engine.dispatch import LocalDispatcher
from souk_chassis.errors import SoukError
from souk_chassis.money import Money
from souk_chassis.operation import AnyOperation
from souk_chassis.resilience import Deadline
from souk_contracts.order_books import OrderStatesQuery
from souk_contracts.order_status import OrderStatus as S
from souk_contracts.orders import (
    CancelOrder,
    DeliverOrder,
    FindOrderStates,
    FollowOrder,
    GetOrder,
    GetOrderBooks,
    ListOrders,
    NewOrderItem,
    NewReturn,
    OrderQuery,
    OrderRef,
    OrderUpdate,
    ReturnItem,
    ReturnItems,
    ShipOrder,
)
from souk_contracts.shop import BookRequest
from souk_orders import operations
from souk_orders.domain import NEXT, Step, move_to
from souk_orders.operations import (
    cancel_order,
    deliver_order,
    find_order_states,
    follow_order,
    get_order,
    get_order_books,
    list_orders,
    return_items,
    ship_order,
)

ADA = Identity(Role.CUSTOMER, "ada")
BOB = Identity(Role.CUSTOMER, "bob")
ADMIN = Identity(Role.ADMIN, "root")
GUEST = Identity(Role.GUEST, order_id="g1")
OTHER_GUEST = Identity(Role.GUEST, order_id="g2")
REF = OrderRef(order_id="o1")


def taking_back(**units: int) -> NewReturn:
    """A return of items of `o1`."""
    return NewReturn(
        order_id="o1", items=tuple(ReturnItem(product_id=key, quantity=count) for key, count in units.items())
    )


async def refusal(doing: Awaitable[Any]) -> str:
    """The code of the error that it ends with."""
    with pytest.raises(SoukError) as error:
        await doing
    return error.value.code


# ---- who

_OWN: dict[AnyOperation, Callable[[str], Any]] = {
    GetOrder: lambda order_id: OrderRef(order_id=order_id),
    CancelOrder: lambda order_id: OrderRef(order_id=order_id),
    ReturnItems: lambda order_id: NewReturn(order_id=order_id, items=(ReturnItem(product_id="apple", quantity=1),)),
}
_ADMIN: dict[AnyOperation, Callable[[str], Any]] = {
    ShipOrder: lambda order_id: OrderRef(order_id=order_id),
    DeliverOrder: lambda order_id: OrderRef(order_id=order_id),
    GetOrderBooks: lambda _: BookRequest(),
}


async def outcome(desk: Any, caller: Caller, operation: AnyOperation, request: Any) -> str:
    """What comes of a call as the gateway makes it: `done`, or the error's code."""
    way = LocalDispatcher({"find_order_states": frozenset({"products"})}, serialise=True)
    way.bind(desk.instance, way)
    try:
        await way.dispatch(operation, request, Call(caller, "", Deadline.after(30.0, desk.clock)))
    except SoukError as error:
        return error.code
    return "done"


@pytest.mark.parametrize("operation", _OWN, ids=lambda operation: operation.name)
@pytest.mark.parametrize(
    ("identity", "of_ada", "of_guest"),
    [
        (ANONYMOUS, "sign_in", "sign_in"),
        (ADA, "done", "not_yours"),
        (BOB, "not_yours", "not_yours"),
        (GUEST, "not_yours", "done"),
        (OTHER_GUEST, "not_yours", "not_yours"),
        (ADMIN, "done", "done"),
    ],
)
async def test_an_order_is_its_owners(
    desk: Any, operation: AnyOperation, identity: Identity, of_ada: str, of_guest: str
) -> None:
    await desk.bring_to(S.CONFIRMED)
    await desk.place(ANONYMOUS, id="g1", email="guest@example.org")
    for status in (S.RESERVED, S.CONFIRMED):
        async with desk.store.unit() as unit:
            heads = await unit.lock(["g1"])
            await unit.move([move_to(heads["g1"], Step(status, desk.clock.now()))])
    for order_id, expected in (("o1", of_ada), ("g1", of_guest)):
        before = len(desk.published()), await desk.status(order_id)
        assert await outcome(desk, Caller(identity), operation, _OWN[operation](order_id)) == expected
        if expected != "done":
            assert (len(desk.published()), await desk.status(order_id)) == (0, before[1])


@pytest.mark.parametrize("operation", _ADMIN, ids=lambda operation: operation.name)
@pytest.mark.parametrize(
    ("identity", "expected"),
    [(ANONYMOUS, "sign_in"), (ADA, "not_allowed"), (GUEST, "not_allowed"), (ADMIN, "done")],
)
async def test_some_things_are_the_administrators(
    desk: Any, operation: AnyOperation, identity: Identity, expected: str
) -> None:
    await desk.bring_to(S.SHIPPED if operation is DeliverOrder else S.CONFIRMED)
    assert await outcome(desk, Caller(identity), operation, _ADMIN[operation]("o1")) == expected


@pytest.mark.parametrize(
    ("service", "expected"), [("products", "done"), ("users", "not_allowed"), (None, "not_allowed")]
)
async def test_states_are_told_to_services_that_declare_it(desk: Any, service: str | None, expected: str) -> None:
    caller = Caller(ADMIN, service)
    assert await outcome(desk, caller, FindOrderStates, OrderStatesQuery(order_ids=("o1",))) == expected


async def test_an_order_that_does_not_exist(desk: Any) -> None:
    for doing in (get_order, cancel_order, ship_order, deliver_order):
        assert await refusal(doing(desk.as_(ADMIN), REF)) == "order_not_found"
    assert await refusal(return_items(desk.as_(ADMIN), taking_back(apple=1))) == "order_not_found"
    assert await refusal(anext(follow_order(desk.as_(ADMIN), REF))) == "order_not_found"


# ---- in which state

_STEPS = {
    "cancel": (cancel_order, S.CANCELLED, "OrderCancelled", "too_late"),
    "ship": (ship_order, S.SHIPPED, "OrderShipped", "not_in_this_state"),
    "deliver": (deliver_order, S.DELIVERED, "OrderDelivered", "not_in_this_state"),
}


@pytest.mark.parametrize(("status", "name"), list(product(S, _STEPS)))
async def test_a_step_in_every_state(desk: Any, status: S, name: str) -> None:
    doing, to, event, code = _STEPS[name]
    await desk.bring_to(status)
    desk.clock.advance(1)
    if to in NEXT[status]:
        details = await doing(desk.as_(ADMIN), REF)
        assert details.status is to
        assert (details.history[-1].status, details.history[-1].at) == (to, desk.clock.now())
        [published] = desk.published()
        assert (published["type"], published["orderId"], published["totalMinor"]) == (event, "o1", 50)
        assert published["trace"] == desk.as_().traceparent
        assert [line["orderId"] for line in desk.log.lines] == ["o1"]
        return
    before = await get_order(desk.as_(ADMIN), REF)
    if status is to:
        assert await doing(desk.as_(ADMIN), REF) == before
    else:
        assert await refusal(doing(desk.as_(ADMIN), REF)) == code
        assert await get_order(desk.as_(ADMIN), REF) == before
    assert (desk.published(), desk.log.lines) == ([], [])


@pytest.mark.parametrize("status", S)
async def test_a_return_in_every_state(desk: Any, status: S) -> None:
    await desk.bring_to(status)
    if S.RETURNED not in NEXT[status]:
        assert await refusal(return_items(desk.as_(ADA), taking_back(apple=1))) == "not_in_this_state"
        assert desk.published() == []
        return
    receipt = await return_items(desk.as_(ADA), taking_back(apple=1))
    assert (receipt.status, receipt.refund, receipt.currency) == (status, Money(25), "GBP")
    receipt = await return_items(desk.as_(ADA), taking_back(apple=1))
    assert receipt.status is S.RETURNED
    assert await desk.status() is S.RETURNED
    assert [event["type"] for event in desk.published()] == ["OrderReturned", "OrderReturned"]


@pytest.mark.parametrize(("identity", "reason"), [(ADA, "cancelled by the customer"), (ADMIN, "cancelled by the shop")])
async def test_a_cancellation_says_who_asked(desk: Any, identity: Identity, reason: str) -> None:
    await desk.bring_to(S.PENDING)
    details = await cancel_order(desk.as_(identity), REF)
    assert details.history[-1].reason == reason
    [cancelled] = desk.published()
    assert cancelled["reason"] == reason


# ---- returns


async def test_a_return_says_what_came_back_and_what_is_refunded(desk: Any) -> None:
    items = (NewOrderItem(product_id="apple", quantity=2), NewOrderItem(product_id="pear", quantity=1))
    await desk.bring_to(S.DELIVERED, items=items)
    request = NewReturn(
        order_id="o1", items=(ReturnItem(product_id="apple", quantity=1), ReturnItem(product_id="apple", quantity=1))
    )
    receipt = await return_items(desk.as_(ADA), request)
    assert (receipt.refund, receipt.status) == (Money(50), S.DELIVERED)
    [event] = desk.published()
    assert (event["returnId"], event["amountMinor"]) == (receipt.return_id, 50)
    assert event["items"] == [{"productId": "apple", "quantity": 2}]
    details = await get_order(desk.as_(ADA), REF)
    assert [line.returned for line in details.items] == [2, 0]
    assert await refusal(return_items(desk.as_(ADA), taking_back(apple=1))) == "too_many_returned"
    rest = await return_items(desk.as_(ADA), taking_back(pear=1))
    assert (rest.status, rest.refund) == (S.RETURNED, Money(130))
    assert rest.return_id != receipt.return_id
    [book] = (await get_order_books(desk.as_(ADMIN), BookRequest())).items
    assert (book.returned_minor, book.returned_units, book.total_minor, book.units) == (180, 3, 180, 3)


async def test_a_return_sent_again_with_its_key_is_taken_once(desk: Any) -> None:
    items = (NewOrderItem(product_id="apple", quantity=4),)
    await desk.bring_to(S.CONFIRMED, items=items)
    request = replace(taking_back(apple=1), idempotency_key="again")
    first = await return_items(desk.as_(ADA), request)
    assert await return_items(desk.as_(ADA), request) == first
    other = replace(taking_back(apple=2), idempotency_key="again")
    assert await refusal(return_items(desk.as_(ADA), other)) == "idempotency_conflict"
    assert [line.returned for line in (await get_order(desk.as_(ADA), REF)).items] == [1]
    assert await return_items(desk.as_(ADA), replace(request, idempotency_key="new")) != first


async def test_a_refused_return_leaves_no_trace(desk: Any) -> None:
    await desk.bring_to(S.CONFIRMED)
    before = await get_order(desk.as_(ADA), REF)
    assert await refusal(return_items(desk.as_(ADA), taking_back(apple=3))) == "too_many_returned"
    assert await refusal(return_items(desk.as_(ADA), taking_back(apple=1, pear=1))) == "too_many_returned"
    assert await get_order(desk.as_(ADA), REF) == before
    assert desk.published() == []


# ---- lists and books


async def test_a_list_shows_a_customers_own_and_an_administrator_all(desk: Any) -> None:
    for identity, order_id in ((ADA, "o1"), (BOB, "o2"), (ADA, "o3")):
        await desk.place(identity, id=order_id)
        desk.clock.advance(1)

    async def listed(identity: Identity, **query: Any) -> list[str]:
        page = await list_orders(desk.as_(identity), OrderQuery(**query))
        return [item.order_id for item in page.items]

    assert await listed(ADA) == await listed(ADA, customer_id="ada") == ["o3", "o1"]
    assert await listed(ADMIN) == ["o3", "o2", "o1"]
    assert await listed(ADMIN, customer_id="bob") == ["o2"]
    assert await listed(ADA, status=S.RESERVED) == []
    assert await refusal(list_orders(desk.as_(ADA), OrderQuery(customer_id="bob"))) == "not_for_others"
    assert await outcome(desk, Caller(GUEST), ListOrders, OrderQuery()) == "not_allowed"


@pytest.mark.parametrize("limit", [1, 2, 4, 5, 200])
async def test_pages_follow_their_cursor_to_the_end(desk: Any, limit: int) -> None:
    for number in range(5):
        await desk.place(id=f"o{number}")
        desk.clock.advance(number % 2 * 1e-6)
    seen: list[str] = []
    cursor: str | None = None
    while True:
        page = await list_orders(desk.as_(ADA), OrderQuery(limit=limit, cursor=cursor))
        seen += [item.order_id for item in page.items]
        cursor = page.next
        if cursor is None:
            break
    assert seen == ["o4", "o3", "o2", "o1", "o0"]


@pytest.mark.parametrize("cursor", ["x", "~o1", "12", "99999999999999999999999~o1", "1.5~o1", "-"])
async def test_a_cursor_that_no_list_gave_is_refused(desk: Any, cursor: str) -> None:
    assert await refusal(list_orders(desk.as_(ADA), OrderQuery(cursor=cursor))) == "invalid_cursor"


async def test_books_and_states(desk: Any) -> None:
    for order_id in ("o1", "o2", "o3"):
        await desk.bring_to(S.REJECTED, order_id)
    desk.clock.advance(7)
    first = await get_order_books(desk.as_(ADMIN), BookRequest(limit=2))
    assert ([book.order_id for book in first.items], first.next) == (["o1", "o2"], "o2")
    assert first.items[0].age_s == first.items[0].idle_s == 7.0
    last = await get_order_books(desk.as_(ADMIN), BookRequest(limit=2, cursor=first.next))
    assert ([book.order_id for book in last.items], last.next) == (["o3"], None)
    assert last.saga_limit_s > 30
    states = await find_order_states(desk.as_(), OrderStatesQuery(order_ids=("o3", "none", "o1")))
    assert sorted((each.order_id, each.status) for each in states.items) == [("o1", S.REJECTED), ("o3", S.REJECTED)]


# ---- following


async def test_an_order_is_followed_until_it_ends(desk: Any, walk: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(operations, "FOLLOW_EVERY_S", 0.0)
    await desk.place(id="o1")
    stream: AsyncIterator[OrderUpdate] = follow_order(desk.as_(ADA), REF)
    assert (await anext(stream)).status is S.PENDING
    await walk(desk.store, "o1", Step(S.RESERVED, desk.clock.now()), Step(S.CANCELLED, desk.clock.now(), "why"))
    told = [(update.order_id, update.status, update.reason) async for update in stream]
    assert told == [("o1", S.RESERVED, None), ("o1", S.CANCELLED, "why")]


@pytest.mark.parametrize("status", sorted(set(S) - {S.PENDING, S.RESERVED}))
async def test_an_order_that_has_ended_is_told_whole_and_at_once(desk: Any, status: S) -> None:
    await desk.bring_to(status)
    told = [update.status async for update in follow_order(desk.as_(ADA), REF)]
    details = await get_order(desk.as_(ADA), REF)
    assert told == [step.status for step in details.history]
    assert told[-1] is status


async def test_following_ends_with_the_deadline(desk: Any) -> None:
    await desk.place(id="o1")
    ctx = desk.as_(ADA)
    desk.clock.advance(31)
    assert [update.status async for update in follow_order(ctx, REF)] == [S.PENDING]


async def test_only_the_owner_follows(desk: Any) -> None:
    await desk.place(id="o1")
    assert await refusal(anext(follow_order(desk.as_(BOB), REF))) == "not_yours"
    way = LocalDispatcher({})
    way.bind(desk.instance, way)
    call = Call(Caller(ANONYMOUS), "", Deadline.after(30.0, desk.clock))
    assert await refusal(anext(way.stream(FollowOrder, REF, call))) == "sign_in"
