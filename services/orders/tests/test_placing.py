"""Placing: for whom, at which price, and what a repeat gets."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import pytest

from souk_chassis import wire
from souk_chassis.auth.identity import ANONYMOUS, Identity, Role
from souk_chassis.auth.keys import PublicKeys, jwks
from souk_chassis.auth.tokens import TokenVerifier
from souk_chassis.errors import ErrorKind, SoukError, unavailable
from souk_chassis.money import Money
from souk_chassis.storage.ports import Subscriptions
from souk_contracts.order_status import OrderStatus
from souk_contracts.orders import NewOrder, NewOrderItem
from souk_orders.domain import Line
from souk_orders.placing import place_order
from souk_orders.ports import OrderStore

ADA = Identity(Role.CUSTOMER, "ada")
BOB = Identity(Role.CUSTOMER, "bob")
ADMIN = Identity(Role.ADMIN, "root")
GUEST = Identity(Role.GUEST, order_id="another")
MAIL = "guest@example.org"


def item(product_id: str = "apple", quantity: int = 2, price: int | None = None) -> NewOrderItem:
    """A line of a new order."""
    return NewOrderItem(product_id=product_id, quantity=quantity, unit_price=None if price is None else Money(price))


async def refused(desk: Any, identity: Identity, /, **fields: Any) -> SoukError:
    """The error that placing answers with. Nothing may be stored."""
    stored = len(desk.store.tables["orders"])
    with pytest.raises(SoukError) as error:
        await desk.place(identity, **fields)
    assert len(desk.store.tables["orders"]) == stored
    assert desk.published() == []
    return error.value


async def test_an_order_is_stored_with_its_event_and_its_log_line(desk: Any) -> None:
    items = (item("apple", 3), item("pear", 1), item("apple", 4))
    receipt = await desk.place(ADA, items=items, payment_method="tok_slow")
    assert (receipt.status, receipt.total, receipt.currency) == (OrderStatus.PENDING, Money(305), "GBP")
    assert (receipt.token, receipt.cached) == (None, False)
    [created] = desk.published()
    assert created.pop("trace") == desk.as_().traceparent
    assert created == {
        "type": "OrderCreated",
        "orderId": receipt.order_id,
        "customerId": "ada",
        "email": None,
        "totalMinor": 305,
        "currency": "GBP",
        "paymentMethod": "tok_slow",
        "items": [{"productId": "apple", "quantity": 7}, {"productId": "pear", "quantity": 1}],
    }
    [line] = desk.log.lines
    assert (line["message"], line["orderId"], line["customerId"], line["total"]) == (
        "order placed",
        receipt.order_id,
        "ada",
        "3.05",
    )
    assert desk.products.asked == [("apple", "pear")]


@pytest.mark.parametrize(
    ("identity", "fields", "owner"),
    [
        (ADA, {}, "ada"),
        (ADA, {"customer_id": "ada"}, "ada"),
        (ADMIN, {"customer_id": "whoever"}, "whoever"),
        (ADMIN, {}, None),
        (ANONYMOUS, {"email": MAIL}, None),
        (GUEST, {"email": MAIL}, None),
    ],
)
async def test_whose_order_it_is(desk: Any, identity: Identity, fields: dict[str, Any], owner: str | None) -> None:
    receipt = await desk.place(identity, **fields)
    head, _ = await desk.store.details(receipt.order_id)
    assert (head.customer_id, head.email) == (owner, fields.get("email"))
    assert (receipt.token is not None) == (identity.role in {Role.ANONYMOUS, Role.GUEST})


@pytest.mark.parametrize(
    ("identity", "fields", "kind", "code"),
    [
        (ADA, {"customer_id": "bob"}, ErrorKind.FORBIDDEN, "not_for_others"),
        (ANONYMOUS, {"customer_id": "ada", "email": MAIL}, ErrorKind.FORBIDDEN, "not_for_others"),
        (ANONYMOUS, {}, ErrorKind.INVALID, "email_needed"),
        (GUEST, {}, ErrorKind.INVALID, "email_needed"),
        (ADA, {"items": (item("none"),)}, ErrorKind.INVALID, "unknown_product"),
        (ADMIN, {"items": (item("none"),)}, ErrorKind.INVALID, "unknown_product"),
        (ADA, {"items": (item(), item(price=26))}, ErrorKind.CONFLICT, "price_changed"),
        (ANONYMOUS, {"items": (item(price=24),), "email": MAIL}, ErrorKind.CONFLICT, "price_changed"),
        (ADA, {"total": Money(51)}, ErrorKind.INVALID, "wrong_total"),
        (ADMIN, {"total": Money(49), "items": (item(price=25),)}, ErrorKind.INVALID, "wrong_total"),
        (ADA, {"items": (item("free"),)}, ErrorKind.INVALID, "out_of_range"),
        (ADMIN, {"items": (item(price=0),)}, ErrorKind.INVALID, "out_of_range"),
        (ADMIN, {"items": (item(quantity=10_000, price=1_000_000),)}, ErrorKind.INVALID, "out_of_range"),
    ],
)
async def test_what_is_refused(
    desk: Any, identity: Identity, fields: dict[str, Any], kind: ErrorKind, code: str
) -> None:
    error = await refused(desk, identity, **fields)
    assert (error.kind, error.code) == (kind, code)


async def test_a_changed_price_is_named_by_its_line(desk: Any) -> None:
    error = await refused(desk, ADA, items=(item(price=25), item("pear", 1, price=131)))
    assert error.fields == {"items[1].unitPrice": "Now 1.30"}


async def test_an_administrators_price_stands_and_is_not_asked_for(desk: Any) -> None:
    receipt = await desk.place(ADMIN, items=(item("none", 2, price=7), item("apple", 1)), total=Money(39))
    assert receipt.total == Money(39)
    assert desk.products.asked == [("apple",)]
    await desk.place(ADMIN, items=(item("none", 2, price=7),))
    assert desk.products.asked == [("apple",)]


async def test_the_largest_total_is_accepted(desk: Any) -> None:
    receipt = await desk.place(ADMIN, items=(item(quantity=1, price=9_999_999_999),))
    assert str(receipt.total) == "99999999.99"


@pytest.mark.parametrize("fields", [{"id": "o1"}, {"idempotency_key": "k1"}, {"id": "o1", "idempotency_key": "k1"}])
@pytest.mark.parametrize("identity", [ADA, ADMIN, ANONYMOUS])
async def test_a_repeat_gets_the_first_answer(desk: Any, identity: Identity, fields: dict[str, Any]) -> None:
    body = {"email": MAIL, **fields}
    first = await desk.place(identity, **body)
    assert len(desk.published()) == 1
    desk.clock.advance(3600)
    assert await desk.place(identity, **body) == first
    assert desk.published() == []
    assert [line["message"] for line in desk.log.lines] == ["order placed"]


async def test_repeats_at_the_same_time_are_one_order(desk: Any) -> None:
    receipts: Sequence[Any] = await asyncio.gather(
        *(desk.place(ANONYMOUS, email=MAIL, idempotency_key="k1") for _ in range(20))
    )
    assert len(set(receipts)) == 1
    assert len(desk.published()) == 1


@pytest.mark.parametrize("fields", [{"id": "o1"}, {"idempotency_key": "k1"}])
@pytest.mark.parametrize(
    "change",
    [{"items": (item(quantity=3),)}, {"payment_method": "tok_slow"}, {"email": MAIL}, {"total": Money(50)}],
)
async def test_a_repeat_with_another_body_is_a_conflict(
    desk: Any, fields: dict[str, Any], change: dict[str, Any]
) -> None:
    await desk.place(ADA, **fields)
    desk.published()
    error = await refused(desk, ADA, **fields, **change)
    assert (error.kind, error.code) == (ErrorKind.CONFLICT, "idempotency_conflict")


async def test_an_id_belongs_to_all_and_a_key_to_its_caller(desk: Any) -> None:
    await desk.place(ADA, id="o1")
    await desk.place(ADA, idempotency_key="k1")
    await desk.place(BOB, idempotency_key="k1")
    desk.published()
    assert (await refused(desk, BOB, id="o1")).code == "idempotency_conflict"


@pytest.mark.parametrize("total", [None, Money(50)])
@pytest.mark.parametrize("trouble", ["changed", "gone", "away"])
@pytest.mark.parametrize("fields", [{"id": "o1"}, {"idempotency_key": "k1"}])
async def test_a_repeat_gets_its_first_answer_when_prices_have_changed(
    desk: Any, fields: dict[str, Any], trouble: str, total: Money | None
) -> None:
    body = {**fields, "items": (item(price=25),) if total is None else (item(),), "total": total}
    first = await desk.place(ADA, **body)
    desk.published()
    if trouble == "changed":
        desk.products.prices["apple"] = 26
    elif trouble == "gone":
        del desk.products.prices["apple"]
    else:
        desk.products.failure = unavailable("away", "Products are away.")
        desk.deps.pricing.last_known._prices.clear()
    assert await desk.place(ADA, **body) == first
    assert desk.published() == []
    changed = {**body, "items": (item(quantity=9),), "total": Money(1)}
    assert (await refused(desk, ADA, **changed)).code == "idempotency_conflict"


async def test_a_guests_token_is_for_that_order_alone_and_equal_for_repeats(desk: Any) -> None:
    first = await desk.place(ANONYMOUS, email=MAIL, id="g1")
    desk.clock.advance(100)
    again = await desk.place(GUEST, email=MAIL, id="g1")
    assert first.token == again.token
    other = await desk.place(ANONYMOUS, email=MAIL, id="g2")
    assert other.token != first.token


async def test_a_guests_token_is_one_that_the_gateway_takes(desk: Any, clock: Any) -> None:
    clock.set_now(datetime.now(UTC))
    receipt = await desk.place(ANONYMOUS, email=MAIL, id="g1")
    verifier = TokenVerifier(PublicKeys.from_jwks(jwks([desk.deps.key])))
    assert verifier.verify(receipt.token).identity == Identity(Role.GUEST, order_id="g1")


async def test_last_known_prices_are_marked_here_and_in_the_order(desk: Any) -> None:
    await desk.place(ADA)
    desk.products.failure = unavailable("away", "Products are away.")
    body = {"id": "o1", "items": (item("apple", 4),)}
    receipt = await desk.place(ADA, **body)
    assert (receipt.total, receipt.cached) == (Money(100), True)
    assert wire.decode(wire.encode(receipt), dict[str, Any])["cached"] is True
    _, details = await desk.store.details("o1")
    assert details.prices_cached
    desk.products.failure = None
    assert await desk.place(ADA, **body) == receipt
    assert not (await desk.place(ADA)).cached


async def test_without_known_prices_nothing_is_placed(desk: Any) -> None:
    await desk.place(ADA)
    desk.published()
    desk.products.failure = unavailable("away", "Products are away.")
    error = await refused(desk, ADA, items=(item("apple"), item("pear")))
    assert error.kind is ErrorKind.UNAVAILABLE


async def test_a_store_that_is_away_places_nothing(desk: Any) -> None:
    desk.store.reachable = False
    error = await refused(desk, ADA)
    assert error.kind is ErrorKind.UNAVAILABLE
    desk.store.reachable = True
    assert (await desk.place(ADA)).status is OrderStatus.PENDING


async def test_many_orders_go_in_one_unit_of_work(desk: Any, draft: Any) -> None:
    placed = await desk.store.place([draft("o1"), draft("o2"), draft("o1")])
    assert [(each.order_id, each.fresh) for each in placed] == [("o1", True), ("o2", True), ("o1", False)]
    assert [event["orderId"] for event in desk.published()] == ["o1", "o2"]


async def test_an_order_of_1114_lines_is_placed(desk: Any) -> None:
    desk.products.prices |= {f"p{n}": 1 + n for n in range(1114)}
    receipt = await place_order(desk.as_(ADA), NewOrder(items=tuple(item(f"p{n}", 1) for n in range(1114))))
    assert receipt.total == 1114 * 1115 // 2
    [created] = desk.published()
    assert len(created["items"]) == 1114


@pytest.mark.parametrize("make_store", ["memory", "postgres"], indirect=True)  # DynamoDB's outbox has no messages
async def test_events_of_wide_orders_do_not_share_a_message(store: OrderStore, draft: Any) -> None:
    lines = tuple(Line(f"{number:064}", 1_000_000, 1) for number in range(1_500))
    await store.place([draft("w1", lines=lines), draft("n1"), draft("w2", lines=lines), draft("n2")])
    assert await store.outbox_size() == 4
    assert await store.relay(Subscriptions({}, {}), 100) == 2
