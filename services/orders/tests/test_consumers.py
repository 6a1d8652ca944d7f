"""The saga as orders see it: every event in every state, late, repeated and out of order."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from itertools import pairwise, permutations, product
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from souk_chassis.auth.identity import Identity, Role
from souk_chassis.auth.keys import new_key
from souk_chassis.errors import SoukError
from souk_chassis.events.event import MAX_MESSAGE, Event, pack
from souk_chassis.money import MAX_MINOR
from souk_chassis.runtimes.instance import Foundation
from souk_chassis.testing.clock import ManualClock
from souk_contracts.order_status import OPEN
from souk_contracts.order_status import OrderStatus as S
from souk_contracts.orders import NewReturn, OrderRef, ReturnItem
from souk_contracts.payments import PaymentCaptured, PaymentDeclined
from souk_contracts.products import ShortItem, StockRejected, StockReserved
from souk_contracts.shop import MAX_LINES
from souk_orders.bootstrap import build
from souk_orders.consumers import (
    OVERDUE_AFTER,
    OVERDUE_BATCH,
    ask_after_overdue,
    on_payment_captured,
    on_payment_declined,
    on_stock_rejected,
    on_stock_reserved,
)
from souk_orders.domain import NEXT, Head, Line, steps_to
from souk_orders.facts import confirmed
from souk_orders.operations import cancel_order, deliver_order, get_order, return_items, ship_order

ADMIN = Identity(Role.ADMIN, "root")
TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
SHORT = (ShortItem(product_id="apple", requested=2, available=1),)


def reserved(order_id: str = "o1") -> StockReserved:
    """Products could reserve."""
    return StockReserved(order_id=order_id, total_minor=50, currency="GBP", payment_method="tok_ok")


def rejected(order_id: str = "o1") -> StockRejected:
    """Products could not."""
    return StockRejected(order_id=order_id, short_items=SHORT)


def captured(order_id: str = "o1") -> PaymentCaptured:
    """The money is here."""
    return PaymentCaptured(order_id=order_id, payment_id="p1", amount_minor=50)


def declined(order_id: str = "o1") -> PaymentDeclined:
    """The money is not."""
    return PaymentDeclined(order_id=order_id, reason="insufficient_funds")


Handler = Callable[..., Awaitable[None]]
NEWS: dict[str, tuple[Handler, Callable[[str], Event], S, str | None]] = {
    "reserved": (on_stock_reserved, reserved, S.RESERVED, None),
    "rejected": (on_stock_rejected, rejected, S.REJECTED, "OrderRejected"),
    "captured": (on_payment_captured, captured, S.CONFIRMED, "OrderConfirmed"),
    "declined": (on_payment_declined, declined, S.CANCELLED, "OrderCancelled"),
}
_TAKEN = {
    (S.PENDING, "reserved"),
    (S.PENDING, "rejected"),
    (S.PENDING, "captured"),
    (S.PENDING, "declined"),
    (S.RESERVED, "captured"),
    (S.RESERVED, "declined"),
}
"""The news that moves an order. All other news is late or repeated."""


@pytest.mark.parametrize("twice", ["once", "twice", "twice in one batch"])
@pytest.mark.parametrize(("status", "name"), list(product(S, NEWS)))
async def test_every_event_in_every_state(desk: Any, status: S, name: str, twice: str) -> None:
    handler, make, to, event = NEWS[name]
    await desk.bring_to(status)
    before = await desk.store.details("o1")
    desk.clock.advance(1)
    published = await desk.hear(handler, *([make("o1")] * (2 if twice == "twice in one batch" else 1)))
    if twice == "twice":
        assert await desk.hear(handler, make("o1")) == []
    if (status, name) in _TAKEN:
        assert await desk.status() is to
        assert [each["type"] for each in published] == ([event] if event else [])
        _, details = await desk.store.details("o1")
        way = [step.status for step in details.history]
        assert way == [step.status for step in before[1].history] + list(steps_to(status, to))
        assert details.history[-1].at == desk.clock.now()
        assert len(desk.log.lines) == 1
    else:
        assert published == []
        assert await desk.store.details("o1") == before
        assert desk.log.lines == []


@pytest.mark.parametrize("name", NEWS)
async def test_news_of_an_unknown_order_is_an_error_in_the_log_and_nothing_else(desk: Any, name: str) -> None:
    handler, make, _, event = NEWS[name]
    await desk.bring_to(S.PENDING)
    published = await desk.hear(handler, make("none"), make("o1"))
    assert [each["orderId"] for each in published] == (["o1"] if event else [])
    assert [(line["level"], line["orderId"]) for line in desk.log.lines] == [("error", "none"), ("info", "o1")]


async def test_a_batch_moves_each_order_by_itself(desk: Any) -> None:
    for order_id, status in (("o1", S.PENDING), ("o2", S.RESERVED), ("o3", S.CANCELLED), ("o4", S.CONFIRMED)):
        await desk.bring_to(status, order_id)
    published = await desk.hear(on_payment_captured, *(captured(f"o{n}") for n in (4, 3, 2, 1, 2)))
    assert [(each["type"], each["orderId"]) for each in published] == [
        ("OrderConfirmed", "o2"),
        ("OrderConfirmed", "o1"),
    ]
    assert [await desk.status(f"o{n}") for n in (1, 2, 3, 4)] == [S.CONFIRMED, S.CONFIRMED, S.CANCELLED, S.CONFIRMED]


async def test_what_is_published_says_whose_order_it_is_and_goes_on_with_the_trace(desk: Any) -> None:
    facts = {
        "trace": desk.as_().traceparent,
        "customerId": "ada",
        "email": None,
        "totalMinor": 50,
        "currency": "GBP",
    }
    for order_id in ("o1", "o2", "o3"):
        await desk.bring_to(S.PENDING, order_id)
    assert await desk.hear(on_payment_captured, captured("o1")) == [
        {
            "type": "OrderConfirmed",
            "orderId": "o1",
            "items": [{"productId": "apple", "quantity": 2, "unitPriceMinor": 25}],
            **facts,
        }
    ]
    [event] = await desk.hear(on_stock_rejected, rejected("o2"))
    short = [{"productId": "apple", "requested": 2, "available": 1}]
    assert event == {"type": "OrderRejected", "orderId": "o2", "shortItems": short, **facts}
    [event] = await desk.hear(on_payment_declined, declined("o3"))
    reason = "payment declined: insufficient_funds"
    assert event == {"type": "OrderCancelled", "orderId": "o3", "reason": reason, **facts}
    _, rejected_order = await desk.store.details("o2")
    assert [line.product_id for line in rejected_order.short_items] == ["apple"]
    assert rejected_order.history[-1].reason == "short of apple"
    assert [line["message"] for line in desk.log.lines] == ["order confirmed", "order rejected", "order cancelled"]


async def test_a_confirmation_says_what_was_sold_of_each_order_of_a_batch(desk: Any, draft: Any) -> None:
    """Lines of one product at one price are one item, at two prices two."""
    several = (Line("a", 1, 10), Line("b", 2, 7), Line("a", 4, 10), Line("a", 1, 9))
    async with desk.store.unit() as unit:
        await unit.place([draft("several", lines=several), draft("single"), draft("cancelled")])
    await cancel_order(desk.as_(ADMIN), OrderRef(order_id="cancelled"))
    desk.published()
    published = await desk.hear(on_payment_captured, *map(captured, ("single", "cancelled", "several")))
    told = {
        event["orderId"]: [(item["productId"], item["quantity"], item["unitPriceMinor"]) for item in event["items"]]
        for event in published
    }
    assert told == {"single": [("apple", 2, 25)], "several": [("a", 5, 10), ("b", 2, 7), ("a", 1, 9)]}
    assert all(
        event["totalMinor"] == sum(units * price for _, units, price in told[event["orderId"]]) for event in published
    )


def test_the_widest_confirmation_fits_into_one_message_of_sqs() -> None:
    """2,000 lines whose ids are as long as can be, and whose sum is the highest that there is."""
    lines = [Line(f"{n:064}", 2, MAX_MINOR // MAX_LINES // 2) for n in range(MAX_LINES)]
    head = Head("o" * 64, "c" * 64, f"{'e' * 64}@{'d' * 189}", S.RESERVED, MAX_MINOR, "GBP")
    stored = pack(confirmed(head, lines), source="orders", time=ManualClock().now(), traceparent=TRACE)
    assert len(stored.json) < MAX_MESSAGE - 1_000  # its attributes count as well


@pytest.mark.parametrize("order", list(permutations(["reserved", "captured"])))
async def test_payment_news_may_overtake_the_reservation(desk: Any, order: tuple[str, ...]) -> None:
    await desk.bring_to(S.PENDING)
    published = [event for name in order for event in await desk.hear(NEWS[name][0], NEWS[name][1]("o1"))]
    assert await desk.status() is S.CONFIRMED
    assert [event["type"] for event in published] == ["OrderConfirmed"]


async def test_a_cancellation_stays_whatever_is_heard_after_it(desk: Any) -> None:
    await desk.bring_to(S.PENDING)
    await cancel_order(desk.as_(ADMIN), OrderRef(order_id="o1"))
    desk.published()
    for handler, make, _, _ in NEWS.values():
        assert await desk.hear(handler, make("o1")) == []
    assert await desk.status() is S.CANCELLED


# ---- the reconciler


async def test_overdue_orders_are_asked_after_with_all_that_their_first_event_said(desk: Any) -> None:
    await desk.place(id="o1", payment_method="tok_slow")
    [created] = desk.published()
    await desk.bring_to(S.RESERVED, "o2")
    for number, status in enumerate(sorted(set(S) - OPEN)):
        await desk.bring_to(status, f"ended{number}")
    desk.clock.advance(OVERDUE_AFTER.total_seconds())
    await ask_after_overdue(desk.as_())
    assert desk.published() == []
    desk.clock.advance(1)
    desk.log.lines.clear()
    await ask_after_overdue(desk.as_())
    first, second = desk.published()
    assert first == {**created, "type": "OrderOverdue"}
    assert (second["type"], second["orderId"]) == ("OrderOverdue", "o2")
    assert [(line["level"], line["orderId"]) for line in desk.log.lines] == [("warning", "o1"), ("warning", "o2")]


async def test_an_overdue_order_is_asked_after_again_and_again_but_not_at_once(desk: Any) -> None:
    await desk.place(id="o1")
    desk.published()
    asked = []
    for _ in range(7):
        desk.clock.advance(16)
        await ask_after_overdue(desk.as_())
        asked.append(len(desk.published()))
    assert asked == [0, 1, 0, 1, 0, 1, 0]
    await desk.hear(on_stock_reserved, reserved())
    desk.clock.advance(OVERDUE_AFTER.total_seconds())
    await ask_after_overdue(desk.as_())
    assert desk.published() == []


async def test_many_overdue_orders_are_asked_after_in_turns(desk: Any, draft: Any) -> None:
    async with desk.store.unit() as unit:
        await unit.place([draft(f"o{n:03}", lines=(Line("apple", 1, 25),)) for n in range(OVERDUE_BATCH + 5)])
    desk.clock.advance(OVERDUE_AFTER.total_seconds() + 1)
    asked: list[list[str]] = []
    for _ in range(3):
        await ask_after_overdue(desk.as_())
        asked.append([event["orderId"] for event in desk.published()])
        desk.clock.advance(timedelta(seconds=1).total_seconds())
    assert [len(each) for each in asked] == [OVERDUE_BATCH, 5, 0]
    assert len(set(asked[0] + asked[1])) == OVERDUE_BATCH + 5


# ---- anything in any order


class _AnyWay(RuleBasedStateMachine):
    """One order of two apples, to which anything happens in any order."""

    desk: Any
    runner: asyncio.Runner

    def __init__(self) -> None:
        super().__init__()
        self.order_id = f"o{len(self.desk.store.tables['orders'])}"
        self.published: list[str] = []
        self.back = 0
        self.run(self.desk.place(id=self.order_id))

    def run(self, work: Awaitable[Any]) -> Any:
        """Run to its end, and keep what was published."""

        async def running() -> Any:
            return await work

        try:
            return self.runner.run(running())
        finally:
            self.published += [event["type"] for event in self.desk.published() if event["type"] != "OrderCreated"]

    @rule(name=st.sampled_from(sorted(NEWS)))
    def hear(self, name: str) -> None:
        handler, make, _, _ = NEWS[name]
        outbox: list[dict[str, Any]] = self.run(self.desk.hear(handler, make(self.order_id)))
        self.published += [event["type"] for event in outbox]

    @rule(doing=st.sampled_from([cancel_order, ship_order, deliver_order]))
    def ask(self, doing: Any) -> None:
        try:
            self.run(doing(self.desk.as_(ADMIN), OrderRef(order_id=self.order_id)))
        except SoukError as error:
            assert error.code in {"too_late", "not_in_this_state"}  # noqa: PT017 - both ends are right

    @precondition(lambda self: self.back < 2)
    @rule(units=st.integers(1, 2))
    def take_back(self, units: int) -> None:
        request = NewReturn(order_id=self.order_id, items=(ReturnItem(product_id="apple", quantity=units),))
        try:
            self.run(return_items(self.desk.as_(ADMIN), request))
        except SoukError as error:
            assert error.code in {"too_many_returned", "not_in_this_state"}  # noqa: PT017 - as above
        else:
            self.back += units

    @rule()
    def wait(self) -> None:
        self.desk.clock.advance(OVERDUE_AFTER.total_seconds() + 1)
        self.run(ask_after_overdue(self.desk.as_()))

    @invariant()
    def history_is_a_path_of_the_table(self) -> None:
        details = self.run(get_order(self.desk.as_(ADMIN), OrderRef(order_id=self.order_id)))
        path = [step.status for step in details.history]
        assert path[0] is S.PENDING
        assert all(to in NEXT[status] for status, to in pairwise(path))
        told = [event for event in self.published if event not in {"OrderOverdue", "OrderReturned"}]
        names = {S.CONFIRMED: "OrderConfirmed", S.REJECTED: "OrderRejected", S.CANCELLED: "OrderCancelled"}
        names |= {S.SHIPPED: "OrderShipped", S.DELIVERED: "OrderDelivered"}
        assert told == [names[status] for status in path if status in names]
        assert sum(line.returned for line in details.items) == self.back
        assert (details.status is S.RETURNED) == (self.back == 2 and S.CANCELLED not in path)


def test_whatever_happens_an_order_takes_a_way_of_the_table(request: pytest.FixtureRequest) -> None:
    with asyncio.Runner() as runner:
        clock = ManualClock()
        instance = runner.run(build(Foundation(clock, new_key("orders"), {}, None)))
        make = request.getfixturevalue("make_desk")
        machine = type("AnyWay", (_AnyWay,), {"desk": make(instance, clock), "runner": runner})
        run_state_machine_as_test(machine, settings=settings(max_examples=60, stateful_step_count=12))
        runner.run(instance.close())
